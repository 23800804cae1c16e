/**
 * The words by which the threads of one collection meet, in one SharedArrayBuffer: what is being collected, which
 * pages are left to claim, and who still works on a page.
 *
 * Invariant: a thread makes or publishes pages only inside enterWork … leaveWork, and none is inside when the watch
 * ends (closeWork). Whether the door is open and how many are inside is one word, so that nobody is counted who comes
 * to a closed door, not even for a moment: the checker looks at it while fault threads read late messages (E1).
 */
import {
  cas,
  exchange,
  fetchAdd,
  fetchAnd,
  fetchOr,
  loadAcquire,
  type SharedWords,
  sleepWhile,
  storeRelease,
  wake,
} from '../uffd/sync.ts';

const LINE_WORDS = 16;
const NAMES = [
  'number', // of the collection
  'side', // which side holds the heap: changes at each flip
  'usedPages', // to-space pages to make
  'compactedPages',
  'prefixPages', // of these, the first so many are made where they lie
  'liveGranules',
  'blackBegin',
  'blackSlide',
  'made', // pages made so far, by anybody
  'cursor', // pages [0, cursor) are not claimed yet
  'nonMovingPages', // pages of the non-moving space to update
  'nonMovingCursor', // the first so many of them are not claimed yet
  'workers', // threads inside enterWork … leaveWork, and OPEN while more may enter
  'round', // raised when the helpers shall work; −1 when they shall end
  'helpersBusy',
  'job', // what the helpers shall do: JOB
  'ending', // 1 once the heap is being closed
  'faultThreads', // fault threads that have not ended
  'relief', // 1 once a thread has asked the collector to give from-space back
  'deferring', // 1 once CONTINUE was refused for good: pages are mapped at the end of the watch
  'starting', // threads that have been started and are not attached yet
] as const;

/** Index of each word. */
export const CYCLE = Object.fromEntries(NAMES.map((name, i) => [name, i * LINE_WORDS])) as {
  readonly [name in (typeof NAMES)[number]]: number;
};

export function allocateCycle(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * NAMES.length * LINE_WORDS);
}

export function openCycle(shared: SharedArrayBuffer): SharedWords {
  return new Int32Array(shared);
}

/** A thread is about to be started. */
export function noteStart(cycle: SharedWords): void {
  fetchAdd(cycle, CYCLE.starting, 1);
}

/** The calling thread is attached to its kernel, and has its views. */
export function noteAttached(cycle: SharedWords): void {
  if (fetchAdd(cycle, CYCLE.starting, -1) === 1) wake(cycle, CYCLE.starting);
}

/** Waits until no thread is starting, but not for ever: one may have died on its way. */
export function awaitAttached(cycle: SharedWords, timeoutMs: number): void {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const starting = loadAcquire(cycle, CYCLE.starting);
    const left = until - performance.now();
    if (starting <= 0 || left <= 0) return;
    sleepWhile(cycle, CYCLE.starting, starting, left);
  }
}

/** In the word of the workers: the door is open. Above any number of threads. */
const OPEN = 1 << 30;

/** Begins to work on pages; false if the compaction is over (then there is nothing to leave). */
export function enterWork(cycle: SharedWords): boolean {
  for (;;) {
    const door = loadAcquire(cycle, CYCLE.workers);
    if (door < OPEN) return false;
    if (cas(cycle, CYCLE.workers, door, door + 1)) return true;
  }
}

/** The last to leave through a closed door wakes who waits for that. */
export function leaveWork(cycle: SharedWords): void {
  if (fetchAdd(cycle, CYCLE.workers, -1) === 1) wake(cycle, CYCLE.workers);
}

export function openWork(cycle: SharedWords): void {
  fetchOr(cycle, CYCLE.workers, OPEN);
}

/** Lets nobody begin any more, and waits for those who have begun; `onWake` is called whenever it is woken. */
export function closeWork(cycle: SharedWords, onWake?: () => void): void {
  fetchAnd(cycle, CYCLE.workers, ~OPEN);
  awaitZero(cycle, CYCLE.workers, onWake);
}

/** How many threads work on pages. */
export function workersInside(cycle: SharedWords): number {
  return loadAcquire(cycle, CYCLE.workers) & ~OPEN;
}

/** Sleeps until the word is 0. */
function awaitZero(cycle: SharedWords, word: number, onWake?: () => void): void {
  for (;;) {
    const value = loadAcquire(cycle, word);
    if (value === 0) return;
    sleepWhile(cycle, word, value);
    onWake?.();
  }
}

/**
 * Asks the collector to give from-space back now, and wakes it where it waits for others. It may miss it, between a
 * look and its sleep: who asks does so again when the next call is refused.
 */
export function askForRelief(cycle: SharedWords): void {
  storeRelease(cycle, CYCLE.relief, 1);
  wake(cycle, CYCLE.workers);
  wake(cycle, CYCLE.helpersBusy);
}

/** Whether somebody has asked since this was called last. */
export function takeReliefRequest(cycle: SharedWords): boolean {
  return loadAcquire(cycle, CYCLE.relief) === 1 && exchange(cycle, CYCLE.relief, 0) === 1;
}

/** Pages [first, end). */
export interface PageRange {
  readonly first: number;
  readonly end: number;
}

/** Claims up to `most` pages from the top down: empty when none are left. `cursor` says of which space. */
export function claimPages(cycle: SharedWords, most: number, cursor: number = CYCLE.cursor): PageRange {
  // Others subtract too; what a thread gets is the range between its value before and after.
  const end = fetchAdd(cycle, cursor, -most);
  return { first: Math.max(0, end - most), end: Math.max(0, end) };
}

/** What helpers are started for. */
export const JOB = { mark: 0, compact: 1 } as const;

/** Starts the helpers on a job of this collection. */
export function startHelpers(cycle: SharedWords, helpers: number, job: number): void {
  storeRelease(cycle, CYCLE.job, job);
  storeRelease(cycle, CYCLE.helpersBusy, helpers);
  fetchAdd(cycle, CYCLE.round, 1);
  wake(cycle, CYCLE.round);
}

/** A helper sleeps until round `last + 1` begins; answers the round, or −1 if there will be no more. */
export function awaitRound(cycle: SharedWords, last: number): number {
  for (;;) {
    const round = loadAcquire(cycle, CYCLE.round);
    if (round !== last) return round;
    sleepWhile(cycle, CYCLE.round, round);
  }
}

export function helperDone(cycle: SharedWords): void {
  if (fetchAdd(cycle, CYCLE.helpersBusy, -1) === 1) wake(cycle, CYCLE.helpersBusy);
}

export function awaitHelpers(cycle: SharedWords, onWake?: () => void): void {
  awaitZero(cycle, CYCLE.helpersBusy, onWake);
}

/** By the collector, past its last collection: the helpers find it out in {@link awaitRound}. */
export function endHelpers(cycle: SharedWords): void {
  storeRelease(cycle, CYCLE.round, -1);
  wake(cycle, CYCLE.round);
}
