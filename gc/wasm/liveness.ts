// Which granules are live, and where they go: gc/phases/liveness.ts and prepare.ts, compiled. Tables in address order.
import { granulesOf, LOG_GRANULE_BYTES } from './object';
import { firstGranule, firstObject, liveness, markBits, objectAtPage } from './tables';

const LOG_PAGE_GRANULES: u32 = 9;
const CHUNK: u32 = 32;

/**
 * Sets the live bits of the objects of the space at `space` that are marked in the first `chunks` chunks. Answers how many
 * granules they are; or ~object, if there is none, or one that does not end in these chunks.
 */
export function setLiveBits(space: usize, chunks: u32): i32 {
  const end = chunks << 5;
  let live: u32 = 0;
  let reaching: u64 = 0; // the live bits of the chunk, and of the next one
  for (let chunk: u32 = 0; chunk < chunks; chunk++, reaching >>>= CHUNK) {
    for (let bits = load<u32>(markBits + (chunk << 2)); bits !== 0; bits &= bits - 1) {
      const bit = <u32>ctz<u32>(bits);
      const object = (chunk << 5) + bit;
      const at = space + (object << LOG_GRANULE_BYTES);
      const granules = granulesOf(load<u32>(at), at);
      if (granules - 1 >= end - object) return ~object;
      reaching |= (((<u64>1) << min(granules, CHUNK)) - 1) << bit;
      if (granules > CHUNK) setBits(object + CHUNK, object + granules);
      live += granules;
    }
    const word = liveness + (chunk << 3);
    if (<u32>reaching !== 0) store<u32>(word, load<u32>(word) | <u32>reaching);
  }
  return live;
}

/** Sets live bits [from, to). */
function setBits(from: u32, to: u32): void {
  for (let bit = from; bit < to; bit = (bit & -CHUNK) + CHUNK) {
    const word = liveness + ((bit >>> 5) << 3);
    const above = to - (bit & -CHUNK);
    const upTo: u32 = above >= CHUNK ? -1 : ((<u32>1) << above) - 1;
    store<u32>(word, load<u32>(word) | (((<u32>-1) << (bit & 31)) & upTo));
  }
}

/**
 * Writes for chunks [first, end) how many live granules are below each, `before` of them below the first; and for each
 * to-space page, `firstPage` being the next, what lands on it first. Answers how many live granules there are.
 */
export function placeLive(first: u32, end: u32, before: u32, firstPage: u32): u32 {
  let live = before;
  let page = firstPage;
  for (let chunk = first; chunk < end; chunk++) {
    const word = liveness + (chunk << 3);
    const bits = load<u32>(word);
    store<u32>(word, live, 4);
    const next = live + <u32>popcnt<u32>(bits);
    const boundary = page << LOG_PAGE_GRANULES;
    // A chunk has at most 32 live granules, so at most one page begins among them.
    if (boundary < next) beginPage(page++, (chunk << 5) + nthBit(bits, boundary - live));
    live = next;
  }
  return live;
}

function beginPage(page: u32, granule: u32): void {
  const object = precedingMark(granule);
  store<u32>(firstGranule + (page << 2), granule);
  store<u32>(firstObject + (page << 2), object);
  store<u32>(objectAtPage + (page << 2), (page << LOG_PAGE_GRANULES) - (granule - object));
}

/** Position of the n-th set bit, from 0. */
function nthBit(bits: u32, n: u32): u32 {
  let left = bits;
  for (let i: u32 = 0; i < n; i++) left &= left - 1;
  return <u32>ctz<u32>(left);
}

/** The marked object that covers a live granule; −1 if none does. */
function precedingMark(granule: u32): i32 {
  let bits = load<u32>(markBits + ((granule >>> 5) << 2)) & (<u32>-1 >>> (31 - (granule & 31)));
  let chunk = granule >>> 5;
  for (; bits === 0; bits = load<u32>(markBits + (chunk << 2))) if (chunk-- === 0) return -1;
  return (chunk << 5) + 31 - <u32>clz<u32>(bits);
}
