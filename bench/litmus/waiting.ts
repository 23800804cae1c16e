/** Calls that wait until a userfaultfd's event is read: munmap, mremap, madvise, and mmap over what is mapped. */
import { readFileSync } from 'node:fs';
import type { Step } from './program.ts';
import type { Running } from './running.ts';

const RAISE_EVENTS: ReadonlySet<Step['call']> = new Set(['mmap', 'munmap', 'mremap', 'madvise']);

export function mayRaiseEvent(step: Step): boolean {
  return RAISE_EVENTS.has(step.call);
}

/** How many threads of a program are in such a call and wait. sim counts them; Linux tells where in it a thread sleeps. */
export function waitingIn({ kernel, actors, busy, names }: Running): number {
  if (kernel.kind === 'sim')
    return Object.values(names.uffds).reduce((sum, fd) => {
      const info = kernel.fdinfo(fd);
      return sum + (typeof info === 'number' ? 0 : (info.events ?? 0));
    }, 0);
  const calls = [...busy].filter(([, step]) => mayRaiseEvent(step));
  return calls.filter(([thread]) => sleepsInEvent(actors.get(thread)?.tid ?? 0)).length;
}

/** As proc(5), wchan: the function of the kernel that a thread sleeps in. */
function sleepsInEvent(tid: number): boolean {
  return readFileSync(`/proc/self/task/${tid}/wchan`, 'utf8') === 'userfaultfd_event_wait_completion';
}
