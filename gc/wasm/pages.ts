// Making one to-space page: the two passes of gc/fill-page.ts, and the one of gc/update-page.ts, compiled. The copying
// gains from 64-bit words, vectors and a population count, which JavaScript has not.
import { forwardAll } from './forward';
import {
  ARRAY_HEADER_BYTES,
  granulesOf,
  headerBytes,
  isArray,
  LOG_GRANULE_BYTES,
  referencesOf,
} from './object';
import { firstGranule, liveness, livenessChunks, markBits, SOUND } from './tables';

const PAGE_BYTES: u32 = 4096;
/** Bytes copied at a time. */
const BLOCK: u32 = 32;

/**
 * Copies live granules in address order, from granule `first` of the space at `from` on, to [out, end). Answers false if
 * there are too few. What lies in [out, end) may be anything before.
 */
export function copyLive(from: usize, first: u32, out: usize, end: usize): bool {
  let put = out;
  let chunk = first >>> 5;
  let live = load<u32>(liveness + (chunk << 3)) & ((<u32>-1) << (first & 31));
  while (true) {
    while (live !== 0) {
      // Adding a run's lowest bit clears the run, and sets the bit above it, which was not set.
      const begin = <u32>ctz<u32>(live);
      const carried = live + ((<u32>1) << begin);
      const above = carried & ~live;
      live &= carried;
      const granules = (above === 0 ? 32 : <u32>ctz<u32>(above)) - begin;
      put = copyRun(
        from + (((chunk << 5) + begin) << LOG_GRANULE_BYTES),
        put,
        granules << LOG_GRANULE_BYTES,
        end,
      );
      if (put === end) return true;
    }
    if (++chunk >= livenessChunks) return false;
    live = load<u32>(liveness + (chunk << 3));
  }
}

/** Copies `bytes` bytes, or as many as fit; answers the place after them. What lies between there and `end` may be lost. */
function copyRun(from: usize, to: usize, bytes: u32, end: usize): usize {
  const next = to + bytes;
  if (next + BLOCK > end) return copyLast(from, to, min(next, end));
  let at = from;
  // In blocks, which may reach over the run's end: few iterations, hence few surprises.
  for (let put = to; put < next; put += BLOCK, at += BLOCK) {
    const low = v128.load(at);
    const high = v128.load(at, 16);
    v128.store(put, low);
    v128.store(put, high, 16);
  }
  return next;
}

function copyLast(from: usize, to: usize, end: usize): usize {
  let at = from;
  for (let put = to; put < end; put += 8, at += 8) store<u64>(put, load<u64>(at));
  return end;
}

/**
 * Forwards the references of the objects that lie on [begin, end), of which the first goes on as `layout` says
 * (gc/page-layout.ts). Answers SOUND, or which granule of [begin, end) begins what is no object.
 */
export function forwardReferences(layout: u32, begin: usize, end: usize): i32 {
  const stop = begin + (((layout >>> 3) & 0x7ff) << 2);
  forwardAll(begin + ((layout & 7) << 2), min(stop, end));
  return forwardObjects(begin, begin + ((layout >>> 14) << 2), end);
}

/** Forwards the references of the objects on [at, end), where one begins; granules are counted from `begin`. */
function forwardObjects(begin: usize, first: usize, end: usize): i32 {
  let at = first;
  while (at < end) {
    const header = load<u32>(at);
    let slots = at + 4;
    let granules = header & 0x1fff;
    let references = (header >>> 13) & 0x3ff;
    if (isArray(header)) {
      slots = at + ARRAY_HEADER_BYTES;
      // It may have nothing but its header on the page, and not all of that.
      if (slots >= end) return SOUND;
      granules = granulesOf(header, at);
      references = referencesOf(header, at);
    }
    if (granules === 0 || references > 2 * granules) return <i32>(at - begin) >>> LOG_GRANULE_BYTES;
    forwardAll(slots, min(slots + (references << 2), end));
    at += granules << LOG_GRANULE_BYTES;
  }
  return SOUND;
}

/**
 * Forwards the references on page `page` of the non-moving space, which lies at `at`: of the marked objects that begin on
 * it, and of the one that reaches onto it. Answers SOUND, or a marked granule where no object begins.
 */
export function updatePage(page: u32, at: usize): i32 {
  const reaching = <i32>(load<u32>(firstGranule + (page << 2)) - (page << 10));
  if (reaching > 0) forwardAll(at, at + ((<u32>min<i32>(reaching, 1024)) << 2));
  for (let chunk = page << 4; chunk < (page + 1) << 4; chunk++) {
    for (let bits = load<u32>(markBits + (chunk << 2)); bits !== 0; bits &= bits - 1) {
      const object = (chunk << 5) + <u32>ctz<u32>(bits);
      const place = at + ((object & 511) << LOG_GRANULE_BYTES);
      const header = load<u32>(place);
      if (header === 0) return object;
      const slots = place + headerBytes(header);
      forwardAll(slots, min(slots + (referencesOf(header, place) << 2), at + PAGE_BYTES));
    }
  }
  return SOUND;
}
