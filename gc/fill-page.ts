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
  LOG_PAGE_GRANULES,
  PAGE_GRANULES,
  RECORD_HEADER_WORDS,
  type Ref,
  recordGranules,
  recordReferences,
} from '../heap/object.ts';
import { readObject, readWord } from '../heap/walk.ts';
import { PAGE_WORDS, type PageView } from '../uffd/kernel.ts';
import { type Forward, makeForward, type SlideBounds } from './forward.ts';

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
    const end = base + 2 * Math.min(PAGE_GRANULES, liveGranules - (page << LOG_PAGE_GRANULES));
    let object = firstObject[page] as Ref;
    let out = base + copyPart(object, 2 * ((firstGranule[page] as number) - object), words, base, end);
    object += readObject(from, object).granules;
    let sourcePage = -1;
    let sourceBase = 0;
    while (out < end) {
      // Live objects lie shoulder to shoulder, or the next live granule begins the next one.
      const chunk = liveness[(object >>> 5) * 2] as number;
      if ((chunk & (1 << (object & 31))) === 0) object = nextBit(liveness, 2, object, blackBegin);
      if (object >>> LOG_PAGE_GRANULES !== sourcePage) {
        sourcePage = object >>> LOG_PAGE_GRANULES;
        sourceBase = from.readable(sourcePage);
      }
      const at = sourceBase + (object & (PAGE_GRANULES - 1)) * 2;
      const header = source[at] as number;
      const size = recordGranules(header) * 2;
      if (header < 0 || out + size > end || at + size > sourceBase + PAGE_WORDS) {
        out += copyPart(object, 0, words, out, end);
        object += readObject(from, object).granules;
        continue;
      }
      words[out] = header;
      const data = RECORD_HEADER_WORDS + recordReferences(header);
      for (let i = RECORD_HEADER_WORDS; i < data; i++) words[out + i] = forward(source[at + i] as Ref);
      for (let i = data; i < size; i++) words[out + i] = source[at + i] as number;
      out += size;
      object += size >>> 1;
    }
    fillTail(words, end, base + PAGE_WORDS);
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
    const { from, blackSlide } = sources;
    const sourcePage = page + (blackSlide >>> LOG_PAGE_GRANULES);
    const pageBegin = sourcePage << LOG_PAGE_GRANULES;
    const pageEnd = pageBegin + PAGE_GRANULES;
    const end = base + PAGE_WORDS;
    let object = firstObject[page] as Ref; // kept there by the flip
    while (object < pageEnd) {
      const skipped = Math.max(0, pageBegin - object);
      const out = base + 2 * (object + skipped - pageBegin);
      copyPart(object, 2 * skipped, words, out, end);
      object += readObject(from, object).granules;
    }
  };
}

/** Copies words of an object from its word `skip` on, until the object or the target ends: how many words. */
type CopyPart = (object: Ref, skip: number, words: Int32Array, out: number, end: number) => number;

/** The general case, word by word over page borders; the references among the words are forwarded. */
function makeCopyPart(sources: Readonly<PageSources>, forward: Forward): CopyPart {
  return (object, skip, words, out, end) => {
    const { from } = sources;
    const { header, granules, references } = readObject(from, object);
    const firstReference = headerWords(header);
    const firstData = firstReference + references;
    const count = Math.min(2 * granules - skip, end - out);
    for (let i = 0; i < count; i++) {
      const word = readWord(from, 2 * object + skip + i);
      const isReference = skip + i >= firstReference && skip + i < firstData;
      words[out + i] = isReference ? forward(word) : word;
    }
    return count;
  };
}

