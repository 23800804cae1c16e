/** A program under way, and when all of its threads are quiet. */
import type * as u from '../../uffd/index.ts';
import { sleepWhile } from '../../uffd/sync.ts';
import type { Actor } from './actor.ts';
import type { Scratch } from './look.ts';
import type { Answer } from './perform.ts';
import { CHILD, type Step, type ThreadName } from './program.ts';
import type { Sleep, SleepOf } from './waiting.ts';

/** What programs run on, one after the other. */
export interface Machine {
  readonly kernel: u.Kernel;
  readonly actors: ReadonlyMap<ThreadName, Actor>;
  readonly scratch: Scratch;
  /** A thread of no program: unmaps what is left of one, which may have to be told first. */
  readonly janitor: Actor;
  readonly sleepOf: SleepOf;
}

/** One of them. */
export interface Running extends Machine {
  readonly names: {
    readonly base: number;
    readonly files: Record<string, number>;
    readonly hugeFiles: Record<string, true>;
    readonly uffds: Record<string, number>;
    readonly threads: Record<string, number>;
  };
  /** Userfaultfds whose `read` blocks. */
  readonly blocking: Set<string>;
  /** Whether pages can be write-protected. */
  readonly marks: boolean;
  /** Whether there are huge pages. */
  readonly huge: boolean;
  /** Whether a userfaultfd may have asked for events. */
  readonly hasEvents: boolean;
  /** Whether there is a forked process, which the thread CHILD works in. */
  hasChild: boolean;
  /** Threads at a call. */
  readonly busy: Map<ThreadName, Step>;
}

const DEADLINE_MS = 3000;
const PAUSE_MS = 0.02;
/** Waits until every thread has answered or sleeps; answers those who have. */
function settle(running: Running): [ThreadName, readonly Answer[]][] {
  const { actors, busy } = running;
  const answered: [ThreadName, readonly Answer[]][] = [];
  const until = performance.now() + DEADLINE_MS;
  for (let looks = 0; ; looks++) {
    const asleep = sleepersOf(running).length; // before the look at who has answered: nobody is both
    const before = answered.length;
    for (const thread of busy.keys()) {
      const answers = (actors.get(thread) as Actor).answers();
      if (answers === null) continue;
      busy.delete(thread);
      answered.push([thread, answers]);
    }
    // Whoever has answered since then may have woken some of those that slept.
    if (busy.size === 0 || (asleep === busy.size && answered.length === before)) break;
    if (performance.now() > until) throw new Error(`${[...busy.keys()].join(', ')}: neither asleep nor done`);
    if (looks > 20) sleepWhile(IDLE, 0, 0, PAUSE_MS);
  }
  return answered.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** All is quiet, and a process that was forked has its thread. */
export function settled(running: Running): [ThreadName, readonly Answer[]][] {
  return settle(running).map(([thread, answers]) => [
    thread,
    answers.map((each) => adopt(running, thread, each)),
  ]);
}

/** Answers what kernels are compared by. */
function adopt(running: Running, parent: ThreadName, { handle, ...answer }: Answer): Answer {
  if (handle === undefined) return answer;
  const actor = running.actors.get(CHILD) as Actor;
  actor.moveTo(handle);
  running.actors.get(parent)?.moveTo(null); // from now on it is CHILD's alone, and ends with that
  running.names.threads[CHILD] = actor.tid();
  running.hasChild = true;
  return answer;
}

const IDLE = new Int32Array(new SharedArrayBuffer(4));

/** How threads sleep: of those that are at a call. */
export function sleepersOf({ actors, busy, sleepOf }: Running): Sleep[] {
  const sleeps = [...busy.keys()].map((thread) => sleepOf((actors.get(thread) as Actor).tid()));
  return sleeps.filter((sleep) => sleep !== null);
}

/** Messages of a userfaultfd that nobody has read; −1: it is none. */
export function pendingOf(kernel: u.Kernel, fd: number | undefined): number {
  const info = fd === undefined ? -1 : kernel.fdinfo(fd);
  return typeof info === 'number' ? -1 : info.pending;
}
