/**
 * Heaps as arrays of words, laid out by the simplest code there is: what the collector's arithmetic is tested on.
 * The pages of a heap lie scattered in its array, so that nobody can step from one to the next.
 */
import type { Compiled } from '../../dist/gc/compiled.js';
import { allocateMarkPool, openMarkPool } from '../../dist/gc/mark-pool.js';
import { setLiveBits } from '../../dist/gc/phases/liveness.js';
import { makeMarking } from '../../dist/gc/phases/mark.js';
import { allocateMetadata, type HeapTables, openTables } from '../../dist/heap/layout.js';
import { arrayHeader, fillerHeader, fitsRecord, granulesFor, recordHeader } from '../../dist/heap/object.js';
import { setTopPage, topPage } from '../../dist/heap/spaces.js';
import type { PageView } from '../../dist/uffd/kernel.js';
import { ARRAYS, type HeapMemory } from './heap-memory.ts';

export const PAGE_GRANULES = 512;
export const PAGE_WORDS = 1024;
const CHUNKS_PER_PAGE = 16;
const SHAPE = 9;
const POISON = 0x5eadbeef;

/** What shall be in a heap, in address order: an object, or dead space. References name objects by their place. */
export type Item =
  | { readonly references: readonly (Item | null)[]; readonly dataWords: number; readonly label: number }
  | { readonly filler: number };
export type Thing = Exclude<Item, { filler: number }>;

export function isThing(item: Item): item is Thing {
  return 'label' in item;
}

/** An object; its references can be filled in later. */
export function thing(label: number, references: number, dataWords: number): Thing {
  return { label, references: Array(references).fill(null), dataWords };
}

export function pointTo(from: Thing, slot: number, target: Item | null): void {
  (from.references as (Item | null)[])[slot] = target;
}

export function sizeOf(item: Item): number {
  if (!isThing(item)) return item.filler;
  const { references, dataWords } = item;
  return granulesFor((fitsRecord(references.length, dataWords) ? 1 : 4) + references.length + dataWords);
}

/** The header words of an object. */
export function headerOf({ references, dataWords }: Thing, granules: number): number[] {
  if (fitsRecord(references.length, dataWords)) return [recordHeader(SHAPE, references.length, granules)];
  return [arrayHeader(SHAPE), granules, references.length, 0];
}

/** Data word i of an object: tells whose it is, and which. */
export function dataWord(label: number, i: number): number {
  return Math.imul(label * 65_537 + i + 1, 0x9e3779b1) | 0;
}

/** All words of an object, its references where `place` says their objects are. */
export function wordsOf(item: Thing, place: (target: Item) => number): number[] {
  const granules = sizeOf(item);
  const words = [
    ...headerOf(item, granules),
    ...item.references.map((target) => (target === null ? 0 : place(target))),
    ...Array.from({ length: item.dataWords }, (_, i) => dataWord(item.label, i)),
  ];
  while (words.length < 2 * granules) words.push(0);
  return words;
}

/** A heap of whole pages, scattered where its memory is arrays. */
export interface Space {
  readonly view: PageView;
  readonly write: (word: number, value: number) => void;
  readonly read: (word: number) => number;
}

export function makeSpace(pages: number, seed: number, memory: HeapMemory = ARRAYS): Space {
  const words = memory.allocate(pages * PAGE_WORDS * 4).fill(POISON);
  const places = [...Array(pages).keys()];
  for (let i = memory.isLinear ? 0 : pages - 1; i > 0; i--) {
    const j = Math.abs(Math.imul(seed + i, 0x85ebca6b) >> 3) % (i + 1);
    [places[i], places[j]] = [places[j] as number, places[i] as number];
  }
  const base = (page: number) => {
    const place = places[page];
    if (place === undefined) throw new RangeError(`page ${page} of ${pages}`);
    return place * PAGE_WORDS;
  };
  const at = (word: number) => base(word >>> 10) + (word & 1023);
  return {
    view: {
      ...{ words, readable: base, writable: base, updatable: base },
      ...(memory.isLinear ? { linear: words.byteOffset } : {}),
    },
    write: (word, value) => {
      words[at(word)] = value;
    },
    read: (word) => words[at(word)] as number,
  };
}

/** A heap, and where its objects are. */
export interface Image {
  readonly space: Space;
  readonly tables: HeapTables;
  readonly places: ReadonlyMap<Item, number>;
  readonly pages: number;
}

/** Where each item is if they lie one behind the other from granule `from` on. */
export function placeAll(items: readonly Item[], from: number): Map<Item, number> {
  const places = new Map<Item, number>();
  let at = from;
  for (const item of items) {
    places.set(item, at);
    at += sizeOf(item);
  }
  return places;
}

export function endOf(places: ReadonlyMap<Item, number>, from: number): number {
  const last = [...places].at(-1);
  return last === undefined ? from : last[1] + sizeOf(last[0]);
}

export function pagesFor(granules: number): number {
  return Math.ceil(granules / PAGE_GRANULES);
}

/** What a heap of those items is opened with: the nil object first, filler up to the end of the last page. */
export function makeImage(
  items: readonly Item[],
  sparePages: number,
  seed = 1,
  memory: HeapMemory = ARRAYS,
): Image {
  const places = placeAll(items, 1);
  const used = endOf(places, 1);
  const pages = pagesFor(used);
  const capacity = pages + sparePages;
  const geometry = { heapBytes: capacity * 4096, mutators: 2, rootSlots: 4096, tlabPages: 8 };
  const tables = openTables(allocateMetadata(geometry, memory.allocate), geometry);
  const image = { space: makeSpace(capacity, seed, memory), tables, places, pages };
  image.space.write(0, recordHeader(0, 0, 1));
  image.space.write(1, 0);
  for (const item of items) writeItem(image, item, places);
  fillTo(image, used, pages * PAGE_GRANULES);
  setTopPage(tables, pages);
  return image;
}

export function writeItem({ space, tables }: Image, item: Item, places: ReadonlyMap<Item, number>): void {
  const at = places.get(item) as number;
  const words = isThing(item)
    ? wordsOf(item, (target) => places.get(target) as number)
    : fillerHeader(item.filler);
  for (const [i, word] of words.entries()) space.write(2 * at + i, word);
  recordCrossing(tables, at, at + sizeOf(item));
}

function recordCrossing({ objectAtPage }: HeapTables, begin: number, end: number): void {
  for (let page = Math.ceil(begin / PAGE_GRANULES); page * PAGE_GRANULES < end; page++) {
    objectAtPage[page] = begin;
  }
}

export function fillTo(image: Image, from: number, to: number): void {
  if (from === to) return;
  for (const [i, word] of fillerHeader(to - from).entries()) image.space.write(2 * from + i, word);
  recordCrossing(image.tables, from, to);
}

export function setRoots(tables: HeapTables, mutator: number, roots: readonly number[]): void {
  (tables.roots[mutator] as Int32Array).set([roots.length, ...roots]);
}

/** Everything that can be reached. */
export function reachable(roots: readonly Item[]): Set<Item> {
  const seen = new Set(roots);
  for (const item of seen) {
    if (!isThing(item)) continue;
    for (const target of item.references) if (target !== null) seen.add(target);
  }
  return seen;
}

/** Marks at once, with nobody to run beside it. */
export function mark(
  view: PageView,
  tables: HeapTables,
  compiled: Compiled | null = null,
): { objects: number; granules: number } {
  const marking = makeMarking(tables, openMarkPool(allocateMarkPool()), true, compiled);
  marking.begin(view);
  marking.finish();
  const objects = marking.objects();
  const granules = setLiveBits(view, tables, topPage(tables) * CHUNKS_PER_PAGE, compiled?.liveness);
  return { objects, granules };
}
