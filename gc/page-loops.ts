/**
 * The loops over the words of one page, in JavaScript: what they are for is in fill-page.ts. Compiled they are twice as
 * fast (wasm/pages.ts); here they serve memory that compiled code does not reach, and are the ones to try a change with.
 */
import type { HeapTables } from '../heap/layout.ts';
import {
  ARRAY_HEADER_WORDS,
  ARRAY_REFERENCES_WORD,
  ARRAY_SIZE_WORD,
  LOG_PAGE_GRANULES,
  PAGE_GRANULES,
  RECORD_HEADER_WORDS,
  type Ref,
  recordGranules,
  recordReferences,
} from '../heap/object.ts';
import { PAGE_WORDS } from '../uffd/kernel.ts';
import { type PageLoops, type PageSources, SOUND } from './fill-page.ts';
import { makeForward } from './forward.ts';
import { firstReferenceOn, objectEnd, referencesEnd } from './page-layout.ts';

// Copies of imported constants, for the hot loops: V8 compiles a module's own constants in as numbers.
const LOG_GRANULES = LOG_PAGE_GRANULES;
const GRANULES = PAGE_GRANULES;
const RECORD_HEADER = RECORD_HEADER_WORDS;
const ARRAY_HEADER = ARRAY_HEADER_WORDS;
const WORDS = PAGE_WORDS;

/** Words copied at a time. */
const BLOCK = 8;

/** @param sources read at each call: one set of loops serves all collections of its thread */
export function makePageLoops(tables: HeapTables, sources: Readonly<PageSources>): PageLoops {
  return {
    copyLive: makeCopyLive(tables.liveness),
    forwardReferences: makeForwardReferences(tables.liveness, sources),
    updateReferences: makeUpdateReferences(tables, sources),
  };
}

function makeCopyLive(liveness: Int32Array): PageLoops['copyLive'] {
  const granules = liveness.length * 16; // 32 a chunk of two words
  return (from, first, words, base, end) => {
    let out = base;
    let sourcePage = -1;
    let sourceBase = 0;
    for (let granule = first; out < end; granule = (granule & -32) + 32) {
      let live = (liveness[(granule >>> 5) * 2] as number) & (-1 << (granule & 31));
      if (live === 0) {
        if (granule >= granules) return false;
        continue;
      }
      if (granule >>> LOG_GRANULES !== sourcePage) {
        sourcePage = granule >>> LOG_GRANULES;
        sourceBase = from.readable(sourcePage);
      }
      const chunk = sourceBase + (granule & (GRANULES - 32)) * 2;
      do {
        // Adding a run's lowest bit clears the run, and sets the bit above it, which was not set.
        const lowest = live & -live;
        const carried = (live + lowest) | 0;
        const above = carried & ~live;
        live &= carried;
        const begin = chunk + 2 * (31 - Math.clz32(lowest));
        const runEnd = chunk + (above === 0 ? 64 : 2 * (31 - Math.clz32(above)));
        out = copyRun(from.words, begin, Math.min(runEnd, begin + end - out), words, out, end);
      } while (live !== 0);
    }
    return true;
  };
}

/** Copies [from, to); answers the place after the copy. What lies between there and `end` may be lost. */
function copyRun(
  source: Int32Array,
  from: number,
  to: number,
  words: Int32Array,
  out: number,
  end: number,
): number {
  const next = out + to - from;
  let at = from;
  let put = out;
  // In blocks, which may reach over the run's end: few iterations, hence few surprises. Not beyond the source's page.
  if (next + BLOCK <= end && ((to + BLOCK - 1) ^ from) < WORDS) {
    while (at < to) {
      words[put] = source[at] as number;
      words[put + 1] = source[at + 1] as number;
      words[put + 2] = source[at + 2] as number;
      words[put + 3] = source[at + 3] as number;
      words[put + 4] = source[at + 4] as number;
      words[put + 5] = source[at + 5] as number;
      words[put + 6] = source[at + 6] as number;
      words[put + 7] = source[at + 7] as number;
      at += BLOCK;
      put += BLOCK;
    }
  } else {
    while (at < to) words[put++] = source[at++] as number;
  }
  return next;
}

function makeForwardReferences(
  liveness: Int32Array,
  sources: Readonly<PageSources>,
): PageLoops['forwardReferences'] {
  const forward = makeForward(liveness, sources);
  /** Where references lie: first all are found, then all forwarded. Four places are written at a time. */
  const places = new Int32Array(WORDS + 4);

  return (layout, words, base, end) => {
    let found = 0;
    const stop = Math.min(end, base + referencesEnd(layout));
    for (let at = base + firstReferenceOn(layout); at < stop; at++) places[found++] = at;
    found = findReferences(words, base + objectEnd(layout), end, places, found);
    if (found < 0) return (~found - base) >>> 1;
    for (let i = 0; i < found; i++) {
      const at = places[i] as number;
      words[at] = forward(words[at] as Ref);
    }
    return SOUND;
  };
}

/**
 * Puts the places of references in `words[begin … end)`, where an object begins, after those found before. Answers
 * how many there are now; or ~at if the object at that place has no size, or more references than fit into it.
 */
function findReferences(
  words: Int32Array,
  begin: number,
  end: number,
  places: Int32Array,
  before: number,
): number {
  let found = before;
  for (let at = begin; at < end; ) {
    const header = words[at] as number;
    let granules = recordGranules(header);
    let first = at + RECORD_HEADER;
    let references = recordReferences(header);
    if (header < 0) {
      first = at + ARRAY_HEADER;
      if (first >= end) break; // nothing but its header, and not all of that
      granules = words[at + ARRAY_SIZE_WORD] as number;
      references = words[at + ARRAY_REFERENCES_WORD] as number;
    }
    if (granules <= 0 || references < 0 || references > 2 * granules) return ~at;
    if (references <= 4) {
      places[found] = first;
      places[found + 1] = first + 1;
      places[found + 2] = first + 2;
      places[found + 3] = first + 3;
    } else {
      const stop = Math.min(first + references, end);
      for (let i = first; i < stop; i++) places[found + i - first] = i;
      references = stop - first;
    }
    found += references;
    at += 2 * granules;
  }
  // The last object may reach beyond the end.
  while (found > 0 && (places[found - 1] as number) >= end) found--;
  return found;
}

function makeUpdateReferences(
  { liveness, markBits, firstGranule }: HeapTables,
  sources: Readonly<PageSources>,
): PageLoops['updateReferences'] {
  const forward = makeForward(liveness, sources);
  const places = new Int32Array(WORDS);

  /** Puts the places of the references of objects that begin on the page after those found before. */
  function findOn(page: number, words: Int32Array, base: number, before: number): number {
    let found = before;
    for (let chunk = page << (LOG_GRANULES - 5); chunk < (page + 1) << (LOG_GRANULES - 5); chunk++) {
      for (let bits = markBits[chunk] as number; bits !== 0; bits &= bits - 1) {
        const object = (chunk << 5) + 31 - Math.clz32(bits & -bits);
        const at = base + 2 * (object & (GRANULES - 1));
        const header = words[at] as number;
        if (header === 0) return ~object;
        const first = at + (header < 0 ? ARRAY_HEADER : RECORD_HEADER);
        const references =
          header < 0 ? (words[at + ARRAY_REFERENCES_WORD] as number) : recordReferences(header);
        const end = Math.min(first + references, base + WORDS);
        for (let place = first; place < end; place++) places[found++] = place;
      }
    }
    return found;
  }

  return (page, words, base) => {
    const reaching = Math.min(WORDS, (firstGranule[page] as number) - page * WORDS);
    let found = 0;
    while (found < reaching) places[found] = base + found++;
    found = findOn(page, words, base, found);
    if (found < 0) return ~found;
    for (let i = 0; i < found; i++) {
      const at = places[i] as number;
      words[at] = forward(words[at] as Ref);
    }
    return SOUND;
  };
}
