/**
 * A forked process that has one thread, and does what it is told: a few instructions that wait on a futex in shared memory, make
 * one system call or copy a few bytes, and wait again. It has this process's memory as it was, but nothing of Node runs in it:
 * after a fork of a program with many threads nothing else may (fork(2), "async-signal-safe").
 *
 * The mailbox, in 64-bit words: state (1: something is asked, 2: it is done), number, six arguments, answer. The bytes of
 * arguments follow a page further on.
 */
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, PROT_EXEC, PROT_READ, PROT_WRITE } from '../abi.ts';
import { AccessError, MachineGoneError, PAGE_BYTES } from '../kernel.ts';
import type { Libc } from './libc.ts';

/**
 * x86-64, position-independent; the mailbox's address comes in rdi:
 *
 *            mov rbx, rdi
 *     wait:  mov edx, [rbx]; cmp edx, 1; je run
 *            futex(rbx, FUTEX_WAIT, edx, NULL); jmp wait
 *     run:   rax, rdi, rsi, rdx, r10, r8, r9 = the seven words from [rbx + 8] on
 *            cmp rax, -1; je word
 *            cmp rax, -2; je bytes
 *            syscall; jmp done
 *     word:  mov eax, [rsi]; mov [rdi], eax; xor eax, eax; jmp done
 *     bytes: mov rcx, rdx; rep movsb; xor eax, eax
 *     done:  mov [rbx + 64], rax; mov dword ptr [rbx], 2
 *            futex(rbx, FUTEX_WAKE, 1); jmp wait
 */
const CODE =
  '4889fb8b1383fa017411b8ca0000004889df31f64531d20f05ebe8488b4308488b7b10488b7318488b53204c8b53284c8b43304c8b4b384883f8ff740a4883f8fe740c0f05eb0f8b06890731c0eb074889d1f3a431c048894340c70302000000b8ca0000004889dfbe01000000ba010000000f05eb8d';
/** What is asked for that is no system call: to copy a 32-bit word, or bytes; to, from, and how many. */
export const WORD = -1;
export const BYTES = -2;
const PRCTL = 157;
const SIGACTION = 13;
const STATE = { asked: 1, done: 2 } as const;
const ANSWER = 8;

/** Bytes of the mailbox and of its room for the bytes of arguments. */
export const ROOM_BYTES = 1 << 20;
const MAILBOX_BYTES = PAGE_BYTES + ROOM_BYTES;
/** Of its code, and of its stack. */
const OWN_BYTES = 5 * PAGE_BYTES;

const SIGKILL = 9;
const SIGBUS = 7;
const SIGSEGV = 11;
const SIGNALS: ReadonlyMap<number, 'SIGSEGV' | 'SIGBUS'> = new Map([
  [SIGSEGV, 'SIGSEGV'],
  [SIGBUS, 'SIGBUS'],
]);
const PR_SET_PDEATHSIG = 1;
const SIGACTION_BYTES = 32;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const WNOHANG = 1;
const ALL_CHILDREN = 0x4000_0000; // __WALL
/** How often whoever waits looks whether the process is there still, in ms. */
const SLICE_MS = 20;

/** Where a forked process is asked. */
export interface Mailbox {
  readonly pid: number;
  readonly address: number;
}

/** The process, or −errno. Of x86-64 alone. */
export function startChild(libc: Libc): Mailbox | number {
  const address = map(libc, MAILBOX_BYTES, MAP_SHARED);
  if (address < 0) return address;
  const pid = cloneInto(libc, address);
  if (pid < 0) {
    libc.munmap(address, MAILBOX_BYTES);
    return pid;
  }
  const mailbox = { pid, address };
  const ask = makeAsk(libc, mailbox);
  ask(PRCTL, PR_SET_PDEATHSIG, SIGKILL); // with the thread that has forked it
  const room = address + PAGE_BYTES;
  libc.copyIn(room, new Uint8Array(SIGACTION_BYTES), SIGACTION_BYTES);
  // V8's handlers are not for it.
  for (const signal of [SIGSEGV, SIGBUS]) ask(SIGACTION, signal, room, 0, 8);
  return mailbox;
}

function map(libc: Libc, bytes: number, type: number): number {
  return libc.mmap(0, bytes, PROT_READ | PROT_WRITE, type | MAP_ANONYMOUS, -1, 0);
}

/** A process that runs the code: its number. What it runs in is its own copy. */
function cloneInto(libc: Libc, mailbox: number): number {
  const own = map(libc, OWN_BYTES, MAP_PRIVATE);
  if (own < 0) return own;
  const code = Uint8Array.from(Buffer.from(CODE, 'hex'));
  libc.copyIn(own, code, code.length);
  libc.mprotect(own, PAGE_BYTES, PROT_READ | PROT_EXEC);
  // No signal tells of its end, which Node would take for one of its own children's.
  const pid = libc.clone(own, own + OWN_BYTES, 0, mailbox);
  libc.munmap(own, OWN_BYTES);
  return pid;
}

/** Has the process do something, and waits for its answer: a system call's by its number and arguments, or WORD or BYTES. */
export type Ask = (number: number, ...args: readonly number[]) => number;

/**
 * @throws AccessError if it dies of an access meanwhile
 * @throws MachineGoneError if it has ended
 */
export function makeAsk(libc: Libc, { pid, address }: Mailbox): Ask {
  const words = new BigInt64Array(libc.view(address, PAGE_BYTES));
  const states = new Int32Array(words.buffer);
  const status = new Int32Array(1);
  const slice = new Uint8Array(new BigInt64Array([0n, BigInt(SLICE_MS) * 1_000_000n]).buffer);

  function requireAlive(number: number, args: readonly number[]): void {
    const ended = libc.waitpid(pid, new Uint8Array(status.buffer), WNOHANG | ALL_CHILDREN);
    if (ended === 0) return;
    const signal = ended > 0 ? SIGNALS.get((status[0] as number) & 0x7f) : undefined;
    if (signal === undefined || number >= 0)
      throw new MachineGoneError(`the forked process ${pid} has ended while it was asked for ${number}`);
    throw new AccessError(signal, accessed(args, address), `the forked process ${pid} died of it`);
  }

  return (number, ...args) => {
    if (Atomics.load(states, 0) === STATE.asked)
      throw new MachineGoneError(`the forked process ${pid} has ended`);
    words[1] = BigInt(number);
    for (let i = 0; i < 6; i++) words[2 + i] = BigInt(args[i] ?? 0);
    Atomics.store(states, 0, STATE.asked);
    libc.futex(address, FUTEX_WAKE, 1, null);
    for (;;) {
      if (Atomics.load(states, 0) !== STATE.asked) return Number(words[ANSWER]);
      libc.futex(address, FUTEX_WAIT, STATE.asked, slice);
      if (Atomics.load(states, 0) === STATE.asked) requireAlive(number, args);
    }
  };
}

/** Of the two addresses of a copy the one that is not of the mailbox. */
function accessed([to = 0, from = 0]: readonly number[], mailbox: number): number {
  return to >= mailbox && to < mailbox + MAILBOX_BYTES ? from : to;
}

/** The process ends, if it has not, and nobody asks it any more. */
export function endChild(libc: Libc, { pid, address }: Mailbox): void {
  // One that has died was awaited then, and its number may be another's by now.
  const isOurs = libc.waitpid(pid, new Uint8Array(4), WNOHANG | ALL_CHILDREN) === 0;
  if (isOurs) {
    libc.kill(pid, SIGKILL);
    libc.waitpid(pid, new Uint8Array(4), ALL_CHILDREN);
  }
  libc.munmap(address, MAILBOX_BYTES);
}
