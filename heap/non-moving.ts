/**
 * The spaces whose objects keep their places (fixed-spaces.ts): pinned and long-lived objects, and large ones. Only
 * forwarding leaves them alone. A dead object's place is used again: two bitmaps, a bit a unit, tell what is in use. One
 * is true; the other is made by each collection from what it finds live, and takes over at the flip. Within a run of
 * units in use each object begins with the first unit above the one before it, so the spaces parse.
 *
 * Who finds a reference to a new object finds its header: it is stored before the fence that ends allocation, any
 * reference to it after. So marking reads objects here as soon as it meets them. But it may have passed the slot that
 * the first reference goes into. So from the beginning of marking to the flip new objects are marked at once ("black"),
 * and what is stored into them is on a dirty card. (ART: allocation stack, and marking what is on it as live.)
 *
 * A page without an object is free, and reads as anything until its memory is given back, when the watch has ended: above
 * the pinned objects, and wherever a large one was. From the flip until then nobody makes such a page but for a mutator
 * that has allocated there and faults. (Free pages among pinned objects are few, alone and soon used again: they keep
 * their memory, and are made with the pages around them, so that these are published by one call.)
 *
 * Invariant: at the flip the bitmap that takes over has exactly the marked objects' units set.
 */

import { loadAcquire, lock, raise, storeRelease, unlock } from '../uffd/sync.ts';
import { nextBit, nextClear, popcount, setBitsTogether } from './bitmap.ts';
import type { FixedSpace } from './fixed-spaces.ts';
import { CONTROL, type HeapTables, LOG_CHUNK_GRANULES } from './layout.ts';
import { LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from './object.ts';

const START_PART = 3 / 4;
const LOG_PAGE_CHUNKS = LOG_PAGE_GRANULES - LOG_CHUNK_GRANULES;

/** Empty spaces. */
export function openNonMoving(tables: HeapTables): void {
  for (const { words, first } of tables.fixed) storeRelease(tables.control, words.top, first);
  setNonMovingTriggers(tables);
}

/**
 * Sets how many granules in use ask for the next collection: three quarters of what is free are handed out first. (As
 * the first trigger of the moving space; places that are free in too small pieces are found out by failing.)
 */
export function setNonMovingTriggers({ control, fixed }: HeapTables): void {
  for (const { words, capacity } of fixed) {
    const used = loadAcquire(control, words.used);
    storeRelease(control, words.startAt, used + Math.ceil((capacity - used) * START_PART));
  }
}

/** The first page of a space above all its objects: what is in use is pages [first, answer). */
export function topOf({ control }: HeapTables, { words, first }: FixedSpace): number {
  return Math.max(first, loadAcquire(control, words.top));
}

/** The same of each space. */
export function topsOf(tables: HeapTables): readonly number[] {
  return tables.fixed.map((space) => topOf(tables, space));
}

/** The first page above all objects that do not move and may hold references: the answer's pages from `pages` on. */
export function nonMovingTop(tables: HeapTables): number {
  const [pinned, large] = tables.fixed;
  const top = topOf(tables, large);
  return top > large.first ? top : topOf(tables, pinned);
}

/** The first granule that does not move: references from here on are never forwarded. */
export function nonMovingBegin({ pages }: HeapTables): Ref {
  return pages << LOG_PAGE_GRANULES;
}

/** The space that an object lies in which does not move. */
export function spaceOf({ fixed: [pinned, large, raw] }: HeapTables, object: Ref): FixedSpace {
  const page = object >>> LOG_PAGE_GRANULES;
  if (page < pinned.end) return pinned;
  return page < large.end ? large : raw;
}

/** The bitmap of what is in use. */
export function usedNow({ control }: HeapTables, { use }: FixedSpace): Int32Array {
  return use[loadAcquire(control, CONTROL.nonMovingSide) as 0 | 1];
}

/** The bitmap that takes over at the flip. */
export function usedNext({ control }: HeapTables, { use }: FixedSpace): Int32Array {
  return use[(1 - loadAcquire(control, CONTROL.nonMovingSide)) as 0 | 1];
}

/** Units of a space, of which each has a bit. */
export function unitsOf({ first, end, logUnit }: FixedSpace): number {
  return ((end - first) << LOG_PAGE_GRANULES) >>> logUnit;
}

/** Units that an object takes. */
export function unitsFor({ logUnit }: FixedSpace, granules: number): number {
  return (granules + (1 << logUnit) - 1) >>> logUnit;
}

/** Marking begins, and all cards have been cleaned: new objects that do not move are marked at once from now on. */
export function beginMarkingNew({ control }: HeapTables): void {
  storeRelease(control, CONTROL.allocatesMarked, 1);
}

/** New objects that do not move are not marked any more. */
export function endMarkingNew({ control }: HeapTables): void {
  storeRelease(control, CONTROL.allocatesMarked, 0);
}

/** {@link nonMovingTop} of the objects that will be kept; at the flip, when nobody marks or allocates. */
export function keptTop({ control, pages, fixed: [pinned, large] }: HeapTables): number {
  const kept = loadAcquire(control, large.words.kept);
  return kept > large.first ? kept : Math.max(pages, loadAcquire(control, pinned.words.kept));
}

/**
 * At the flip, the world stopped: what is not marked is free from now on, each space ends with the last object that is
 * kept, and new objects are not marked.
 */
export function freeUnmarked(tables: HeapTables): void {
  const { control, fixed } = tables;
  storeRelease(control, CONTROL.nonMovingSide, 1 - loadAcquire(control, CONTROL.nonMovingSide));
  for (const space of fixed) {
    const { words, first } = space;
    storeRelease(control, words.top, Math.max(first, loadAcquire(control, words.kept)));
    storeRelease(control, words.next, 0);
    if (space.logUnit > 0) storeRelease(control, words.live, countUsed(tables, space) << space.logUnit);
    storeRelease(control, words.used, 0);
  }
  for (const { words } of fixed)
    storeRelease(control, words.used, loadAcquire(control, words.used) + loadAcquire(control, words.live));
  endMarkingNew(tables);
}

/** Units in use; where they are pages there are few words to count. */
function countUsed(tables: HeapTables, space: FixedSpace): number {
  const use = usedNow(tables, space);
  let used = 0;
  for (let word = 0; word < use.length; word++) used += popcount(use[word] as number);
  return used;
}

/** After the flip of the last resort, the world still stopped: notes what room there is before anybody takes it. */
export function noteRoom(tables: HeapTables): void {
  for (const space of tables.fixed) noteRoomOf(tables, space);
}

function noteRoomOf(tables: HeapTables, space: FixedSpace): void {
  const { control } = tables;
  const { logUnit, words, capacity } = space;
  const [use, units, pageUnits] = [usedNow(tables, space), unitsOf(space), PAGE_GRANULES >>> logUnit];
  let [longest, longestOfPages] = [0, 0];
  for (let first = nextClear(use, 0, units); first < units; ) {
    const end = nextBit(use, 1, first, units);
    const page = Math.ceil(first / pageUnits) * pageUnits;
    longest = Math.max(longest, end - first);
    longestOfPages = Math.max(longestOfPages, end - page);
    first = nextClear(use, end, units);
  }
  const free = capacity - loadAcquire(control, words.used);
  storeRelease(control, words.run, Math.min(free, longest << logUnit));
  storeRelease(control, words.pageRun, Math.min(free, longestOfPages << logUnit));
}

/** Given back at a time: mutators that allocate in the space wait meanwhile. */
const RELEASE_PAGES = 256;

/**
 * Calls `release` for runs of pages that have been used and hold no object, and nobody takes them meanwhile. What it throws
 * ends it; those pages count as used still.
 */
export function releaseFree(tables: HeapTables, release: (first: number, end: number) => void): void {
  const { control } = tables;
  for (const space of tables.fixed) {
    // What is free here may be taken; what is not free stays so.
    for (let page = space.first; ; page += RELEASE_PAGES) {
      page = nextFree(tables, space, page, space.end);
      if (page === space.end) break;
      const part = { first: page, end: Math.min(space.end, page + RELEASE_PAGES) };
      lock(control, space.words.lock);
      try {
        releaseIn(tables, space, part, release);
      } finally {
        unlock(control, space.words.lock);
      }
    }
  }
}

/** The same of pages [first, end). The caller has the lock. */
function releaseIn(
  tables: HeapTables,
  space: FixedSpace,
  { first, end }: { readonly first: number; readonly end: number },
  release: (first: number, end: number) => void,
): void {
  for (let page = nextFree(tables, space, first, end); page < end; ) {
    let next = page + 1;
    while (next < end && isReleasable(tables, space, next)) next++;
    release(page, next);
    tables.everUsed.fill(0, page, next);
    page = nextFree(tables, space, next, end);
  }
}

/** The first page of [page, end) that has been used and holds no object; else `end`. */
function nextFree(tables: HeapTables, space: FixedSpace, page: number, end: number): number {
  for (let next = page; ; next++) {
    next = tables.everUsed.indexOf(1, next);
    if (next < 0 || next >= end) return end;
    if (isReleasable(tables, space, next)) return next;
  }
}

function isReleasable(tables: HeapTables, space: FixedSpace, page: number): boolean {
  if (tables.everUsed[page] === 0) return false;
  if (space.logUnit === 0) return page >= topOf(tables, space);
  return !isInUse(tables, page);
}

/** Whether there is an object on the page, now. */
export function isInUse(tables: HeapTables, page: number): boolean {
  const space = spaceOf(tables, page << LOG_PAGE_GRANULES);
  const first = ((page - space.first) << LOG_PAGE_GRANULES) >>> space.logUnit;
  const end = first + (PAGE_GRANULES >>> space.logUnit);
  return nextBit(usedNow(tables, space), 1, first, end) < end;
}

/**
 * A marked object is live: its units stay in use after the flip, and the pages that begin inside it are told where
 * its references end, so that each of them can be updated without reading another. Threads may do it side by side.
 */
export function keep(tables: HeapTables, object: Ref, granules: number, endOfReferences: number): void {
  const space = spaceOf(tables, object);
  const first = (object - (space.first << LOG_PAGE_GRANULES)) >>> space.logUnit;
  setBitsTogether(usedNext(tables, space), 1, first, first + unitsFor(space, granules));
  const last = (object + granules - 1) >>> LOG_PAGE_GRANULES;
  if (last < tables.watchedEnd)
    for (let page = (object >>> LOG_PAGE_GRANULES) + 1; page <= last; page++)
      tables.firstGranule[page] = endOfReferences;
  raise(tables.control, space.words.kept, last + 1);
}

/**
 * Whether the collection under way keeps anything on a page that does not move and is watched: from the flip until marks
 * are cleared.
 */
export function isKept({ firstGranule, markBits }: HeapTables, page: number): boolean {
  if (firstGranule[page] !== 0) return true;
  const end = (page + 1) << LOG_PAGE_CHUNKS;
  for (let chunk = page << LOG_PAGE_CHUNKS; chunk < end; chunk++) if (markBits[chunk] !== 0) return true;
  return false;
}

/** Whether the collection under way makes the page also if nobody faults there; as {@link isKept}. */
export function isMade(tables: HeapTables, page: number): boolean {
  return page < loadAcquire(tables.control, tables.fixed[0].words.kept) || isKept(tables, page);
}

/** For the next collection: clears what marking and {@link keep} wrote, and the old bitmaps, which ended with `tops`. */
export function clearMarks(tables: HeapTables, tops: readonly number[]): void {
  for (const [i, space] of tables.fixed.entries()) {
    const [first, end] = [space.first, tops[i] as number];
    tables.markBits.fill(0, first << LOG_PAGE_CHUNKS, end << LOG_PAGE_CHUNKS);
    if (end <= tables.watchedEnd) tables.firstGranule.fill(0, first, end);
    usedNext(tables, space).fill(
      0,
      0,
      Math.ceil((((end - first) << LOG_PAGE_GRANULES) >>> space.logUnit) / 32),
    );
    storeRelease(tables.control, space.words.kept, 0);
  }
}
