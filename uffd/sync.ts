/**
 * Where threads meet: every atomic access to a word that two threads share, every lock, every sleep and every
 * wake goes through the operations named here, and nowhere else. This is the one place where schedules can be
 * controlled and faults injected.
 *
 * JavaScript's Atomics are all sequentially consistent. The names say what the algorithm *needs* (acquire,
 * release, a full order), so that a reader can tell, and so that an explorer of weaker orders could.
 */

/** 32-bit words in a SharedArrayBuffer, seen by several threads. */
export type SharedWords = Int32Array;

/** A load that pairs with {@link storeRelease}: what the writer did before its store is seen after this load. */
export function loadAcquire(words: SharedWords, index: number): number {
  return Atomics.load(words, index);
}

/** A store that publishes everything this thread did before it. */
export function storeRelease(words: SharedWords, index: number, value: number): void {
  Atomics.store(words, index, value);
}

/** A plain load: of a word that a lock guards which the caller holds, or where a stale value does no harm. */
export function loadRelaxed(words: SharedWords, index: number): number {
  return words[index] as number;
}

/** A plain store: of a word that a lock guards which the caller holds. Giving the lock back publishes it. */
export function storeRelaxed(words: SharedWords, index: number, value: number): void {
  words[index] = value;
}

/** Compare-and-swap: true if the word held `expected` and now holds `value`; false if another thread was first. */
export function cas(words: SharedWords, index: number, expected: number, value: number): boolean {
  return Atomics.compareExchange(words, index, expected, value) === expected;
}

/** Makes the word at least `value`. */
export function raise(words: SharedWords, index: number, value: number): void {
  for (;;) {
    const now = loadAcquire(words, index);
    if (now >= value || cas(words, index, now, value)) return;
  }
}

/** Adds and answers the value *before* the addition. */
export function fetchAdd(words: SharedWords, index: number, amount: number): number {
  return Atomics.add(words, index, amount);
}

/** Keeps only these bits and answers the value before. */
export function fetchAnd(words: SharedWords, index: number, bits: number): number {
  return Atomics.and(words, index, bits);
}

/** Sets bits and answers the value before. */
export function fetchOr(words: SharedWords, index: number, bits: number): number {
  return Atomics.or(words, index, bits);
}

/**
 * What this thread stored before it, plainly too, is seen before anything that it loads (acquire) afterwards. The word
 * is any word of the threads', and keeps its value.
 */
export function fence(words: SharedWords, index: number): void {
  Atomics.add(words, index, 0);
}

/** Stores and answers the value before. */
export function exchange(words: SharedWords, index: number, value: number): number {
  return Atomics.exchange(words, index, value);
}

/** Sleeps while the word holds `value`, until {@link wake} or the timeout (ms). Spurious returns are possible. */
export function sleepWhile(words: SharedWords, index: number, value: number, timeoutMs?: number): void {
  Atomics.wait(words, index, value, timeoutMs);
}

/** Wakes up to `count` threads that sleep on the word (all of them unless said). */
export function wake(words: SharedWords, index: number, count?: number): void {
  Atomics.notify(words, index, count);
}

// A mutex is one word: 0 free, 1 held, 2 held and perhaps waited for (Drepper, "Futexes Are Tricky", mutex 2).
const FREE = 0;
const HELD = 1;
const CONTENDED = 2;

/** Takes the mutex in the word; sleeps while another thread holds it. Not recursive. */
export function lock(words: SharedWords, index: number): void {
  if (cas(words, index, FREE, HELD)) return;
  while (exchange(words, index, CONTENDED) !== FREE) sleepWhile(words, index, CONTENDED);
}

/** Gives the mutex back, and wakes one thread if any may wait for it. */
export function unlock(words: SharedWords, index: number): void {
  if (exchange(words, index, FREE) === CONTENDED) wake(words, index, 1);
}

// A reader-writer lock is two words. `index` holds the number of readers inside, above them the number that wait,
// and WRITER when one writer holds the lock or waits for the readers to leave; `index + 1` is a mutex among writers.
// A waiting writer keeps new readers out, so writers cannot starve; a writer gives way to the readers that waited
// for the one before it, so readers cannot either.
const ONE_WAITING = 1 << 16;
const WAITING_READERS = 0x3fff * ONE_WAITING;
const WRITER = 1 << 30;
/** How long a writer gives way, in ms: a reader that is not there by then may have been ended where it waited. */
const GIVE_WAY_MS = 5;

/** How many consecutive words a reader-writer lock takes. */
export const RW_LOCK_WORDS = 2;

/** Takes the lock shared. */
export function lockShared(words: SharedWords, index: number): void {
  let waits = false;
  for (;;) {
    const state = loadAcquire(words, index);
    if (state < WRITER) {
      // Goes in, and is counted no longer among those that wait (a writer that lost patience may have seen to that).
      const inside = state + 1 - (waits && state >= ONE_WAITING ? ONE_WAITING : 0);
      if (!cas(words, index, state, inside)) continue;
      if (waits && inside < ONE_WAITING) wake(words, index); // the last that a writer gave way to
      return;
    }
    // Counted again if a writer has lost patience with all who waited.
    if (waits && (state & WAITING_READERS) !== 0) sleepWhile(words, index, state);
    else waits = cas(words, index, state, state + ONE_WAITING);
  }
}

/** Gives a shared hold back; the last reader out wakes a waiting writer. */
export function unlockShared(words: SharedWords, index: number): void {
  const before = fetchAdd(words, index, -1);
  if ((before & ~WAITING_READERS) === WRITER + 1) wake(words, index);
}

/** Takes the lock exclusively: keeps new readers out, then waits for those inside. */
export function lockExclusive(words: SharedWords, index: number): void {
  lock(words, index + 1);
  if ((loadAcquire(words, index) & WAITING_READERS) !== 0) giveWay(words, index);
  fetchOr(words, index, WRITER);
  for (;;) {
    const state = loadAcquire(words, index);
    if ((state & ~WAITING_READERS) === WRITER) return;
    sleepWhile(words, index, state);
  }
}

/** Waits until the readers that waited for the last writer are in; forgets those that do not come. */
function giveWay(words: SharedWords, index: number): void {
  const until = performance.now() + GIVE_WAY_MS;
  for (;;) {
    const state = loadAcquire(words, index);
    if ((state & WAITING_READERS) === 0) return;
    const left = until - performance.now();
    if (left > 0) sleepWhile(words, index, state, left);
    else if (cas(words, index, state, state & ~WAITING_READERS)) return;
  }
}

/** Gives an exclusive hold back and lets readers in. */
export function unlockExclusive(words: SharedWords, index: number): void {
  fetchAdd(words, index, -WRITER);
  wake(words, index);
  unlock(words, index + 1);
}

/** Whether a writer holds the lock or waits for it: what a long-time reader polls. One relaxed load, may be stale. */
export function isExclusiveWanted(words: SharedWords, index: number): boolean {
  return loadRelaxed(words, index) >= WRITER;
}
