/**
 * When a collection begins by itself: early enough that mutators find room until it has freed some (an allocation
 * that finds none sleeps through all of marking), or once the heap has grown to what its live objects allow it.
 *
 *     limit = live ÷ utilization, but at least minFree and at most maxFree above live; never above the capacity
 *     start = limit − 1.5 × what was allocated during the last collection, but at least half way from used to limit
 *
 * After ART's Heap (target utilization, min_free, max_free, concurrent_start_bytes; art-cmc.md, 7.3). Deviations: half
 * as much again is kept free, since collections of a heap that fills differ; and half of what is free is given out
 * before the next begins, so that a nearly full heap does not collect all the time.
 */
import { CONTROL, type HeapTables, REASON } from '../heap/layout.ts';
import { storeRelease } from '../uffd/sync.ts';

/** What the next collection's beginning follows from. Sizes in pages. */
export interface TriggerPolicy {
  /** The part of the heap in use that is live when a collection begins, if the bounds allow it; null: it may fill. */
  readonly utilization: number | null;
  /** Bounds of what the heap may grow by above what is live. */
  readonly minFreePages: number;
  readonly maxFreePages: number;
}

/** What a collection has left. All in pages. */
export interface HeapUse {
  readonly livePages: number;
  readonly usedPages: number;
  /** Handed out while the collection ran. */
  readonly allocatedPages: number;
}

/** Kept free for the first collection, of which nothing is known. */
const FIRST_RESERVE = 1 / 4;
const RESERVE = 1.5;

/** Sets the page at which the next collection is asked for (heap/requests.ts: requestInTime). */
export function setTrigger(tables: HeapTables, policy: TriggerPolicy, use: HeapUse): void {
  const { control, pages } = tables;
  const limit = limitOf(pages, policy, use);
  const inTime = limit - RESERVE * use.allocatedPages;
  const halfWay = use.usedPages + (limit - use.usedPages) / 2;
  storeRelease(control, CONTROL.startReason, limit === pages ? REASON.headroom : REASON.utilization);
  storeRelease(control, CONTROL.startAt, Math.ceil(Math.max(inTime, halfWay)));
}

/** After a collection was given up: the next is asked for when half of what is free has been handed out. */
export function postponeTrigger({ control, pages }: HeapTables, usedPages: number): void {
  storeRelease(control, CONTROL.startAt, Math.ceil((usedPages + pages) / 2));
}

/** For the first collection, of an empty heap. */
export function setFirstTrigger(tables: HeapTables, policy: TriggerPolicy): void {
  const allocatedPages = (tables.pages * FIRST_RESERVE) / RESERVE;
  setTrigger(tables, policy, { livePages: 0, usedPages: 0, allocatedPages });
}

/** How far the heap may grow before it is collected, in pages. */
function limitOf(pages: number, policy: TriggerPolicy, { livePages, usedPages }: HeapUse): number {
  const { utilization, minFreePages, maxFreePages } = policy;
  if (utilization === null) return pages;
  const growth = livePages / utilization - livePages;
  const target = livePages + Math.min(Math.max(growth, minFreePages), maxFreePages);
  // What was allocated during the collection is used, and may be above the target already.
  return Math.min(pages, Math.max(target, usedPages + minFreePages));
}
