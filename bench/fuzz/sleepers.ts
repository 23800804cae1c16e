/** Who sleeps on the simulated machine, in which fault: read off the slots of a program's threads. */
import { UFFD_PAGEFAULT_FLAG_MINOR, UFFD_PAGEFAULT_FLAG_WP } from '../../uffd/index.ts';
import type { Machine } from '../../uffd/sim/machine.ts';
import { LIST, TASK, taskWord, threadId } from '../../uffd/sim/tasks.ts';
import { findVma } from '../../uffd/sim/vmas.ts';
import { loadAcquire } from '../../uffd/sync.ts';
import type { Names } from '../litmus/perform.ts';
import type { Fault } from './access-rules.ts';

export interface Sleeper {
  readonly thread: string;
  /** Which of the thread's faults it is: the next one has another number. */
  readonly number: number;
  readonly page: number;
  readonly fault: Fault;
  /** The userfaultfd that was told, as the machine numbers them. */
  readonly context: number;
}

export interface Sleepers {
  /** Sees who sleeps now. The mm lock is held, and nothing has happened since they went to sleep. */
  look(names: Names): void;
  /** Whoever slept at the last look. */
  readonly all: () => readonly Sleeper[];
}

const IN_A_FAULT: ReadonlySet<number> = new Set([LIST.pending, LIST.read]);

export function watchSleepers(m: Machine): Sleepers {
  let known: readonly Sleeper[] = [];
  return {
    all: () => known,
    look(names) {
      const now = Object.entries(names.threads).flatMap(([thread, tid]) => sleeperIn(m, thread, tid));
      // Who sleeps on is as known: its page may be another userfaultfd's by now.
      known = now.map((sleeper) => known.find((other) => isSame(sleeper, other)) ?? sleeper);
    },
  };
}

function isSame(one: Sleeper, other: Sleeper): boolean {
  return one.thread === other.thread && one.number === other.number;
}

function sleeperIn(m: Machine, thread: string, tid: number): Sleeper[] {
  const field = (word: number): number => loadAcquire(m.tasks, taskWord(tid - threadId(0), word));
  if (!IN_A_FAULT.has(field(TASK.list))) return [];
  const [number, page, fault] = [field(TASK.faults), field(TASK.page), faultOf(field(TASK.flags))];
  return [{ thread, number, page, fault, context: findVma(m, page)?.context ?? -1 }];
}

function faultOf(flags: number): Fault {
  if ((flags & UFFD_PAGEFAULT_FLAG_WP) !== 0) return 'wp';
  return (flags & UFFD_PAGEFAULT_FLAG_MINOR) !== 0 ? 'minor' : 'missing';
}
