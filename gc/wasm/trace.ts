// Tracing: the loop of gc/trace.ts, compiled. The stack is shared with JavaScript, which pushes roots onto it.
import { granulesOf, headerBytes, LOG_GRANULE_BYTES, referencesOf } from './object';
import { chunks, markBits, nonMoving, objectAtPage } from './tables';

let space: usize = 0;
let limit: u32 = 0;
let alone: bool = false;
let scanned: u32 = 0;
/** The object that scan() stopped at, and the reference in it that is outside the heap; 0 if it is the object itself. */
let brokenObject: u32 = 0;
let brokenReference: u32 = 0;

/**
 * From now on objects are read in the space at `spaceAt`, of the moving ones those below granule `below`.
 * @param isAlone whether no other marker ever traces in this heap
 */
export function useSpace(spaceAt: usize, below: u32, isAlone: bool): void {
  space = spaceAt;
  limit = below;
  alone = isAlone;
}

/** Objects that the last scan() has scanned. */
export function lastScanned(): u32 {
  return scanned;
}

export function lastBrokenObject(): u32 {
  return brokenObject;
}

export function lastBrokenReference(): u32 {
  return brokenReference;
}

/**
 * Objects are scanned in rounds, of some from the top of the stack. First all their headers are loaded; then what they refer
 * to and is not marked yet is put on the stack; then all of that is marked, and what was there twice goes, or was marked by
 * another marker meanwhile. So the cache misses of a round's headers overlap, and those of the mark bits, also where marks are
 * set by atomic operations, behind which a processor lets no memory access go ahead. (After the prefetch queue in front of the
 * mark stack of Cher, Hosking and Vitek, ASPLOS 2004, which lets them overlap one by one.)
 */
const LOG_ENTRY_BYTES: u32 = 3;
/** Of one object in a round: with more references it is scanned by itself. */
const MOST_IN_ROUND: u32 = 64;

/**
 * Scans what is on the stack at `stack`, `depth` words deep, and what that leads to: `most` objects at the most. Answers
 * the stack's new depth; −1 if it came to something broken. `entries` has room for `round` entries of 8 bytes, an object's
 * address and its header; above the stack there is room for {@link MOST_IN_ROUND} references for each. A round of one is a
 * plain stack.
 */
export function scan(stack: usize, depth: u32, most: u32, entries: usize, round: u32): i32 {
  let top = stack + (depth << 2);
  let left = most;
  while (left !== 0 && top !== stack) {
    const count = min(min(round, left), <u32>((top - stack) >>> 2));
    for (let i: u32 = 0; i < count; i++) {
      top -= 4;
      const at = space + (load<u32>(top) << LOG_GRANULE_BYTES);
      const entry = entries + (i << LOG_ENTRY_BYTES);
      store<u32>(entry, at);
      store<u32>(entry, load<u32>(at), 4);
    }
    let end = top;
    for (let i: u32 = 0; i < count; i++) {
      const entry = entries + (i << LOG_ENTRY_BYTES);
      const at = load<u32>(entry);
      const header = load<u32>(entry, 4);
      const isLarge = referencesOf(header, at) > MOST_IN_ROUND;
      if (isLarge) top = markAll(top, end);
      end = isLarge ? (top = scanLarge(at, header, top)) : findUnmarked(at, header, end);
      if (end === 0) return -1;
    }
    top = markAll(top, end);
    left -= count;
  }
  scanned = most - left;
  return <i32>((top - stack) >>> 2);
}

/** Puts what the object refers to and is not marked at `to`. Answers where that ends; 0 if something is broken. */
function findUnmarked(at: usize, header: u32, to: usize): usize {
  if (granulesOf(header, at) === 0) return fail(at, 0);
  let out = to;
  const first = at + headerBytes(header);
  const end = first + (referencesOf(header, at) << 2);
  for (let slot = first; slot < end; slot += 4) {
    const ref = load<u32>(slot);
    if (ref === 0 || (ref >= limit && ref < nonMoving)) continue;
    if (ref >>> 5 >= chunks) return fail(at, ref);
    if (((load<u32>(markBits + ((ref >>> 5) << 2)) >>> (ref & 31)) & 1) !== 0) continue;
    store<u32>(out, ref);
    out += 4;
  }
  return out;
}

/** Marks the references from `begin` to `end`. Answers where those end that were not marked: they are the first. */
function markAll(begin: usize, end: usize): usize {
  let out = begin;
  for (let at = begin; at < end; at += 4) {
    const ref = load<u32>(at);
    if (!setMark(ref)) continue;
    store<u32>(out, ref);
    out += 4;
  }
  return out;
}

/** Marks and pushes what the object refers to, one by one. Answers the stack's new top; 0 if something is broken. */
function scanLarge(at: usize, header: u32, stackTop: usize): usize {
  if (granulesOf(header, at) === 0) return fail(at, 0);
  let top = stackTop;
  const first = at + headerBytes(header);
  const end = first + (referencesOf(header, at) << 2);
  for (let slot = first; slot < end; slot += 4) {
    const ref = load<u32>(slot);
    if (ref === 0 || (ref >= limit && ref < nonMoving)) continue;
    if (ref >>> 5 >= chunks) return fail(at, ref);
    if (!setMark(ref)) continue;
    store<u32>(top, ref);
    top += 4;
  }
  return top;
}

/** Whether it was this marker that set it. Mutators mark new objects in the non-moving space: there it is atomic. */
function setMark(ref: u32): bool {
  const word = markBits + ((ref >>> 5) << 2);
  const bit = (<u32>1) << (ref & 31);
  const bits = load<u32>(word);
  if ((bits & bit) !== 0) return false;
  if (!alone || ref >= nonMoving) return (atomic.or<u32>(word, bit) & bit) === 0;
  store<u32>(word, bits | bit);
  return true;
}

const LOG_CARD_GRANULES: u32 = 3;
const LOG_PAGE_GRANULES: u32 = 9;
/** Of the mark bits of a card: all lie in one word. */
const CARD_MASK: u32 = 0xff;

/**
 * What the slots on `count` cards refer to that belong to marked objects, to `found`, which has room for all of them.
 * Answers how many. gc/phases/mark.ts says why.
 */
export function findOnCards(cards: usize, count: u32, found: usize): u32 {
  let to = found;
  for (let i: u32 = 0; i < count; i++) {
    const first = load<u32>(cards + (i << 2)) << LOG_CARD_GRANULES;
    const begin = space + (first << LOG_GRANULE_BYTES);
    const end = begin + (1 << (LOG_CARD_GRANULES + LOG_GRANULE_BYTES));
    const before = reachingIn(first);
    if (before >= 0) to = findIn(space + (before << LOG_GRANULE_BYTES), begin, end, to);
    let bits = (load<u32>(markBits + ((first >>> 5) << 2)) >>> (first & 31)) & CARD_MASK;
    for (; bits !== 0; bits &= bits - 1)
      to = findIn(begin + (ctz(bits) << LOG_GRANULE_BYTES), begin, end, to);
  }
  return <u32>((to - found) >>> 2);
}

/** The marked object below the granule that is the nearest, if it is not too far to reach onto its card; else −1. */
function reachingIn(first: u32): i32 {
  const page = first >>> LOG_PAGE_GRANULES;
  const lowest = page << LOG_PAGE_GRANULES;
  for (let word = first >>> 5, below: u32 = ((<u32>1) << (first & 31)) - 1; ; below = 0xffffffff) {
    const bits = load<u32>(markBits + (word << 2)) & below;
    if (bits !== 0) return <i32>((word << 5) + 31 - clz(bits));
    if (word-- === lowest >>> 5) break;
  }
  const crossing = load<i32>(objectAtPage + (page << 2));
  if (crossing < 0 || <u32>crossing >= lowest) return -1;
  const isMarked = (load<u32>(markBits + ((<u32>crossing >>> 5) << 2)) >>> (crossing & 31)) & 1;
  return isMarked !== 0 ? crossing : -1;
}

/** What the slots of the object at `at` between `begin` and `end` refer to, to `to`. Answers where that ends. */
function findIn(at: usize, begin: usize, end: usize, to: usize): usize {
  const header = load<u32>(at);
  const firstSlot = at + headerBytes(header);
  const lastSlot = min(firstSlot + (referencesOf(header, at) << 2), end);
  let out = to;
  for (let slot = max(firstSlot, begin); slot < lastSlot; slot += 4) {
    const ref = load<u32>(slot);
    if (ref === 0) continue;
    store<u32>(out, ref);
    out += 4;
  }
  return out;
}

/**
 * Marks and pushes `count` references that were found. Most are marked: a loop of nothing else lets the look-ups, which
 * miss the cache, overlap. Answers the stack's new depth; −1 if one is outside the heap.
 */
export function visitFound(found: usize, count: u32, stack: usize, depth: u32): i32 {
  let top = stack + (depth << 2);
  for (let i: u32 = 0; i < count; i++) {
    const ref = load<u32>(found + (i << 2));
    if (ref >= limit && ref < nonMoving) continue;
    if (ref >>> 5 >= chunks) {
      fail(space, ref);
      return -1;
    }
    if (!setMark(ref)) continue;
    store<u32>(top, ref);
    top += 4;
  }
  return <i32>((top - stack) >>> 2);
}

function fail(at: usize, reference: u32): usize {
  brokenObject = <u32>(at - space) >>> LOG_GRANULE_BYTES;
  brokenReference = reference;
  return 0;
}
