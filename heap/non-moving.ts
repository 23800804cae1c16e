/**
 * The non-moving space: pinned and long-lived objects, whose places never change. It follows the moving space in the
 * same numbering of granules and pages, so a reference into it is like any other; only forwarding leaves it alone.
 * A dead object's place is used again: two bitmaps, a bit a granule, tell what is in use. One is true; the other is
 * made by each collection from what it finds live, and takes over at the flip. Within a run of granules in use,
 * objects lie one after the other, so the space parses.
 *
 * Who finds a reference to a new object finds its header: it is stored before the fence that ends allocation, any
 * reference to it after. So marking reads objects here as soon as it meets them. But it may have passed the slot that
 * the first reference goes into. So from the beginning of marking to the flip new objects are marked at once ("black"),
 * and what is stored into them is on a dirty card. (ART: allocation stack, and marking what is on it as live.)
 *
 * Invariant: at the flip the bitmap that takes over has exactly the marked objects' granules set.
 */

import {
  fence,
  fetchOr,
  loadAcquire,
  lock,
  raise,
  storeRelaxed,
  storeRelease,
  unlock,
} from '../uffd/sync.ts';
import { type AllocatorOwner, recordCrossings } from './allocation.ts';
import { clearRun, nextBit, nextClear, setBits, setBitsTogether } from './bitmap.ts';
import { HeapOutOfMemoryError, MutatorError } from './errors.ts';
import { CONTROL, type HeapTables } from './layout.ts';
import { GRANULE_BYTES, GRANULE_WORDS, LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from './object.ts';
import { requestInTime } from './requests.ts';
import { takeOrCollect } from './room.ts';

const START_PART = 3 / 4;

/** An empty non-moving space; none, if the geometry has no bytes for it. */
export function openNonMoving(tables: HeapTables): void {
  const { control, pages } = tables;
  storeRelease(control, CONTROL.nonMovingTop, pages);
  setNonMovingTrigger(tables);
}

/**
 * Sets how many granules in use ask for the next collection: three quarters of what is free are handed out first. (As
 * the first trigger of the moving space; places that are free in too small pieces are found out by failing.)
 */
export function setNonMovingTrigger(tables: HeapTables): void {
  const { control } = tables;
  const used = loadAcquire(control, CONTROL.nonMovingUsed);
  storeRelease(control, CONTROL.nonMovingStartAt, used + Math.ceil((capacityOf(tables) - used) * START_PART));
}

function capacityOf({ pages, endPage }: HeapTables): number {
  return (endPage - pages) << LOG_PAGE_GRANULES;
}

/** The first page of the space above all objects: what is in use is pages [pages of the heap, answer). */
export function nonMovingTop({ control }: HeapTables): number {
  return loadAcquire(control, CONTROL.nonMovingTop);
}

/** The first granule of the space: references from here on are never forwarded. */
export function nonMovingBegin({ pages }: HeapTables): Ref {
  return pages << LOG_PAGE_GRANULES;
}

/** The bitmap of what is in use. */
export function usedNow({ control, nonMovingUse }: HeapTables): Int32Array {
  return nonMovingUse[loadAcquire(control, CONTROL.nonMovingSide) as 0 | 1];
}

/** The bitmap that takes over at the flip. */
export function usedNext({ control, nonMovingUse }: HeapTables): Int32Array {
  return nonMovingUse[(1 - loadAcquire(control, CONTROL.nonMovingSide)) as 0 | 1];
}

/** Marking begins, and all cards have been cleaned: new objects of this space are marked at once from now on. */
export function beginMarkingNew({ control }: HeapTables): void {
  storeRelease(control, CONTROL.allocatesMarked, 1);
}

/** New objects of this space are not marked any more. */
export function endMarkingNew({ control }: HeapTables): void {
  storeRelease(control, CONTROL.allocatesMarked, 0);
}

/** The first page above all objects that will be kept; at the flip, when nobody marks or allocates. */
export function keptTop({ control, pages }: HeapTables): number {
  return Math.max(pages, loadAcquire(control, CONTROL.nonMovingKept));
}

/**
 * At the flip, the world stopped: what is not marked is free from now on, the space ends with the last object that is
 * kept, and new objects are not marked.
 */
export function freeUnmarked(tables: HeapTables): void {
  const { control } = tables;
  storeRelease(control, CONTROL.nonMovingTop, keptTop(tables));
  storeRelease(control, CONTROL.nonMovingSide, 1 - loadAcquire(control, CONTROL.nonMovingSide));
  storeRelease(control, CONTROL.nonMovingNext, 0);
  storeRelease(control, CONTROL.nonMovingUsed, loadAcquire(control, CONTROL.nonMovingLive));
  endMarkingNew(tables);
}

/** After the flip of the last resort, the world still stopped: notes what room there is before anybody takes it. */
export function noteRoom(tables: HeapTables): void {
  const { control } = tables;
  const [use, capacity] = [usedNow(tables), capacityOf(tables)];
  let [longest, longestOfPages] = [0, 0];
  for (let first = nextClear(use, 0, capacity); first < capacity; ) {
    const end = nextBit(use, 1, first, capacity);
    const page = Math.ceil(first / PAGE_GRANULES) * PAGE_GRANULES;
    longest = Math.max(longest, end - first);
    longestOfPages = Math.max(longestOfPages, end - page);
    first = nextClear(use, end, capacity);
  }
  storeRelease(control, CONTROL.nonMovingRun, longest);
  storeRelease(control, CONTROL.nonMovingPageRun, longestOfPages);
}

/** Given back at a time: mutators that pin wait meanwhile. */
const RELEASE_PAGES = 256;

/** Calls `release` for the pages below `end` that lie above all objects now, in pieces, and nobody takes them meanwhile. */
export function releaseAbove(
  tables: HeapTables,
  end: number,
  release: (first: number, end: number) => void,
): void {
  const { control } = tables;
  for (let upper = end; upper > nonMovingTop(tables); upper -= RELEASE_PAGES) {
    lock(control, CONTROL.nonMovingLock);
    try {
      const lower = Math.max(nonMovingTop(tables), upper - RELEASE_PAGES);
      if (lower < upper) release(lower, upper);
    } finally {
      unlock(control, CONTROL.nonMovingLock);
    }
  }
}

/**
 * A marked object is live: its granules stay in use after the flip, and the pages that begin inside it are told where
 * its references end, so that each of them can be updated without reading another. Threads may do it side by side.
 */
export function keep(tables: HeapTables, object: Ref, granules: number, endOfReferences: number): void {
  const first = nonMovingBegin(tables);
  setBitsTogether(usedNext(tables), 1, object - first, object - first + granules);
  const last = (object + granules - 1) >>> LOG_PAGE_GRANULES;
  for (let page = (object >>> LOG_PAGE_GRANULES) + 1; page <= last; page++)
    tables.firstGranule[page] = endOfReferences;
  raise(tables.control, CONTROL.nonMovingKept, last + 1);
}

/** For the next collection: clears what marking and {@link keep} wrote, and the old bitmap, which ended with `endPage`. */
export function clearMarks(tables: HeapTables, endPage: number): void {
  const { pages, markBits, firstGranule } = tables;
  const [first, end] = [pages << (LOG_PAGE_GRANULES - 5), endPage << (LOG_PAGE_GRANULES - 5)];
  markBits.fill(0, first, end);
  firstGranule.fill(0, pages, endPage);
  usedNext(tables).fill(0, 0, end - first);
  storeRelease(tables.control, CONTROL.nonMovingKept, 0);
}

/** Allocation in the space, by one mutator. */
export interface NonMovingAllocator {
  /**
   * Room for an object of so many granules, all zero, at a page's beginning if asked for. A safepoint.
   * @throws HeapOutOfMemoryError, MutatorError if the heap has no such space
   */
  readonly allocate: (granules: number, atPage: boolean) => Ref;
  /** The object's header is stored: it can be referred to from now on. Its references end before that word. */
  readonly publish: (object: Ref, granules: number, endOfReferences: number) => void;
}

export function makeNonMovingAllocator(
  store: (word: number, value: number) => void,
  tables: HeapTables,
  { index, safepoint, waitStopped }: AllocatorOwner,
): NonMovingAllocator {
  const { control, markBits, objectAtPage } = tables;
  const first = nonMovingBegin(tables);
  const capacity = capacityOf(tables);

  function findRoom(granules: number, align: number): number {
    const use = usedNow(tables);
    const next = loadAcquire(control, CONTROL.nonMovingNext);
    const at = clearRun(use, next, capacity, granules, align);
    return at >= 0 ? at : clearRun(use, 0, Math.min(capacity, next + granules - 1), granules, align);
  }

  /** Takes room, where the search of the last object left off; −1 if there is none in one piece. */
  function take(granules: number, align: number): number {
    lock(control, CONTROL.nonMovingLock);
    const at = findRoom(granules, align);
    if (at >= 0) {
      setBits(usedNow(tables), 1, at, at + granules);
      storeRelaxed(control, CONTROL.nonMovingNext, at + granules);
      const end = (first + at + granules + PAGE_GRANULES - 1) >>> LOG_PAGE_GRANULES;
      if (end > nonMovingTop(tables)) storeRelease(control, CONTROL.nonMovingTop, end);
      storeRelease(control, CONTROL.nonMovingUsed, loadAcquire(control, CONTROL.nonMovingUsed) + granules);
    }
    unlock(control, CONTROL.nonMovingLock);
    requestInTime(control, loadAcquire(control, CONTROL.nonMovingUsed), CONTROL.nonMovingStartAt);
    return at;
  }

  /** Whether a collection has left no such room; of the last resort's others may have taken some since. */
  function isTooLittle(granules: number, align: number, wasLastResort: boolean): boolean {
    if (!wasLastResort) return findRoom(granules, align) < 0;
    return loadAcquire(control, align === 1 ? CONTROL.nonMovingRun : CONTROL.nonMovingPageRun) < granules;
  }

  function outOfMemory(granules: number): HeapOutOfMemoryError {
    const liveBytes = loadAcquire(control, CONTROL.nonMovingLive) * GRANULE_BYTES;
    const full = {
      ...({ space: 'non-moving space', bytes: capacity * GRANULE_BYTES, liveBytes } as const),
      longestBytes: loadAcquire(control, CONTROL.nonMovingRun) * GRANULE_BYTES,
      refused: loadAcquire(control, CONTROL.refused),
    };
    return new HeapOutOfMemoryError(full, granules * GRANULE_BYTES, index);
  }

  return {
    allocate(granules, atPage) {
      if (capacity === 0)
        throw new MutatorError(
          `mutator ${index}: the heap has no non-moving space; open it with nonMovingBytes`,
        );
      if (granules > capacity) throw outOfMemory(granules);
      safepoint();
      const align = atPage ? PAGE_GRANULES : 1;
      const room = {
        take: () => take(granules, align),
        isTooLittle: (wasLastResort: boolean) => isTooLittle(granules, align, wasLastResort),
        outOfMemory: () => outOfMemory(granules),
      };
      const object = first + takeOrCollect(control, (wait) => waitStopped('allocation', wait), room);
      for (let word = object * GRANULE_WORDS; word < (object + granules) * GRANULE_WORDS; word++)
        store(word, 0);
      return object;
    },
    publish(object, granules, endOfReferences) {
      recordCrossings(objectAtPage, object, object + granules);
      if (loadAcquire(control, CONTROL.allocatesMarked) === 1) {
        keep(tables, object, granules, endOfReferences);
        fetchOr(markBits, object >>> 5, 1 << (object & 31));
      }
      fence(control, CONTROL.allocatesMarked);
    },
  };
}
