/** The book (machine.ts) of a forked process: its own, a copy of its parent's to begin with, and who asks it (child.ts). */
import { ENOSYS } from '../errno.ts';
import { fetchAdd, loadAcquire, lock, storeRelease, unlock } from '../sync.ts';
import { type Mailbox, startChild } from './child.ts';
import type { Libc } from './libc.ts';
import { keepingBook, type LinuxMachine, openViews, STATE } from './machine.ts';

/**
 * Forks: the new process's book, or −errno. −ENOSYS where it is not an x86-64, and in a process that was forked itself: nobody is
 * there to go on in both.
 */
export function forkMachine(libc: Libc, parent: LinuxMachine): LinuxMachine | number {
  if (process.arch !== 'x64' || mailboxOf(parent) !== null) return -ENOSYS;
  const child = startChild(libc);
  return typeof child === 'number' ? child : openBook(libc, parent, child);
}

function openBook(libc: Libc, parent: LinuxMachine, { pid, address }: Mailbox): LinuxMachine {
  const shared = keepingBook(parent, () => parent.shared.slice(0));
  const machine = openViews(libc, shared, null);
  machine.state.set([pid, address | 0, Math.floor(address / 2 ** 32)], STATE.pid);
  for (const word of [STATE.lock, STATE.asking, STATE.threads]) storeRelease(machine.state, word, 0);
  storeRelease(machine.state, STATE.attached, 0);
  return machine;
}

/** A thread begins to ask a forked process, or has done so. Answers how many do now. */
export function countAsking({ state }: LinuxMachine, change: 1 | -1): number {
  return fetchAdd(state, STATE.threads, change) + change;
}

/** Runs `body` when it is this thread's turn to ask the forked process. */
export function inTurn<T>({ state }: LinuxMachine, body: () => T): T {
  lock(state, STATE.asking);
  try {
    return body();
  } finally {
    unlock(state, STATE.asking);
  }
}

/** Where the machine's process is asked; null: it is this one. */
export function mailboxOf({ state }: LinuxMachine): Mailbox | null {
  const [pid, low, high] = [STATE.pid, STATE.mailboxLow, STATE.mailboxHigh].map((word) =>
    loadAcquire(state, word),
  ) as [number, number, number];
  return pid === 0 ? null : { pid, address: high * 2 ** 32 + (low >>> 0) };
}
