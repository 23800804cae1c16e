/** What must hold right after the flip, the world still stopped: C1 to C3. */
import { nextBit, nextClear } from '../../heap/bitmap.ts';
import type { HeapTables } from '../../heap/layout.ts';
import { nonMovingBegin, nonMovingTop, usedNext } from '../../heap/non-moving.ts';
import { LOG_PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import { describeRef } from '../../heap/verify.ts';
import { readObject } from '../../heap/walk.ts';
import { type Kernel, PAGE_BYTES, PAGE_WORDS, type PageView } from '../../uffd/kernel.ts';
import type { MappingMode } from '../modes/mode.ts';
import { PAGE, stateOf } from '../page-state.ts';
import type { FlipPages } from '../phases/flip.ts';
import { forMarked } from './marked.ts';
import { assertThat } from './named.ts';
import type { Places } from './prepared.ts';

/** What there was before the flip. */
export interface Before {
  readonly roots: readonly Int32Array[];
  /** A hash of each page of both spaces that is in use. */
  readonly hashes: ReadonlyMap<number, number>;
}

/** Notes what the flip must leave as it is, or change once. */
export function lookBefore(space: PageView, tables: HeapTables, old: number, nonMovingEnd: number): Before {
  const hashes = new Map<number, number>();
  for (let page = 0; page < old; page++) hashes.set(page, hashOf(space, page));
  for (let page = tables.pages; page < nonMovingEnd; page++) hashes.set(page, hashOf(space, page));
  return { roots: tables.roots.map((roots) => roots.slice(0, 1 + (roots[0] as number))), hashes };
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
  { roots: before }: Before,
  { objects, places }: Places,
  { black, slide }: { readonly black: Ref; readonly slide: number },
): void {
  const placeOf = (ref: Ref): Ref => {
    if (ref === 0 || ref >= nonMovingBegin(tables)) return ref;
    return ref >= black ? ref - slide : (places[indexOf(objects, ref)] as Ref);
  };
  for (const [mutator, roots] of tables.roots.entries()) {
    for (let i = 1; i <= (roots[0] as number); i++) {
      const old = before[mutator]?.[i] as Ref;
      const [found, expected] = [roots[i] as Ref, placeOf(old)];
      const where = () =>
        `mutator ${mutator}: root slot ${i - 1} was ${describeRef(old)} and is ${found}, not ${expected}`;
      assertThat('C1', found === expected, where);
    }
  }
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

/** C2. */
export function assertToSpace(
  kernel: Kernel,
  heap: number,
  mode: MappingMode,
  tables: HeapTables,
  { used, nonMoving }: FlipPages,
): void {
  const look = (page: number): void => {
    const state = stateOf(tables.pageStates, page);
    assertThat(
      'C2',
      state === PAGE.unprocessed,
      () => `page ${page} is in state ${state} right after the flip`,
    );
    const isThere = mode.concurrent && kernel.pagemap(heap + page * PAGE_BYTES).present;
    assertThat('C2', !isThere, () => `page ${page} is mapped right after the flip: mutators would not fault`);
  };
  for (let page = 0; page < used; page++) look(page);
  for (let page = tables.pages; page < tables.pages + nonMoving; page++) look(page);
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
    const space = page < tables.pages ? 'from-space' : 'the non-moving space';
    const where = () =>
      `page ${page} of ${space} (granule ${page << LOG_PAGE_GRANULES}) has changed at the flip`;
    assertThat('C2', hashOf(from, page) === hash, where);
  }
}

/** N1, before the flip, the world stopped. */
export function assertKept(space: PageView, tables: HeapTables): void {
  const [begin, kept] = [nonMovingBegin(tables), usedNext(tables)];
  const end = nonMovingTop(tables) << LOG_PAGE_GRANULES;
  let next = begin;
  const assertFreeUpTo = (granule: number): void => {
    const first = begin + nextBit(kept, 1, next - begin, granule - begin);
    assertThat('N1', first === granule, () => `granule ${first} is kept, and no marked object covers it`);
  };
  forMarked(tables, begin, end, (object) => {
    assertFreeUpTo(object);
    next = object + readObject(space, object).granules;
    const free = begin + nextClear(kept, object - begin, next - begin);
    assertThat(
      'N1',
      free === next,
      () => `granule ${free} is not kept, and it belongs to ${describeRef(object)}`,
    );
  });
  assertFreeUpTo(end);
}
