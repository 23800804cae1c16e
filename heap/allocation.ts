/**
 * Thread-local allocation: each mutator bumps a pointer through a buffer of its own and takes a new one from the
 * moving space when that is used up. Whatever it takes is filled up with objects or filler by the next safepoint at
 * which the world can stop, so that the heap parses from its first word to its top.
 */
import type { MutatorView } from '../uffd/kernel.ts';
import { loadAcquire } from '../uffd/sync.ts';
import { HeapOutOfMemoryError } from './errors.ts';
import { CONTROL, type HeapTables } from './layout.ts';
import { fillerHeader, GRANULE_BYTES, LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from './object.ts';
import { requestInTime } from './requests.ts';
import { takeOrCollect } from './room.ts';
import { takePages } from './spaces.ts';

/** An object at least this large gets pages of its own. */
const LARGE_GRANULES = 2 * PAGE_GRANULES;

function pagesFor(granules: number): number {
  return (granules + PAGE_GRANULES - 1) >>> LOG_PAGE_GRANULES;
}

/** What allocation needs of the thread it works for. */
export interface AllocatorOwner {
  readonly index: number;
  readonly safepoint: () => void;
  /** Runs `wait` while the world can be stopped. */
  readonly waitStopped: (why: 'allocation', wait: () => void) => void;
  /** A new object of the moving space has its header. */
  readonly noteNew: (object: Ref) => void;
}

export interface Allocator {
  /** Room for an object of so many granules, all zero. May be a safepoint. @throws HeapOutOfMemoryError */
  readonly allocate: (granules: number) => Ref;
  /** Gives the buffer back: what is left of it becomes filler. */
  readonly retire: () => void;
  /** Granules of all objects so far, and of all pages that were taken for them. */
  readonly allocated: () => number;
  readonly taken: () => number;
}

/** The object [start, stop) covers the first granule of each page that begins inside it, or with it. */
export function recordCrossings(objectAtPage: Int32Array, start: Ref, stop: number): void {
  const last = (stop - 1) >>> LOG_PAGE_GRANULES;
  for (let page = (start + PAGE_GRANULES - 1) >>> LOG_PAGE_GRANULES; page <= last; page++) {
    objectAtPage[page] = start;
  }
}

export function makeAllocator(view: MutatorView, tables: HeapTables, owner: AllocatorOwner): Allocator {
  const { control, objectAtPage } = tables;
  const { heapBytes, tlabPages } = tables.geometry;
  const { safepoint, waitStopped } = owner;
  let next = 0; // the buffer is granules [next, end)
  let end = 0;
  let begin = 0; // where it began
  let before = 0; // granules of the objects that are in no buffer, or in one before
  let taken = 0;
  let granted = 0; // pages that pagesOrCollect has just given

  /** Covers what is left of the allocation buffer with filler, so that the heap parses up to its top. */
  function retire(): void {
    fill(next, end);
    before += next - begin;
    begin = 0;
    next = 0;
    end = 0;
  }

  /** Makes [start, stop) one filler. */
  function fill(start: Ref, stop: number): void {
    if (start === stop) return;
    fillerHeader(stop - start).forEach((word, i) => {
      view.store(start * 2 + i, word);
    });
    recordCrossings(objectAtPage, start, stop);
  }

  /**
   * Fresh pages: `wanted` of them, or `needed` if so many are not left. Collects, and waits for it, when there
   * are none. Answers the granule they start at and leaves how many there are in `granted`.
   */
  function pagesOrCollect(wanted: number, needed: number, askedGranules: number): Ref {
    const page = takeOrCollect(control, (wait) => waitStopped('allocation', wait), {
      take: () => takeSome(wanted, needed),
      isTooLittle: () => loadAcquire(control, CONTROL.freeAtFlip) < needed,
      outOfMemory: () => outOfMemory(askedGranules),
    });
    return page << LOG_PAGE_GRANULES;
  }

  function takeSome(wanted: number, needed: number): number {
    for (granted of wanted > needed ? [wanted, needed] : [needed]) {
      const page = takePages(tables, granted);
      if (page < 0) continue;
      requestInTime(control, page + granted);
      taken += granted << LOG_PAGE_GRANULES;
      return page;
    }
    return -1;
  }

  function outOfMemory(askedGranules: number): HeapOutOfMemoryError {
    const liveBytes = (control[CONTROL.liveGranules] as number) * GRANULE_BYTES;
    const refused = loadAcquire(control, CONTROL.refused);
    const full = { space: 'heap', bytes: heapBytes, liveBytes, refused } as const;
    return new HeapOutOfMemoryError(full, askedGranules * GRANULE_BYTES, owner.index);
  }

  /** Room for an object that the allocation buffer cannot hold. */
  function allocateSlowly(granules: number): Ref {
    if (granules * GRANULE_BYTES > heapBytes) throw outOfMemory(granules);
    safepoint();
    if (granules >= LARGE_GRANULES) return allocateLarge(granules);
    retire();
    const at = pagesOrCollect(tlabPages, pagesFor(granules), granules);
    begin = at;
    next = at + granules;
    end = at + (granted << LOG_PAGE_GRANULES);
    recordCrossings(objectAtPage, at, next);
    return at;
  }

  /** Pages of its own for a large object; what the last page has left becomes filler. */
  function allocateLarge(granules: number): Ref {
    const pages = pagesFor(granules);
    const at = pagesOrCollect(pages, pages, granules);
    before += granules;
    recordCrossings(objectAtPage, at, at + granules);
    fill(at + granules, at + (pages << LOG_PAGE_GRANULES));
    return at;
  }

  function allocate(granules: number): Ref {
    const at = next;
    const after = at + granules;
    if (after > end) return allocateSlowly(granules);
    next = after;
    if ((after - 1) >>> LOG_PAGE_GRANULES !== (at - 1) >>> LOG_PAGE_GRANULES)
      recordCrossings(objectAtPage, at, after);
    return at;
  }

  return { allocate, retire, allocated: () => before + next - begin, taken: () => taken };
}
