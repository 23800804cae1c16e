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

import { fence, fetchOr, loadAcquire, lock, storeRelaxed, storeRelease, unlock } from '../uffd/sync.ts';
import { type AllocatorOwner, recordCrossings } from './allocation.ts';
import { clearRun, setBits, setBitsTogether } from './bitmap.ts';
import { HeapOutOfMemoryError, MutatorError } from './errors.ts';
import { CONTROL, type HeapTables } from './layout.ts';
import { GRANULE_BYTES, GRANULE_WORDS, LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from './object.ts';
import { takeOrCollect } from './room.ts';

/** An empty non-moving space; none, if the geometry has no bytes for it. */
export function openNonMoving({ control, pages }: HeapTables): void {
  storeRelease(control, CONTROL.nonMovingTop, pages);
}

/** The first page of the space that has never held an object: what is in use is pages [pages of the heap, answer). */
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

/** At the flip, the world stopped: what is not marked is free from now on, and new objects are not marked. */
export function freeUnmarked({ control }: HeapTables): void {
  storeRelease(control, CONTROL.nonMovingSide, 1 - loadAcquire(control, CONTROL.nonMovingSide));
  storeRelease(control, CONTROL.nonMovingNext, 0);
  storeRelease(control, CONTROL.allocatesMarked, 0);
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
}

/** For the next collection: clears what marking and {@link keep} wrote of pages up to `endPage`, and the old bitmap. */
export function clearMarks(tables: HeapTables, endPage: number): void {
  const { pages, markBits, firstGranule } = tables;
  const [first, end] = [pages << (LOG_PAGE_GRANULES - 5), endPage << (LOG_PAGE_GRANULES - 5)];
  markBits.fill(0, first, end);
  firstGranule.fill(0, pages, endPage);
  usedNext(tables).fill(0, 0, end - first);
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
  const capacity = (tables.endPage - tables.pages) << LOG_PAGE_GRANULES;

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
    }
    unlock(control, CONTROL.nonMovingLock);
    return at;
  }

  function outOfMemory(granules: number): HeapOutOfMemoryError {
    const liveBytes = loadAcquire(control, CONTROL.nonMovingLive) * GRANULE_BYTES;
    const full = { space: 'non-moving space', bytes: capacity * GRANULE_BYTES, liveBytes } as const;
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
        isTooLittle: () => findRoom(granules, align) < 0,
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
