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
 * Scans what is on the stack at `stack`, `depth` words deep, and what that leads to: `most` objects at the most, and fewer if
 * there are large ones. Answers the stack's new depth; −1 if it came to something broken. `entries` has room for `round`
 * entries of 8 bytes, an object's address and its header; above the stack there is room for {@link MOST_IN_ROUND} references
 * for each. A round of one is a plain stack.
 */
export function scan(stack: usize, depth: u32, most: u32, entries: usize, round: u32): i32 {
  let top = stack + (depth << 2);
  if (arrayAt !== 0 && top !== stack && load<u32>(top - 4) === 0) top -= 4; // the sign that there is an array left
  budget = most > 0x7fffffff ? 0x7fffffff : <i32>most;
  scanned = 0;
  while (budget > 0 && top !== 0) {
    if (top !== stack) {
      const count = min(round, min(<u32>budget, <u32>((top - stack) >>> 2)));
      loadHeaders(top, count, entries);
      top = scanRound(top, count, entries);
    } else {
      if (arrayAt === 0) break;
      top = goOn(top);
    }
  }
  if (top === stack && arrayAt !== 0) {
    // An empty stack would say that there is nothing left. The nil object leads to nothing.
    store<u32>(top, 0);
    top += 4;
  }
  return top === 0 ? -1 : <i32>((top - stack) >>> 2);
}

/** What a call of scan() may still do: an object or so many references of a large one are one each. */
let budget: i32 = 0;

/** Of the `count` objects below `top`, without a look at what is loaded. */
function loadHeaders(top: usize, count: u32, entries: usize): void {
  let from = top;
  for (let entry = entries; entry < entries + (count << LOG_ENTRY_BYTES); entry += 1 << LOG_ENTRY_BYTES) {
    from -= 4;
    const at = space + (load<u32>(from) << LOG_GRANULE_BYTES);
    store<u32>(entry, at);
    store<u32>(entry, load<u32>(at), 4);
  }
}

/** Takes those objects from the stack and scans them; the rest stays, when the budget is used up. Answers the new top; 0 if broken. */
function scanRound(stackTop: usize, count: u32, entries: usize): usize {
  let top = stackTop - (count << 2);
  let end = top;
  for (let i: u32 = 0; i < count; i++) {
    const entry = entries + (i << LOG_ENTRY_BYTES);
    const at: usize = load<u32>(entry);
    if (budget <= 0) {
      // Others wait for what has been found: the rest is for later.
      if (end !== top) top = markAll(top, end);
      store<u32>(top, <u32>(at - space) >>> LOG_GRANULE_BYTES);
      top += 4;
      end = top;
      continue;
    }
    const header = load<u32>(entry, 4);
    if (granulesOf(header, at) === 0) return fail(at, 0);
    const first = at + headerBytes(header);
    const references = referencesOf(header, at);
    if (references > MOST_IN_ROUND) {
      top = scanLarge(at, first, first + (references << 2), markAll(top, end));
      end = top;
    } else {
      end = findUnmarked(at, first, first + (references << 2), end);
    }
    if (end === 0) return 0;
    scanned++;
    budget--;
  }
  return markAll(top, end);
}

/** Puts what those slots of an object refer to and is not marked at `to`. Answers where that ends; 0 if something is broken. */
function findUnmarked(object: usize, first: usize, end: usize, to: usize): usize {
  let out = to;
  for (let slot = first; slot < end; slot += 4) {
    const ref = load<u32>(slot);
    if (ref === 0 || (ref >= limit && ref < nonMoving)) continue;
    if (ref >>> 5 >= chunks) return fail(object, ref);
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

/**
 * An array that is being scanned, piece by piece, whenever the stack is empty: so its first objects can be given to other
 * markers long before all of it is scanned. Its address (0: there is none), and the slots that are left.
 */
let arrayAt: usize = 0;
let arrayNext: usize = 0;
let arrayEnd: usize = 0;
const ARRAY_PIECE: usize = 2048 << 2;

/** Scans those slots of an object: now, or, of the first such array, a piece at a time. Answers the new top; 0 if broken. */
function scanLarge(object: usize, first: usize, end: usize, top: usize): usize {
  if (arrayAt !== 0) return scanSlots(object, first, end, top);
  arrayAt = object;
  arrayNext = first;
  arrayEnd = end;
  return goOn(top);
}

function goOn(top: usize): usize {
  const first = arrayNext;
  const object = arrayAt;
  arrayNext = min(first + ARRAY_PIECE, arrayEnd);
  if (arrayNext === arrayEnd) arrayAt = 0;
  return scanSlots(object, first, arrayNext, top);
}

/** Marks and pushes what those slots refer to. Answers the stack's new top; 0 if something is broken. */
function scanSlots(object: usize, first: usize, end: usize, stackTop: usize): usize {
  let top = stackTop;
  for (let slot = first; slot < end; slot += MOST_IN_ROUND << 2) {
    const found = findUnmarked(object, slot, min(slot + (MOST_IN_ROUND << 2), end), top);
    if (found === 0) return 0;
    top = markAll(top, found);
    budget--;
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
