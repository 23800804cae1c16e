/** What must hold right after the flip, the world still stopped: C1 to C3, and C5. */
import { nextBit, nextClear } from '../../heap/bitmap.ts';
import type { FixedSpace } from '../../heap/fixed-spaces.ts';
import { CONTROL, type HeapTables } from '../../heap/layout.ts';
import { isInUse, nonMovingBegin, topOf, unitsFor, usedNext } from '../../heap/non-moving.ts';
import { LOG_PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import { topPage } from '../../heap/spaces.ts';
import { describeRef } from '../../heap/verify.ts';
import { readObject } from '../../heap/walk.ts';
import { type Kernel, PAGE_BYTES, PAGE_WORDS, type PageView } from '../../uffd/kernel.ts';
import { loadAcquire } from '../../uffd/sync.ts';
import type { MappingMode } from '../modes/mode.ts';
import { PAGE, stateOf } from '../page-state.ts';
import type { FlipPages } from '../phases/flip.ts';
import { forMarked, forRoots } from './marked.ts';
import { assertThat } from './named.ts';
import type { Places } from './prepared.ts';

/** What there was before the flip. */
export interface Before {
  /** What roots and weak handles refer to, in order. */
  readonly targets: readonly Ref[];
  /** A hash of each page in use, of all spaces. */
  readonly hashes: ReadonlyMap<number, number>;
}

/** Notes what the flip must leave as it is, or change once. */
export function lookBefore(space: PageView, tables: HeapTables, old: number): Before {
  const hashes = new Map<number, number>();
  for (let page = 0; page < old; page++) hashes.set(page, hashOf(space, page));
  for (const fixed of tables.fixed)
    for (let page = fixed.first; page < topOf(tables, fixed); page++)
      if (isInUse(tables, page)) hashes.set(page, hashOf(space, page)); // a look at a free one could allocate it
  const targets: Ref[] = [];
  forRoots(tables, (target) => targets.push(target));
  return { targets, hashes };
}

function hashOf({ words, readable }: PageView, page: number): number {
  const base = readable(page);
  let hash = 0x811c9dc5;
  for (let i = 0; i < PAGE_WORDS; i++) hash = Math.imul(hash ^ (words[base + i] as number), 0x01000193);
  return hash;
}

/** C1. Objects at `black` and above move down by `slide`. */
export function assertRoots(
  tables: HeapTables,
  { targets }: Before,
  { objects, places }: Places,
  { black, slide }: { readonly black: Ref; readonly slide: number },
): void {
  const placeOf = (ref: Ref): Ref => {
    if (ref === 0 || ref >= nonMovingBegin(tables)) return ref;
    return ref >= black ? ref - slide : (places[indexOf(objects, ref)] as Ref);
  };
  let at = 0;
  forRoots(tables, (found, where) => {
    const old = targets[at++] as Ref;
    const expected = placeOf(old);
    assertThat(
      'C1',
      found === expected,
      () => `${where()} was ${describeRef(old)} and is ${found}, not ${expected}`,
    );
  });
}

/** Where a number is in an ascending list. */
function indexOf(list: readonly number[], value: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return list[low] === value ? low : -1;
}

/** C5: compacted pages, then the slid ones, which are those that were allocated since marking. */
export function assertTop(tables: HeapTables, { old }: FlipPages, compactedPages: number, black: Ref): void {
  const end = compactedPages + old - (black >>> LOG_PAGE_GRANULES);
  const [top, free] = [topPage(tables), loadAcquire(tables.control, CONTROL.freeAtFlip)];
  const where = () =>
    `it ends with page ${top}, with ${free} free; of ${tables.pages} pages ${end} will be made`;
  assertThat('C5', top === end && free === tables.pages - end, where);
}

/** C2. */
export function assertToSpace(
  kernel: Kernel,
  heap: number,
  mode: MappingMode,
  tables: HeapTables,
  { used, nonMoving }: FlipPages,
): void {
  const look = (first: number, pages: number): void => {
    for (let page = first; page < first + pages; page++) {
      const state = stateOf(tables.pageStates, page);
      assertThat(
        'C2',
        state === PAGE.unprocessed,
        () => `page ${page} is in state ${state} right after the flip`,
      );
    }
    const found = mode.concurrent ? kernel.presence(heap + first * PAGE_BYTES, pages).indexOf(1) : -1;
    assertThat(
      'C2',
      found < 0,
      () => `page ${first + found} is mapped right after the flip: mutators would not fault`,
    );
  };
  look(0, used);
  look(tables.pages, nonMoving);
}

/** C2, from-space's part. */
export function assertFromSpace(
  from: PageView,
  tables: HeapTables,
  { hashes }: Before,
  isThere: (page: number) => boolean,
): void {
  for (const [page, hash] of hashes) {
    if (!isThere(page)) continue;
    const space = page < tables.pages ? 'from-space' : 'what does not move';
    const where = () =>
      `page ${page} of ${space} (granule ${page << LOG_PAGE_GRANULES}) has changed at the flip`;
    assertThat('C2', hashOf(from, page) === hash, where);
  }
}

/** C2, of raw data: it is where it was, as it was. */
export function assertRaw(living: PageView, tables: HeapTables, { hashes }: Before): void {
  for (const [page, hash] of hashes) {
    const where = () =>
      `page ${page} of raw data (granule ${page << LOG_PAGE_GRANULES}) has changed at the flip`;
    assertThat('C2', page < tables.watchedEnd || hashOf(living, page) === hash, where);
  }
}

/** N1, before the flip, the world stopped. */
export function assertKept(view: PageView, tables: HeapTables): void {
  for (const space of tables.fixed) assertKeptOf(view, tables, space);
}

function assertKeptOf(view: PageView, tables: HeapTables, space: FixedSpace): void {
  const { logUnit } = space;
  const [begin, kept] = [space.first << LOG_PAGE_GRANULES, usedNext(tables, space)];
  const end = topOf(tables, space) << LOG_PAGE_GRANULES;
  const unitOf = (granule: Ref): number => (granule - begin) >>> logUnit;
  const granuleOf = (unit: number): Ref => begin + (unit << logUnit);
  let next = 0; // unit
  const assertFreeUpTo = (unit: number): void => {
    const first = nextBit(kept, 1, next, unit);
    const where = () => `granule ${granuleOf(first)} is kept, and no marked object covers it`;
    assertThat('N1', first === unit, where);
  };
  forMarked(tables, begin, end, (object) => {
    assertFreeUpTo(unitOf(object));
    next = unitOf(object) + unitsFor(space, readObject(view, object).granules);
    const free = nextClear(kept, unitOf(object), next);
    const where = () => `granule ${granuleOf(free)} is not kept, and it belongs to ${describeRef(object)}`;
    assertThat('N1', free === next, where);
  });
  assertFreeUpTo(unitOf(end));
}
