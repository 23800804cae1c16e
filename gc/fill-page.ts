/**
 * Making one to-space page, from from-space and metadata alone: whoever needs the page first can do it, and no
 * other page is touched. Two passes, each a loop without surprises for the processor's branch predictor: first the
 * words are copied, in runs of live granules and with no regard to objects; then the objects that have come to lie
 * on the page are walked and their references forwarded, so that the look-ups, which miss the cache, overlap.
 *
 * The first and the last object may lie on the page in part; the layout of the first is read from from-space.
 *
 * Two kinds of page: below the compacted end, live objects packed without gaps ("compacted"); above it, pages of
 * objects allocated since marking, which keep their gaps ("slid"). And a third one in the non-moving space, whose
 * objects stay where they are: only references are forwarded, in the page itself where the mode can publish that.
 */
import { nextBit } from '../heap/bitmap.ts';
import type { HeapTables } from '../heap/layout.ts';
import {
  ARRAY_HEADER_WORDS,
  ARRAY_REFERENCES_WORD,
  ARRAY_SIZE_WORD,
  fillerHeader,
  isFiller,
  LOG_PAGE_GRANULES,
  PAGE_GRANULES,
  RECORD_HEADER_WORDS,
  type Ref,
  recordGranules,
  recordReferences,
} from '../heap/object.ts';
import { describeRef, HeapCorruptError, noObjectAt } from '../heap/verify.ts';
import { readObject } from '../heap/walk.ts';
import { PAGE_WORDS, type PageView } from '../uffd/kernel.ts';
import { makeForward, type SlideBounds } from './forward.ts';
import { makeUpdatePage } from './update-page.ts';

// Copies of imported constants, for the hot loops: V8 compiles a module's own constants in as numbers.
const LOG_GRANULES = LOG_PAGE_GRANULES;
const GRANULES = PAGE_GRANULES;
const RECORD_HEADER = RECORD_HEADER_WORDS;
const ARRAY_HEADER = ARRAY_HEADER_WORDS;
const WORDS = PAGE_WORDS;

/** Words copied at a time. */
const BLOCK = 8;

/** What the pages of one collection are made from; one record a thread, renewed at each flip. */
export interface PageSources extends SlideBounds {
  from: PageView;
  liveGranules: number;
  compactedPages: number;
  /** Whether a page of the non-moving space is made where it is; if not, it is copied first. */
  readonly inPlace: boolean;
}

/** Fills `words[base … base + 1024)` with a to-space page. The words may hold anything before, unless it is in place. */
export type FillPage = (page: number, words: Int32Array, base: number) => void;

/** A function that makes any to-space page of the collection that `sources` tells of when it is called. */
export function makeFillPage(tables: HeapTables, sources: Readonly<PageSources>): FillPage {
  const { firstGranule, firstObject } = tables;
  const copyLive = makeCopyLive(tables.liveness);
  const forwardReferences = makeForwardReferences(tables.liveness, sources);
  const update = makeUpdatePage(tables, sources);

  function compact(page: number, words: Int32Array, base: number): void {
    const { from, liveGranules } = sources;
    const [object, granule] = [firstObject[page] as Ref, firstGranule[page] as number];
    const end = base + 2 * Math.min(GRANULES, liveGranules - (page << LOG_GRANULES));
    copyLive(from, granule, words, base, end);
    const broken = forwardReferences(object, 2 * (granule - object), words, base, end);
    if (broken !== SOUND) throw noObject(liveGranule(granule, broken));
    fillTail(words, end, base + WORDS);
  }

  function slide(page: number, words: Int32Array, base: number): void {
    const { from, blackSlide } = sources;
    const object = firstObject[page] as Ref; // kept there by the flip
    const granule = (page << LOG_GRANULES) + blackSlide;
    const { header, granules } = readObject(from, object);
    // What filler covers is never read, and its pages may not even be there. (Its header may reach onto this page.)
    const coversAll = object + ARRAY_HEADER / 2 <= granule && object + granules >= granule + GRANULES;
    if (isFiller(header) && coversAll) return;
    const at = from.readable(granule >>> LOG_GRANULES);
    words.set(from.words.subarray(at, at + WORDS), base);
    const broken = forwardReferences(object, 2 * (granule - object), words, base, base + WORDS);
    if (broken !== SOUND) throw noObject(granule + broken);
  }

  /** The live granule that is `n` live granules above `first`. */
  function liveGranule(first: number, n: number): number {
    let granule = first;
    for (let i = 0; i < n; i++) granule = nextBit(tables.liveness, 2, granule + 1, sources.blackBegin);
    return granule;
  }

  function noObject(object: Ref): HeapCorruptError {
    return noObjectAt(object, readObject(sources.from, object).granules, 'while compacting');
  }

  return (page, words, base) => {
    if (page < sources.compactedPages) compact(page, words, base);
    else if (page < tables.pages) slide(page, words, base);
    else update(page, words, base);
  };
}

/** Copies live granules in address order, from `first` on, until the words up to `end` are full. */
type CopyLive = (from: PageView, first: Ref, words: Int32Array, base: number, end: number) => void;

function makeCopyLive(liveness: Int32Array): CopyLive {
  const granules = liveness.length * 16; // 32 a chunk of two words
  return (from, first, words, base, end) => {
    let out = base;
    let sourcePage = -1;
    let sourceBase = 0;
    for (let granule = first; out < end; granule = (granule & -32) + 32) {
      let live = (liveness[(granule >>> 5) * 2] as number) & (-1 << (granule & 31));
      if (live === 0) {
        if (granule >= granules) throw tooFewLive(first);
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
  };
}

/** The bitmap has fewer live granules than the collection's plan counted: a damaged heap, or a damaged plan. */
function tooFewLive(first: Ref): HeapCorruptError {
  return new HeapCorruptError('while compacting', [
    `from ${describeRef(first)} on there are too few live granules to fill a page`,
  ]);
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

/** What the last compacted page has left is one filler, so that the heap parses on to the slid pages. */
function fillTail(words: Int32Array, from: number, to: number): void {
  if (from === to) return;
  words.fill(0, from, to);
  words.set(fillerHeader((to - from) >>> 1), from);
}

/** The answer of {@link ForwardReferences} if all is well. */
const SOUND = -1;

/**
 * Forwards the references of the objects that lie on `words[base … end)`, of which the first is from-space's
 * `object` from its word `skip` on. Answers SOUND, or which granule of these words begins what is no object.
 */
type ForwardReferences = (object: Ref, skip: number, words: Int32Array, base: number, end: number) => number;

function makeForwardReferences(liveness: Int32Array, sources: Readonly<PageSources>): ForwardReferences {
  const forward = makeForward(liveness, sources);
  /** Where references lie: first all are found, then all forwarded. Four places are written at a time. */
  const places = new Int32Array(WORDS + 4);

  return (object, skip, words, base, end) => {
    const { granules, firstReference, references } = readObject(sources.from, object);
    if (2 * granules <= skip) throw noObjectAt(object, granules, 'while compacting');
    const reference = base + firstReference - 2 * object - skip;
    let found = 0;
    for (let at = Math.max(base, reference); at < Math.min(end, reference + references); at++)
      places[found++] = at;
    found = findReferences(words, base - skip + 2 * granules, end, places, found);
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
