/**
 * Making one to-space page, from from-space and metadata alone: whoever needs the page first can do it, and no
 * other page is touched. Objects are copied in address order, their references forwarded on the way. The first and
 * the last object may lie on the page in part; their layout is read from from-space, where all of it is.
 *
 * Two kinds of page: below the compacted end, live objects packed without gaps ("compacted"); above it, pages of
 * objects allocated since marking, which keep their gaps ("slid").
 */
import { nextBit } from '../heap/bitmap.ts';
import type { HeapTables } from '../heap/layout.ts';
import {
  fillerHeader,
  headerWords,
  isFiller,
  LOG_PAGE_GRANULES,
  PAGE_GRANULES,
  RECORD_HEADER_WORDS,
  type Ref,
  recordGranules,
  recordReferences,
} from '../heap/object.ts';
import { noObjectAt } from '../heap/verify.ts';
import { readObject } from '../heap/walk.ts';
import { LOG_PAGE_WORDS, PAGE_WORDS, type PageView } from '../uffd/kernel.ts';
import { type Forward, makeForward, type SlideBounds } from './forward.ts';

// Copies of imported constants, for the hot loops: V8 compiles a module's own constants in as numbers.
const LOG_GRANULES = LOG_PAGE_GRANULES;
const GRANULES = PAGE_GRANULES;
const HEADER = RECORD_HEADER_WORDS;
const LOG_WORDS = LOG_PAGE_WORDS;
const WORDS = PAGE_WORDS;

/** What the pages of one collection are made from; one record a thread, renewed at each flip. */
export interface PageSources extends SlideBounds {
  from: PageView;
  liveGranules: number;
  compactedPages: number;
}

/** Fills `words[base … base + 1024)` with a to-space page. The words may hold anything before. */
export type FillPage = (page: number, words: Int32Array, base: number) => void;

/** A function that makes any to-space page of the collection that `sources` tells of when it is called. */
export function makeFillPage(tables: HeapTables, sources: Readonly<PageSources>): FillPage {
  const forward = makeForward(tables.liveness, sources);
  const compact = makeCompactPage(tables, sources, forward);
  const slide = makeSlidePage(tables, sources, forward);
  return (page, words, base) => {
    if (page < sources.compactedPages) compact(page, words, base);
    else slide(page, words, base);
  };
}

function makeCompactPage(tables: HeapTables, sources: Readonly<PageSources>, forward: Forward): FillPage {
  const { liveness, firstGranule, firstObject } = tables;
  const copyPart = makeCopyPart(sources, forward);

  return (page, words, base) => {
    const { from, liveGranules, blackBegin } = sources;
    const source = from.words;
    const end = base + 2 * Math.min(GRANULES, liveGranules - (page << LOG_GRANULES));
    let object = firstObject[page] as Ref;
    const skip = 2 * ((firstGranule[page] as number) - object);
    let copied = copyPart(object, skip, words, base, end);
    let out = base + copied;
    object += (skip + copied) >>> 1;
    let sourcePage = -1;
    let sourceBase = 0;
    while (out < end) {
      // Live objects lie shoulder to shoulder, or the next live granule begins the next one.
      const chunk = liveness[(object >>> 5) * 2] as number;
      if ((chunk & (1 << (object & 31))) === 0) object = nextBit(liveness, 2, object, blackBegin);
      if (object >>> LOG_GRANULES !== sourcePage) {
        sourcePage = object >>> LOG_GRANULES;
        sourceBase = from.readable(sourcePage);
      }
      const at = sourceBase + (object & (GRANULES - 1)) * 2;
      const header = source[at] as number;
      const size = recordGranules(header) * 2;
      if (header < 0 || size === 0 || out + size > end || at + size > sourceBase + WORDS) {
        copied = copyPart(object, 0, words, out, end);
      } else {
        copied = size;
        words[out] = header;
        const data = HEADER + recordReferences(header);
        for (let i = HEADER; i < data; i++) words[out + i] = forward(source[at + i] as Ref);
        for (let i = data; i < size; i++) words[out + i] = source[at + i] as number;
      }
      out += copied;
      object += copied >>> 1;
    }
    fillTail(words, end, base + WORDS);
  };
}

/** What the last compacted page has left is one filler, so that the heap parses on to the slid pages. */
function fillTail(words: Int32Array, from: number, to: number): void {
  if (from === to) return;
  words.fill(0, from, to);
  words.set(fillerHeader((to - from) >>> 1), from);
}

function makeSlidePage(tables: HeapTables, sources: Readonly<PageSources>, forward: Forward): FillPage {
  const { firstObject } = tables;
  const copyPart = makeCopyPart(sources, forward);

  return (page, words, base) => {
    const pageBegin = (page << LOG_GRANULES) + sources.blackSlide;
    const pageEnd = pageBegin + GRANULES;
    const end = base + WORDS;
    let object = firstObject[page] as Ref; // kept there by the flip
    while (object < pageEnd) {
      const skip = 2 * Math.max(0, pageBegin - object);
      const out = base + 2 * object + skip - 2 * pageBegin;
      object += (skip + copyPart(object, skip, words, out, end)) >>> 1;
    }
  };
}

/**
 * Copies words of an object from its word `skip` on, until the object or the target ends: how many words. Of filler
 * only the header is copied (what it covers is never read, and its pages may not even be there).
 */
type CopyPart = (object: Ref, skip: number, words: Int32Array, out: number, end: number) => number;

/** The general case, over page borders; the references among the words are forwarded. */
function makeCopyPart(sources: Readonly<PageSources>, forward: Forward): CopyPart {
  return (object, skip, words, out, end) => {
    const { from } = sources;
    const { header, granules, references } = readObject(from, object);
    if (2 * granules <= skip) throw noObjectAt(object, granules, 'while compacting');
    const firstReference = headerWords(header);
    const firstData = firstReference + references;
    const count = Math.min(2 * granules - skip, end - out);
    const stop = isFiller(header) ? Math.min(skip + count, firstReference) : skip + count;
    for (let i = skip; i < stop; ) {
      // Up to the end of the source page, or of the kind of words.
      const word = 2 * object + i;
      const offset = word & (WORDS - 1);
      const kindEnd = i < firstReference ? firstReference : i < firstData ? firstData : stop;
      const n = Math.min(WORDS - offset, kindEnd - i, stop - i);
      const at = from.readable(word >>> LOG_WORDS) + offset;
      const to = out + i - skip;
      const source = from.words;
      if (i >= firstReference && i < firstData) {
        for (let k = 0; k < n; k++) words[to + k] = forward(source[at + k] as Ref);
      } else {
        for (let k = 0; k < n; k++) words[to + k] = source[at + k] as number;
      }
      i += n;
    }
    return count;
  };
}
