/** Who sleeps on the simulated machine, in which fault: read off the slots of a program's threads. */
import { UFFD_PAGEFAULT_FLAG_MINOR, UFFD_PAGEFAULT_FLAG_WP } from '../../uffd/index.ts';
import type { Machine } from '../../uffd/sim/machine.ts';
import { LIST, TASK, taskWord, threadId } from '../../uffd/sim/tasks.ts';
import { loadAcquire } from '../../uffd/sync.ts';
import type { Names } from '../litmus/perform.ts';
import type { Fault } from './access-rules.ts';

export interface Sleeper {
  readonly thread: string;
  readonly page: number;
  readonly fault: Fault;
  /** How often the thread has gone to sleep so far, this time included. */
  readonly sleeps: number;
}

const IN_A_FAULT: ReadonlySet<number> = new Set([LIST.pending, LIST.read]);

/** The threads of the program that sleep in a fault. */
export function sleepersOf(m: Machine, names: Names): Sleeper[] {
  return Object.keys(names.threads).flatMap((thread) => {
    const field = (word: number): number => fieldOf(m, names, thread, word);
    if (!IN_A_FAULT.has(field(TASK.list))) return [];
    return [
      { thread, page: field(TASK.page), fault: faultOf(field(TASK.flags)), sleeps: field(TASK.sleeps) },
    ];
  });
}

/** How often it has gone to sleep so far. */
export function sleepsOfThread(m: Machine, names: Names, thread: string): number {
  return fieldOf(m, names, thread, TASK.sleeps);
}

function fieldOf(m: Machine, { threads }: Names, thread: string, word: number): number {
  return loadAcquire(m.tasks, taskWord((threads[thread] as number) - threadId(0), word));
}

function faultOf(flags: number): Fault {
  if ((flags & UFFD_PAGEFAULT_FLAG_WP) !== 0) return 'wp';
  return (flags & UFFD_PAGEFAULT_FLAG_MINOR) !== 0 ? 'minor' : 'missing';
}
