/**
 * Work that markers share: objects that are marked and not scanned yet, given away by markers that have many while
 * others have none. Most never see it: a marker works from a stack of its own.
 *
 * Invariant: every object that is marked and not scanned is on the stack of one marker, or in the pool. A hungry
 * marker's stack is empty. So when all are hungry and the pool is empty, all is scanned.
 */
import { LINE_WORDS } from '../heap/layout.ts';
import {
  fetchAdd,
  loadAcquire,
  loadRelaxed,
  lock,
  type SharedWords,
  sleepWhile,
  storeRelaxed,
  storeRelease,
  unlock,
  wake,
} from '../uffd/sync.ts';

const NAMES = [
  'lock',
  'count', // objects in the pool; they follow
  'hungry', // markers that have found it empty
  'markers', // how many there are this time
  'news', // raised when objects come, and at the end
  'limit', // objects from this granule on cannot be read yet
  'scanned', // objects scanned by all markers together
] as const;
const WORD = Object.fromEntries(NAMES.map((name, i) => [name, i * LINE_WORDS])) as {
  readonly [name in (typeof NAMES)[number]]: number;
};
const FIRST = NAMES.length * LINE_WORDS;
const CAPACITY = 1 << 15;
/** Given at a time, at the most, and taken at a time. */
const MOST_GIVEN = 2048;
const MOST_TAKEN = 512;

export type MarkPool = SharedWords;

export function allocateMarkPool(): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * (FIRST + CAPACITY));
}

export function openMarkPool(shared: SharedArrayBuffer): MarkPool {
  return new Int32Array(shared);
}

/** A marking begins: nothing is scanned yet. */
export function forgetScanned(pool: MarkPool): void {
  storeRelease(pool, WORD.scanned, 0);
}

/** So many markers are about to trace, up to that granule; none of them has begun. */
export function openPool(pool: MarkPool, markers: number, limit: number): void {
  storeRelease(pool, WORD.limit, limit);
  storeRelease(pool, WORD.markers, markers);
  storeRelease(pool, WORD.hungry, 0);
}

export function poolLimit(pool: MarkPool): number {
  return loadAcquire(pool, WORD.limit);
}

export function addScanned(pool: MarkPool, objects: number): void {
  fetchAdd(pool, WORD.scanned, objects);
}

export function scanned(pool: MarkPool): number {
  return loadAcquire(pool, WORD.scanned);
}

/** Whether somebody has nothing to do. May be stale: asked again soon. */
export function isPoolWanted(pool: MarkPool): boolean {
  return loadRelaxed(pool, WORD.hungry) > 0;
}

/** Gives up to half of a stack away, from its bottom, where the largest subgraphs are. Answers its new depth. */
export function give(pool: MarkPool, stack: Int32Array, depth: number): number {
  lock(pool, WORD.lock);
  const count = loadRelaxed(pool, WORD.count);
  const given = Math.min(depth >>> 1, MOST_GIVEN, CAPACITY - count);
  pool.set(stack.subarray(0, given), FIRST + count);
  stack.copyWithin(0, depth - given, depth); // the order on a stack is of no importance
  storeRelaxed(pool, WORD.count, count + given);
  tell(pool);
  unlock(pool, WORD.lock);
  return depth - given;
}

/** Takes objects onto an empty stack, and waits until there are any. Answers how many; 0 when all is scanned. */
export function take(pool: MarkPool, stack: Int32Array): number {
  lock(pool, WORD.lock);
  let taken = takeLocked(pool, stack);
  if (taken === 0 && fetchAdd(pool, WORD.hungry, 1) + 1 === loadRelaxed(pool, WORD.markers)) tell(pool);
  while (taken === 0 && loadAcquire(pool, WORD.hungry) < loadRelaxed(pool, WORD.markers)) {
    const news = loadAcquire(pool, WORD.news);
    unlock(pool, WORD.lock);
    if (!spinWhile(pool, WORD.news, news)) sleepWhile(pool, WORD.news, news);
    lock(pool, WORD.lock);
    taken = takeLocked(pool, stack);
    if (taken > 0) fetchAdd(pool, WORD.hungry, -1);
  }
  unlock(pool, WORD.lock);
  return taken;
}

/** About as long as it takes to fall asleep and to be woken. */
const SPINS = 10_000;

/** Looks for a while; whether the word has changed. */
function spinWhile(words: MarkPool, word: number, value: number): boolean {
  for (let spin = 0; spin < SPINS; spin++) if (loadAcquire(words, word) !== value) return true;
  return false;
}

function takeLocked(pool: MarkPool, stack: Int32Array): number {
  const count = loadRelaxed(pool, WORD.count);
  const taken = Math.min(MOST_TAKEN, count);
  stack.set(pool.subarray(FIRST + count - taken, FIRST + count));
  storeRelaxed(pool, WORD.count, count - taken);
  return taken;
}

function tell(pool: MarkPool): void {
  fetchAdd(pool, WORD.news, 1);
  wake(pool, WORD.news);
}
