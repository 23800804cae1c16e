/**
 * Patience with a kernel that refuses: a call is made again a bounded number of times, at once at first and then with
 * pauses that double, and meanwhile the collector gives back what it can. In a pause of the mutators it is short.
 *
 * A compactor or a fault thread cannot give from-space back itself: only the collector knows how much of it is done
 * with. It asks, by a word that the collector looks at between batches and while it waits for the others.
 */
import { EAGAIN } from '../uffd/errno.ts';
import type { Kernel } from '../uffd/kernel.ts';
import { loadAcquire, type SharedWords, sleepWhile } from '../uffd/sync.ts';
import type { Userfaultfd } from '../uffd/userfaultfd.ts';
import { askForRelief, CYCLE } from './cycle.ts';
import { EVENT, type EventWriter } from './events.ts';
import { mayPass, refusalIn } from './refusals.ts';

/** How often a call is made before it is given up: 0.8 s in all. */
export const TRIES = 20;
/** The same while the world is stopped: 7 ms. */
export const TRIES_STOPPED = 7;
const AT_ONCE = 3;
const LONGEST_MS = 64;

/** One thread's. */
export interface Patience {
  /** How often a call is made, now. */
  tries: number;
  /** Gives memory back, or asks the collector to. */
  relieve: () => void;
  /** After a call was refused for the n-th time in a row, from 0: waits, and answers whether to make it again. */
  readonly outlasts: (refused: number, errno: number) => boolean;
}

export function makePatience(cycle: SharedWords, events: EventWriter): Patience {
  const patience: Patience = {
    tries: TRIES,
    relieve: () => askForRelief(cycle),
    outlasts(refused, errno) {
      events.emit(EVENT.refused, errno, loadAcquire(cycle, CYCLE.number));
      if (refused + 1 >= patience.tries) return false;
      if (errno !== EAGAIN) patience.relieve();
      const ms = pauseMs(refused);
      // A heap that is being closed need not wait.
      if (ms > 0) sleepWhile(cycle, CYCLE.ending, 0, ms);
      return true;
    },
  };
  return patience;
}

function pauseMs(refused: number): number {
  return refused < AT_ONCE ? 0 : Math.min(LONGEST_MS, 2 ** (refused - AT_ONCE));
}

/** Makes a call that answers −errno until it is not refused, or patience ends. */
function insist(patience: Patience, call: () => number): number {
  for (let refused = 0; ; refused++) {
    const answer = call();
    if (!mayPass(-answer) || !patience.outlasts(refused, -answer)) return answer;
  }
}

/** The same for what throws. Only errors of the kernel's are looked at. */
export function insistThrown<T>(patience: Patience, call: () => T): T {
  for (let refused = 0; ; refused++) {
    try {
      return call();
    } catch (error) {
      const refusal = refusalIn(error);
      if (refusal === null) throw error;
      if (!patience.outlasts(refused, -refusal.errno)) throw refusal;
    }
  }
}

/** The calls that change mappings and give memory back, made with patience. Repeating one does no harm. */
export function patientKernel(kernel: Kernel, patience: Patience): Kernel {
  type Call = (...args: number[]) => number;
  const again = <C extends Call>(call: C): C => ((...args) => insist(patience, () => call(...args))) as C;
  return {
    ...kernel,
    mmap: again(kernel.mmap),
    mremap: again(kernel.mremap),
    fallocate: again(kernel.fallocate),
    madvise: again(kernel.madvise),
  };
}

/** The same for the beginning and the end of a watch. Publishing has a patience of its own (maker.ts). */
export function patientUserfaultfd(uffd: Userfaultfd, patience: Patience): Userfaultfd {
  return {
    ...uffd,
    register: (start, length, mode) => insistThrown(patience, () => uffd.register(start, length, mode)),
    unregister: (start, length) => insistThrown(patience, () => uffd.unregister(start, length)),
  };
}

/** Runs `body` with as little patience as a pause of the mutators allows. */
export function hurried<T>(patience: Patience, body: () => T): T {
  patience.tries = TRIES_STOPPED;
  try {
    return body();
  } finally {
    patience.tries = TRIES;
  }
}

/** Runs what may be refused for good without harm; whether it was done. */
export function ifGranted(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (refusalIn(error) === null) throw error;
    return false;
  }
}
