/** A program under way, and when all of its threads are quiet. */
import type * as u from '../../uffd/index.ts';
import { sleepWhile } from '../../uffd/sync.ts';
import type { Actor } from './actor.ts';
import type { Scratch } from './look.ts';
import type { Answer } from './perform.ts';
import type { Step, ThreadName } from './program.ts';

/** What programs run on, one after the other. */
export interface Machine {
  readonly kernel: u.Kernel;
  readonly actors: ReadonlyMap<ThreadName, Actor>;
  readonly scratch: Scratch;
}

/** One of them. */
export interface Running extends Machine {
  readonly names: {
    readonly base: number;
    readonly files: Record<string, number>;
    readonly uffds: Record<string, number>;
    readonly threads: Record<string, number>;
  };
  /** Userfaultfds whose `read` blocks. */
  readonly blocking: Set<string>;
  /** Threads at a call. */
  readonly busy: Map<ThreadName, Step>;
}

const DEADLINE_MS = 3000;
const PAUSE_MS = 0.02;
/**
 * Waits until every thread has answered or sleeps; answers those who have. A thread that has queued its fault looks once more
 * before it sleeps, and may find the page there: beside others that run, that it sleeps is certain only after `certainMs`.
 */
export function settle(running: Running, certainMs = 0): [ThreadName, readonly Answer[]][] {
  const { actors, busy } = running;
  const answered: [ThreadName, readonly Answer[]][] = [];
  const until = performance.now() + DEADLINE_MS;
  let quietSince = Infinity;
  for (let looks = 0; ; looks++) {
    const asleep = busy.size === 0 ? 0 : sleepersOf(running); // before the look at who has answered: nobody is both
    const before = answered.length;
    for (const thread of busy.keys()) {
      const answers = (actors.get(thread) as Actor).answers();
      if (answers === null) continue;
      busy.delete(thread);
      answered.push([thread, answers]);
    }
    const now = performance.now();
    // Whoever has answered since the count may have woken some of those that were counted.
    const isQuiet = asleep === busy.size && answered.length === before;
    quietSince = isQuiet ? Math.min(quietSince, now) : Infinity;
    if (busy.size === 0 || now - quietSince >= certainMs) break;
    if (now > until) throw new Error(`${[...busy.keys()].join(', ')}: neither asleep nor done`);
    if (looks > 20) sleepWhile(IDLE, 0, 0, PAUSE_MS);
  }
  return answered.sort(([a], [b]) => (a < b ? -1 : 1));
}

const IDLE = new Int32Array(new SharedArrayBuffer(4));

function sleepersOf({ kernel, names }: Running): number {
  return Object.values(names.uffds).reduce((sum, fd) => sum + totalOf(kernel, fd), 0);
}

function totalOf(kernel: u.Kernel, fd: number): number {
  const info = kernel.fdinfo(fd);
  return typeof info === 'number' ? 0 : info.total;
}

/** Messages of a userfaultfd that nobody has read; −1: it is none. */
export function pendingOf(kernel: u.Kernel, fd: number | undefined): number {
  const info = fd === undefined ? -1 : kernel.fdinfo(fd);
  return typeof info === 'number' ? -1 : info.pending;
}
