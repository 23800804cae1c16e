/**
 * D4 and D7: who makes a page, and what is on it then. What a to-space page must hold is made a second time, object by object
 * and word by word instead of by runs of live granules. Each maker asserts it of each page before it publishes it; where
 * pages are made over what they are made from, the checker does of all of them, from a copy.
 */
import { nextBit } from '../../heap/bitmap.ts';
import type { HeapTables } from '../../heap/layout.ts';
import { isKept } from '../../heap/non-moving.ts';
import { fillerHeader, isFiller, LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import { readObject, readWord } from '../../heap/walk.ts';
import { PAGE_WORDS, type PageView } from '../../uffd/kernel.ts';
import { workersInside } from '../cycle.ts';
import type { FillPage, PageSources } from '../fill-page.ts';
import { makeForward } from '../forward.ts';
import type { Maker } from '../maker.ts';
import { PAGE, stateOf } from '../page-state.ts';
import { forMarked } from './marked.ts';
import { assertThat } from './named.ts';

/** A `fill` that asserts of each page what it has made. @throws InvariantError */
export function assertingFill(plain: FillPage, { tables, sources, cycle }: Omit<Maker, 'fill'>): FillPage {
  const model = makeModel(tables, sources);
  const fill: FillPage = (page, words, base) => {
    plain(page, words, base);
    const isCounted = stateOf(tables.pageStates, page) !== PAGE.faultProcessing || workersInside(cycle) > 0;
    assertThat(
      'D4',
      isCounted,
      () => `page ${page} is made for a fault, and nobody is said to work on pages`,
    );
  };
  return (page, words, base) => {
    if (sources.inOrder && page < tables.pages) {
      fill(page, words, base);
      return; // what it was made from may be gone: see assertMade
    }
    // Before it is made: where that is in place, what it was is gone afterwards.
    const before = () => (sources.inPlace ? words.slice(base, base + PAGE_WORDS) : pageOf(sources, page));
    const wanted = page < tables.pages ? model.moved(page) : model.updated(page, before());
    fill(page, words, base);
    assertWords(page, wanted, words, base);
  };
}

/** The same of moving pages [0, used), which lie in `heap` by now; `sources.from` is a copy of what they are made from. */
export function assertMade(
  heap: PageView,
  tables: HeapTables,
  sources: Readonly<PageSources>,
  used: number,
): void {
  const model = makeModel(tables, sources);
  for (let page = 0; page < used; page++)
    assertWords(page, model.moved(page), heap.words, heap.readable(page));
}

function assertWords(
  page: number,
  wanted: ReadonlyMap<number, number>,
  words: Int32Array,
  base: number,
): void {
  for (const [i, value] of wanted) {
    const found = words[base + i] as number;
    const where = () => `page ${page}, word ${i}: it is ${found}, and ${value} in the model`;
    assertThat('D7', found === value, where);
  }
}

/** Pages [0, pages) of a space, as they are now. */
export function copyOf({ words, readable }: PageView, pages: number): PageView {
  const copy = new Int32Array(pages * PAGE_WORDS);
  for (let page = 0; page < pages; page++) {
    const at = readable(page);
    copy.set(words.subarray(at, at + PAGE_WORDS), page * PAGE_WORDS);
  }
  const base = (page: number): number => page * PAGE_WORDS;
  return { words: copy, readable: base, writable: base, updatable: base };
}

function pageOf({ from }: Readonly<PageSources>, page: number): Int32Array {
  const at = from.readable(page);
  return from.words.slice(at, at + PAGE_WORDS);
}

interface Model {
  /** What words of a page must be, by their numbers on the page. Where filler lies any will do but its header. */
  readonly moved: (page: number) => ReadonlyMap<number, number>;
  /** The same for a page that does not move and holds `before`; zeros if there is no object on it. */
  readonly updated: (page: number, before: Int32Array) => ReadonlyMap<number, number>;
}

function makeModel(tables: HeapTables, sources: Readonly<PageSources>): Model {
  const { markBits, firstObject, firstGranule } = tables;
  const forward = makeForward(tables.liveness, sources);

  /** Puts down what of an object at `place` lies on the page. */
  function put(into: Map<number, number>, page: number, object: Ref, place: Ref): void {
    const { from } = sources;
    const { header, granules, firstReference, references } = readObject(from, object);
    const isDead = isFiller(header) && object > 0;
    const words = isDead ? fillerHeader(granules).length : 2 * granules;
    for (let word = 0; word < words; word++) {
      const at = 2 * place + word - page * PAGE_WORDS;
      if (at < 0 || at >= PAGE_WORDS) continue;
      const source = 2 * object + word;
      const value = readWord(from, source);
      const isReference = source >= firstReference && source < firstReference + references;
      into.set(at, isReference ? forward(value) : value);
    }
  }

  function compacted(page: number): Map<number, number> {
    const { blackBegin, liveGranules } = sources;
    const [words, end] = [new Map<number, number>(), (page + 1) << LOG_PAGE_GRANULES];
    let object = firstObject[page] as Ref;
    for (
      ;
      object < blackBegin && forward(object) < end;
      object = nextBit(markBits, 1, object + 1, blackBegin)
    )
      put(words, page, object, forward(object));
    if (liveGranules < end) {
      const first = 2 * (liveGranules & (PAGE_GRANULES - 1));
      for (let at = first; at < PAGE_WORDS; at++) words.set(at, 0);
      for (const [i, word] of fillerHeader(end - liveGranules).entries()) words.set(first + i, word);
    }
    return words;
  }

  function slid(page: number): Map<number, number> {
    const { blackSlide, from } = sources;
    const [words, end] = [new Map<number, number>(), ((page + 1) << LOG_PAGE_GRANULES) + blackSlide];
    for (let object = firstObject[page] as Ref; object < end; object += readObject(from, object).granules)
      put(words, page, object, object - blackSlide);
    return words;
  }

  return {
    moved: (page) => (page < sources.compactedPages ? compacted(page) : slid(page)),
    updated(page, before) {
      if (!isKept(tables, page)) return new Map(Array.from(before, (_, at) => [at, 0]));
      const words = new Map<number, number>(before.entries());
      const update = (at: number): void => {
        if (at < PAGE_WORDS) words.set(at, forward(before[at] as Ref));
      };
      for (let at = 0; at < (firstGranule[page] as number) - page * PAGE_WORDS; at++) update(at);
      forMarked(tables, page << LOG_PAGE_GRANULES, (page + 1) << LOG_PAGE_GRANULES, (object) => {
        const view = { words: before, readable: () => 0, writable: () => 0, updatable: () => 0 };
        const { firstReference, references } = readObject(view, object);
        for (let i = 0; i < references; i++) update(firstReference + i - page * PAGE_WORDS);
      });
      return words;
    },
  };
}
