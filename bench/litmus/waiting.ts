/**
 * Whether a thread sleeps for certain: it has looked at its page once more, or told its event, and goes on when it is woken alone.
 * A userfaultfd counts a thread sooner (fdinfo), which may then find the page there.
 */
import { readFileSync } from 'node:fs';
import type { Kernel } from '../../uffd/index.ts';
import { attachMachine } from '../../uffd/sim/machine.ts';
import { sleepOf } from '../../uffd/sim/tasks.ts';
import type { Step } from './program.ts';

/** In a fault, or in a call that waits until its event is read. */
export type Sleep = 'fault' | 'event';
/** How the thread with that id sleeps; null if it does not. */
export type SleepOf = (tid: number) => Sleep | null;

const RAISE_EVENTS: ReadonlySet<Step['call']> = new Set(['mmap', 'munmap', 'mremap', 'madvise', 'fork']);

export function mayRaiseEvent(step: Step): boolean {
  return RAISE_EVENTS.has(step.call);
}

export function watchSleep(kernel: Kernel): SleepOf {
  if (kernel.kind === 'linux') return sleepOnLinux;
  const m = attachMachine(kernel.handle().machine as SharedArrayBuffer);
  return (tid) => sleepOf(m, tid);
}

/** The functions of Linux in which threads sleep. */
const SLEEP_IN: ReadonlyMap<string, Sleep> = new Map([
  ['handle_userfault', 'fault'],
  ['userfaultfd_event_wait_completion', 'event'],
]);

/** As proc(5) says, wchan: of a thread that has no processor and asks for none, be it ours or a forked process's. */
function sleepOnLinux(tid: number): Sleep | null {
  try {
    return SLEEP_IN.get(readFileSync(`/proc/${tid}/wchan`, 'utf8')) ?? null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null; // a forked process that an access has ended: whoever asked it is about to learn that, and answers
  }
}
