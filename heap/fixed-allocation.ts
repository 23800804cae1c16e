/** Allocation in a space whose objects keep their places, by one mutator: slower than in a buffer of its own. */
import { LOG_PAGE_WORDS } from '../uffd/kernel.ts';
import { fence, fetchOr, loadAcquire, lock, storeRelaxed, storeRelease, unlock } from '../uffd/sync.ts';
import { type AllocatorOwner, recordCrossings } from './allocation.ts';
import { clearRun, setBits } from './bitmap.ts';
import { HeapOutOfMemoryError } from './errors.ts';
import type { FixedSpace } from './fixed-spaces.ts';
import { CONTROL, type HeapTables } from './layout.ts';
import { keep, topOf, unitsFor, unitsOf, usedNow } from './non-moving.ts';
import { GRANULE_BYTES, GRANULE_WORDS, LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from './object.ts';
import { requestInTime } from './requests.ts';
import { takeOrCollect } from './room.ts';

export interface FixedAllocator {
  /**
   * Room for an object of so many granules, all zero, at a page's beginning if asked for. A safepoint.
   * @throws HeapOutOfMemoryError
   */
  readonly allocate: (granules: number, atPage: boolean) => Ref;
  /** The object's header is stored: it can be referred to from now on. Its references end before that word. */
  readonly publish: (object: Ref, granules: number, endOfReferences: number) => void;
  /** Granules of all objects so far. */
  readonly allocated: () => number;
}

export function makeFixedAllocator(
  store: (word: number, value: number) => void,
  tables: HeapTables,
  space: FixedSpace,
  { index, safepoint, waitStopped }: AllocatorOwner,
): FixedAllocator {
  const { control, markBits, objectAtPage, everUsed } = tables;
  const { words, capacity, logUnit } = space;
  const first = space.first << LOG_PAGE_GRANULES;
  const units = unitsOf(space);
  let allocated = 0;
  let dirty = { first: 0, end: 0 }; // pages of the room taken last that may not read as zeros

  function findRoom(count: number, align: number): number {
    if (loadAcquire(control, words.used) + (count << logUnit) > capacity) return -1;
    const use = usedNow(tables, space);
    const next = loadAcquire(control, words.next);
    const at = clearRun(use, next, units, count, align);
    return at >= 0 ? at : clearRun(use, 0, Math.min(units, next + count - 1), count, align);
  }

  /** Takes so many units, of small ones where the search for the last object left off; −1 if there are none in one piece. */
  function take(count: number, align: number): number {
    lock(control, words.lock);
    const at = findRoom(count, align);
    if (at >= 0) noteTaken(at, count);
    unlock(control, words.lock);
    requestInTime(control, loadAcquire(control, words.used), words.startAt);
    return at;
  }

  function noteTaken(at: number, count: number): void {
    setBits(usedNow(tables, space), 1, at, at + count);
    // Whole pages are few enough to look through from the beginning, which leaves longer runs free.
    if (logUnit === 0) storeRelaxed(control, words.next, at + count);
    storeRelease(control, words.used, loadAcquire(control, words.used) + (count << logUnit));
    const end = (first + ((at + count) << logUnit) + PAGE_GRANULES - 1) >>> LOG_PAGE_GRANULES;
    if (end > topOf(tables, space)) storeRelease(control, words.top, end);
    noteUsed((first + (at << logUnit)) >>> LOG_PAGE_GRANULES, end);
  }

  /** With the lock: else pages might be given back between the look and the mark. */
  function noteUsed(page: number, end: number): void {
    dirty = { first: end, end };
    for (let next = page; next < end; next++) {
      if (everUsed[next] === 0) continue;
      dirty = { first: Math.min(dirty.first, next), end: next + 1 };
    }
    everUsed.fill(1, page, end);
  }

  /** Whether a collection has left no such room; of the last resort's others may have taken some since. */
  function isTooLittle(count: number, align: number, wasLastResort: boolean): boolean {
    if (!wasLastResort) return findRoom(count, align) < 0;
    return loadAcquire(control, align === 1 ? words.run : words.pageRun) < count << logUnit;
  }

  function outOfMemory(granules: number): HeapOutOfMemoryError {
    const live = tables.fixed.filter(({ name }) => name === space.name);
    const full = {
      ...{ space: space.name, bytes: capacity * GRANULE_BYTES },
      liveBytes: live.reduce((sum, part) => sum + loadAcquire(control, part.words.live) * GRANULE_BYTES, 0),
      longestBytes: loadAcquire(control, words.run) * GRANULE_BYTES,
      refused: loadAcquire(control, CONTROL.refused),
    };
    return new HeapOutOfMemoryError(full, granules * GRANULE_BYTES, index);
  }

  /** Zeroes what of the object's room may not be zero; and has memory behind all of it that a flip can hide. */
  function clear(object: Ref, granules: number): void {
    const begin = Math.max(object, dirty.first << LOG_PAGE_GRANULES);
    const end = Math.min(object + granules, dirty.end << LOG_PAGE_GRANULES);
    for (let word = begin * GRANULE_WORDS; word < end * GRANULE_WORDS; word++) store(word, 0);
    if (space.end <= tables.watchedEnd) touch(object, object + granules);
  }

  /** A page that was never there could not be published: CONTINUE and MOVE need one. (The header touches the first.) */
  function touch(object: Ref, end: Ref): void {
    for (let page = (object >>> LOG_PAGE_GRANULES) + 1; page << LOG_PAGE_GRANULES < end; page++)
      store(page << LOG_PAGE_WORDS, 0);
  }

  return {
    allocate(granules, atPage) {
      const [count, align] = [unitsFor(space, granules), atPage ? PAGE_GRANULES >>> logUnit : 1];
      if (granules > capacity) throw outOfMemory(granules);
      safepoint();
      const room = {
        take: () => take(count, align),
        isTooLittle: (wasLastResort: boolean) => isTooLittle(count, align, wasLastResort),
        outOfMemory: () => outOfMemory(granules),
      };
      const at = takeOrCollect(control, (wait) => waitStopped('allocation', wait), room);
      const object = first + (at << logUnit);
      clear(object, granules);
      allocated += granules;
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
    allocated: () => allocated,
  };
}
