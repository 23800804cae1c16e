/**
 * A whole compaction, done twice: by the collector's own phases on an image of a heap, and by sliding a list of
 * objects (what Lisp 2 did). Both must come to the same words. The collector does it in each of its ways: into another
 * space or in place, and with its loops in JavaScript or compiled.
 */
import { expect } from 'vitest';
import type { Compiled } from '../../dist/gc/compiled.js';
import { allocateCycle, openCycle } from '../../dist/gc/cycle.js';
import { beginCycle, type Maker, makeMaker } from '../../dist/gc/maker.js';
import { compactPages } from '../../dist/gc/phases/compact.js';
import { densePages, fillGaps } from '../../dist/gc/phases/dense-prefix.js';
import { flip } from '../../dist/gc/phases/flip.js';
import { prepare } from '../../dist/gc/phases/prepare.js';
import { recordHeader } from '../../dist/heap/object.js';
import { setTopPage, topPage } from '../../dist/heap/spaces.js';
import { verifyHeap } from '../../dist/heap/verify.js';
import { readObject, readWord } from '../../dist/heap/walk.js';
import {
  dataWord,
  endOf,
  fillTo,
  headerOf,
  type Image,
  type Item,
  isThing,
  makeImage,
  makeSpace,
  mark,
  PAGE_GRANULES,
  PAGE_WORDS,
  pagesFor,
  placeAll,
  pointTo,
  reachable,
  type Space,
  setRoots,
  sizeOf,
  type Thing,
  wordsOf,
  writeItem,
} from './heap-image.ts';
import { ARRAYS, type HeapMemory, linearMemory } from './heap-memory.ts';

/** One collection: what the heap holds when marking begins, and what mutators do before the flip. */
export interface Scenario {
  readonly old: readonly Item[];
  readonly roots: readonly Item[];
  /** Allocated after marking, on pages of their own. */
  readonly black?: readonly Item[];
  /** References of live objects that are set after marking. */
  readonly stores?: readonly { readonly from: Thing; readonly slot: number; readonly target: Item }[];
  readonly blackRoots?: readonly Item[];
  readonly seed?: number;
  /** How dense the pages at the bottom must be that are not moved; absent: all are. */
  readonly density?: number | undefined;
}

/** Where everything is afterwards. */
export interface Compacted {
  readonly image: Image;
  readonly to: Space;
  readonly places: ReadonlyMap<Item, number>;
  readonly compactedPages: number;
  /** Of these, not moved. */
  readonly prefixPages: number;
  /** Granules that are dead there. */
  readonly prefixDead: number;
  readonly slidPages: number;
  /** Pages by which the black objects moved. */
  readonly slide: number;
}

/** Compacts by the collector's phases, makes every page, and checks all of it against the model: in every way. */
export function compactAndCheck(scenario: Scenario): Compacted {
  const before = (scenario.stores ?? []).map(({ from, slot }) => from.references[slot] as Item | null);
  const undoStores = () => {
    for (const [i, { from, slot }] of (scenario.stores ?? []).entries())
      pointTo(from, slot, before[i] as Item | null);
  };
  const done = [ARRAYS, linearMemory()].flatMap((memory) =>
    [false, true].map((inPlace) => {
      undoStores();
      return compactOnce(scenario, memory, inPlace);
    }),
  );
  return done[0] as Compacted;
}

function compactOnce(scenario: Scenario, memory: HeapMemory, inPlace: boolean): Compacted {
  const { old, roots, black = [], blackRoots = [], stores = [], seed = 1, density } = scenario;
  const image = makeImage(old, pagesFor(endOf(placeAll(black, 0), 0)) + 1, seed, memory);
  const { tables, space } = image;
  const compiled = memory.compiled(tables);
  const live = reachable(roots);
  setRoots(tables, 0, refsOf(roots, image.places));
  const found = mark(space.view, tables, compiled);
  expect(found.objects).toBe(1 + live.size);
  expect(found.granules).toBe(1 + [...live].reduce((sum, item) => sum + sizeOf(item), 0));
  const blackBegin = topPage(tables) * PAGE_GRANULES;
  const all = addBlack(image, black, blackBegin);
  for (const { from, slot, target } of stores) {
    pointTo(from, slot, target);
    writeItem(image, from, all);
  }
  setRoots(tables, 1, refsOf(blackRoots, all));

  const dense =
    density === undefined
      ? 0
      : densePages(tables, blackBegin / PAGE_GRANULES, { density, mostDead: Infinity });
  const plan = prepare(space.view, tables, blackBegin, dense, compiled?.liveness);
  expectToParse(space, topPage(tables) * PAGE_GRANULES); // should the collection be given up now
  const maker = inPlace ? slidingMaker(image, memory, compiled, dense) : makerOf(image, space, compiled);
  const pages = flip(maker, plan, blackBegin);
  if (inPlace) compactPages(maker, 3);
  const to = inPlace ? space : makeAllPages(maker, pages.used, seed, memory);
  expect(maker.sources.compiled).toBe(memory.isLinear);
  fillGaps(to.view, tables, plan.prefixGaps);

  const model = slideByHand({ old, live, black, blackBegin, prefixEnd: dense * PAGE_GRANULES });
  expect([plan.liveGranules, plan.compactedPages]).toEqual([
    model.liveGranules,
    pagesFor(model.liveGranules),
  ]);
  expect(pages.used).toBe(plan.compactedPages + pagesFor(endOf(placeAll(black, 0), 0)));
  compareWords(to, pages.used, model);
  expect(tables.roots[0]?.slice(1, 1 + roots.length)).toEqual(Int32Array.from(refsOf(roots, model.places)));
  expect(tables.roots[1]?.slice(1, 1 + blackRoots.length)).toEqual(
    Int32Array.from(refsOf(blackRoots, model.places)),
  );
  verifyHeap(to.view, tables, 'of the compacted image');
  expectSameGraph(to, [...roots, ...blackRoots], model.places);
  return {
    image,
    to,
    places: model.places,
    ...{ compactedPages: plan.compactedPages, prefixPages: dense, prefixDead: plan.prefixDead },
    slidPages: pages.used - plan.compactedPages,
    slide: blackBegin / PAGE_GRANULES - plan.compactedPages,
  };
}

/** Object by object up to its end. */
function expectToParse({ view }: Space, end: number): void {
  let object = 0;
  while (object < end) {
    const { granules } = readObject(view, object);
    if (granules <= 0) expect(object).toBe('where an object begins');
    object += granules;
  }
  expect(object).toBe(end);
}

function refsOf(items: readonly Item[], places: ReadonlyMap<Item, number>): number[] {
  return items.map((item) => places.get(item) as number);
}

/** Puts the black items on their pages; answers where everything is. */
function addBlack(image: Image, black: readonly Item[], blackBegin: number): Map<Item, number> {
  const places = placeAll(black, blackBegin);
  const all = new Map([...image.places, ...places]);
  for (const item of black) writeItem(image, item, all);
  const end = endOf(places, blackBegin);
  fillTo(image, end, pagesFor(end) * PAGE_GRANULES);
  setTopPage(image.tables, pagesFor(end));
  return all;
}

/** A thread that makes pages from those of `from`. */
export function makerOf(
  { tables }: Pick<Image, 'tables'>,
  from: Pick<Space, 'view'>,
  compiled: Compiled | null = null,
): Maker {
  const thread = { fromSpace: () => from.view, target: () => from.view.words, flip: () => {} };
  return makerOn(tables, thread, true, compiled);
}

/** A thread that makes pages in a buffer, and puts them over what they are made from. */
function slidingMaker(
  { tables, space }: Image,
  memory: HeapMemory,
  compiled: Compiled | null,
  prefix: number,
): Maker {
  const buffer = memory.allocate(PAGE_WORDS * 4);
  let inBuffer = false;
  const thread = {
    livingSpace: () => space.view,
    fromSpace: () => space.view,
    target: (page: number, isAnew: boolean) => (isAnew || page < prefix ? space.view.words : buffer),
    slot(page: number, _first: number, isAnew: boolean) {
      inBuffer = !isAnew && page >= prefix;
      if (inBuffer) return 0;
      if (!isAnew) return space.view.updatable(page);
      const at = space.view.writable(page);
      space.view.words[at] = 0x5eadbeef; // as a view may (PageView.writable)
      return at;
    },
    flip: () => {},
    publish(page: number) {
      if (inBuffer) space.view.words.set(buffer, space.view.writable(page));
      return { done: PAGE_WORDS * 4, errno: 0 };
    },
  };
  return makerOn(tables, thread, false, compiled);
}

function makerOn(
  tables: Image['tables'],
  thread: object,
  concurrent: boolean,
  compiled: Compiled | null,
): Maker {
  const parts = {
    tables,
    thread,
    compiled,
    cycle: openCycle(allocateCycle()),
    mode: { concurrent, updatesInPlace: true, keepsPrefix: !concurrent },
    events: { emit: () => {}, emitAt: () => {} },
    role: 0,
  };
  return makeMaker(parts as unknown as Parameters<typeof makeMaker>[0]);
}

/** Makes all pages, in an order that has no meaning. */
function makeAllPages(maker: Maker, used: number, seed: number, memory: HeapMemory): Space {
  const to = makeSpace(used, seed + 1, memory);
  beginCycle(maker);
  const order = [...Array(used).keys()].sort(
    (a, b) => Math.imul(a + seed, 0x9e3779b1) - Math.imul(b + seed, 0x9e3779b1),
  );
  for (const page of order) maker.fill(page, to.view.words, to.view.writable(page));
  return to;
}

interface Model {
  readonly liveGranules: number;
  readonly places: ReadonlyMap<Item, number>;
  /** In address order. */
  readonly items: readonly Item[];
}

/** The slow way: packs the live objects in address order, and moves the black ones down by whole pages. */
function slideByHand({
  old,
  live,
  black,
  blackBegin,
  prefixEnd,
}: {
  readonly old: readonly Item[];
  readonly live: ReadonlySet<Item>;
  readonly black: readonly Item[];
  readonly blackBegin: number;
  readonly prefixEnd: number;
}): Model {
  const survivors = old.filter((item) => live.has(item));
  const before = placeAll(old, 1);
  const stays = (item: Item) => (before.get(item) as number) < prefixEnd;
  const packed: Item[] = [];
  let end = 1;
  for (const item of survivors.filter(stays)) {
    packed.push(...fillerOf((before.get(item) as number) - end), item);
    end = (before.get(item) as number) + sizeOf(item);
  }
  packed.push(...fillerOf(prefixEnd - end), ...survivors.filter((item) => !stays(item)));
  const liveGranules = endOf(placeAll(packed, 1), 1);
  const tail = { filler: pagesFor(liveGranules) * PAGE_GRANULES - liveGranules };
  const slid = placeAll(black, pagesFor(liveGranules) * PAGE_GRANULES);
  expect(pagesFor(liveGranules) * PAGE_GRANULES).toBeLessThanOrEqual(blackBegin);
  const top = endOf(slid, liveGranules + tail.filler);
  const rest = { filler: pagesFor(top) * PAGE_GRANULES - top };
  const items = [...packed, tail, ...black, rest];
  return { liveGranules, places: placeAll(items, 1), items };
}

function fillerOf(granules: number): Item[] {
  return granules > 0 ? [{ filler: granules }] : [];
}

function compareWords(to: Space, pages: number, { items, places }: Model): void {
  const wrong: string[] = [];
  const compare = (word: number, value: number) => {
    if (to.read(word) !== value) wrong.push(`word ${word}: ${to.read(word)}, should be ${value}`);
  };
  compare(0, recordHeader(0, 0, 1));
  let end = 1;
  for (const item of items) {
    const at = places.get(item) as number;
    expect(at).toBe(end);
    end += sizeOf(item);
    if (sizeOf(item) === 0) continue;
    const words = isThing(item)
      ? wordsOf(item, (target) => places.get(target) as number)
      : headersOfFiller(item);
    for (const [i, word] of words.entries()) compare(2 * at + i, word);
  }
  expect(end).toBe(pages * PAGE_GRANULES);
  expect(wrong.slice(0, 5)).toEqual([]);
}

/** What filler covers means nothing: only its header is compared. */
function headersOfFiller({ filler }: { readonly filler: number }): number[] {
  return filler <= 8191 ? [recordHeader(0, 0, filler)] : [1 << 31, filler, 0];
}

/** From the same roots, objects of the same labels in the same places of each other. */
function expectSameGraph(to: Space, roots: readonly Item[], places: ReadonlyMap<Item, number>): void {
  const seen = new Map<Item, number>();
  const left: [Item, number][] = roots.map((item) => [item, places.get(item) as number]);
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [item, ref] = next;
    if (seen.has(item)) {
      expect(seen.get(item)).toBe(ref);
      continue;
    }
    seen.set(item, ref);
    if (isThing(item)) left.push(...targetsOf(to, item, ref));
  }
  expect(new Set(seen.values()).size).toBe(seen.size);
}

function targetsOf(to: Space, item: Thing, ref: number): [Item, number][] {
  const parts = readObject(to.view, ref);
  expect([parts.granules, parts.references]).toEqual([sizeOf(item), item.references.length]);
  const data = parts.firstReference + parts.references;
  if (item.dataWords > 0) expect(readWord(to.view, data)).toBe(dataWord(item.label, 0));
  const targets: [Item, number][] = [];
  for (const [slot, target] of item.references.entries()) {
    const word = readWord(to.view, parts.firstReference + slot);
    if (target === null) expect(word).toBe(0);
    else targets.push([target, word]);
  }
  return targets;
}

export { headerOf, PAGE_WORDS };
