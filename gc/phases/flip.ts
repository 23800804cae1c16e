/**
 * The compaction pause: everything that refers to objects from outside the heap (roots, the crossing map, the top)
 * changes to where the objects will be, and the heap's addresses change to to-space, empty and watched. All of it is
 * in proportion to roots and to pages allocated since marking, not to the heap. What does not move is watched too, but
 * for raw data: these objects stay, but what they refer to moves.
 */
import { CONTROL, type HeapTables } from '../../heap/layout.ts';
import { freeUnmarked, keptTop, nonMovingBegin, topsOf } from '../../heap/non-moving.ts';
import { LOG_PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import { setTopPage, topPage } from '../../heap/spaces.ts';
import { forwardHandles } from '../../heap/weak.ts';
import { loadAcquire, storeRelease } from '../../uffd/sync.ts';
import { CYCLE, openWork } from '../cycle.ts';
import { EVENT } from '../events.ts';
import { type Forward, makeForward } from '../forward.ts';
import type { Maker } from '../maker.ts';
import { layoutOfSlid } from '../page-layout.ts';
import { roundUpTo } from '../units.ts';
import type { CompactionPlan } from './prepare.ts';

/** Pages in use before and after. */
export interface FlipPages {
  readonly old: number;
  readonly used: number;
  /** Of the used ones, the first so many are old ones. */
  readonly prefix: number;
  /** Of what does not move and is watched: up to the last object that is kept, from the moving space's end. */
  readonly nonMoving: number;
  /** Up to where there were objects that do not move, in each of their spaces (heap/non-moving.ts: topsOf). */
  readonly oldTops: readonly number[];
}

export function flip(maker: Maker, plan: CompactionPlan, blackBegin: Ref): FlipPages {
  const { tables, cycle, mode, events } = maker;
  const inPlace = mode.keepsPrefix ? plan.prefixPages : 0;
  const pages = publishPlan(maker, { ...plan, prefixPages: inPlace }, blackBegin);
  const slidPages = pages.used - plan.compactedPages;
  const number = loadAcquire(cycle, CYCLE.number);
  events.emit(EVENT.planned, plan.compactedPages, number, slidPages);
  events.emit(EVENT.prefix, plan.prefixPages, number, plan.prefixDead);
  events.emit(EVENT.freed, pages.old - pages.used, number);
  const forward = makeForward(tables.liveness, {
    blackBegin,
    blackSlide: loadAcquire(cycle, CYCLE.blackSlide),
    nonMoving: nonMovingBegin(tables),
  });
  // First what may be refused: until it has been granted, nothing refers to where objects will be.
  flipMapping(maker, pages);
  updateRoots(tables, forward);
  forwardHandles(tables, forward);
  freeUnmarked(tables);
  moveCrossings(tables, plan.compactedPages, slidPages, blackBegin);
  if (!mode.concurrent) keepLayouts(maker, plan.compactedPages, pages.used, blackBegin);
  setTopPage(tables, pages.used);
  storeRelease(tables.control, CONTROL.freeAtFlip, tables.pages - pages.used);
  storeRelease(tables.control, CONTROL.refused, 0);
  // Not before the range is watched: a fault thread may still hold a message of the collection before. Soon enough
  // after it: no mutator runs before the pause ends.
  if (mode.concurrent) openWork(cycle);
  return pages;
}

/** @throws FlipUndoneError if the mapping is as it was */
function flipMapping({ cycle, thread }: Maker, pages: FlipPages): void {
  const side = loadAcquire(cycle, CYCLE.side);
  storeRelease(cycle, CYCLE.side, 1 - side);
  try {
    thread.flip(pages.used, pages.nonMoving);
  } catch (error) {
    storeRelease(cycle, CYCLE.side, side);
    throw error;
  }
}

/** What every maker of pages reads (maker.ts: beginCycle). */
function publishPlan({ tables, cycle, unit }: Maker, plan: CompactionPlan, blackBegin: Ref): FlipPages {
  const old = topPage(tables);
  const blackPage = blackBegin >>> LOG_PAGE_GRANULES;
  const used = plan.compactedPages + old - blackPage;
  storeRelease(cycle, CYCLE.liveGranules, plan.liveGranules);
  storeRelease(cycle, CYCLE.compactedPages, plan.compactedPages);
  storeRelease(cycle, CYCLE.prefixPages, plan.prefixPages);
  storeRelease(cycle, CYCLE.blackBegin, blackBegin);
  storeRelease(cycle, CYCLE.blackSlide, (blackPage - plan.compactedPages) << LOG_PAGE_GRANULES);
  storeRelease(cycle, CYCLE.usedPages, used);
  storeRelease(cycle, CYCLE.cursor, roundUpTo(used, unit));
  storeRelease(cycle, CYCLE.made, 0);
  storeRelease(cycle, CYCLE.deferring, 0);
  storeRelease(cycle, CYCLE.relief, 0);
  const nonMoving = keptTop(tables) - tables.pages;
  storeRelease(cycle, CYCLE.nonMovingPages, nonMoving);
  storeRelease(cycle, CYCLE.nonMovingCursor, nonMoving);
  return { old, used, prefix: plan.prefixPages, nonMoving, oldTops: topsOf(tables) };
}

/** Each root once: a new address must not be forwarded again. */
function updateRoots(tables: HeapTables, forward: Forward): void {
  for (const roots of tables.roots) {
    const count = roots[0] as number;
    for (let i = 1; i <= count; i++) roots[i] = forward(roots[i] as Ref);
  }
}

/**
 * The crossing map of the slid pages moves with them. Page makers need it as it was: it is kept in `firstObject`,
 * whose entries above the compacted pages are free.
 */
function moveCrossings(tables: HeapTables, compactedPages: number, slidPages: number, blackBegin: Ref): void {
  const { objectAtPage, firstObject } = tables;
  const blackPage = blackBegin >>> LOG_PAGE_GRANULES;
  const slide = (blackPage - compactedPages) << LOG_PAGE_GRANULES;
  for (let i = 0; i < slidPages; i++) {
    const object = objectAtPage[blackPage + i] as Ref;
    firstObject[compactedPages + i] = object;
    objectAtPage[compactedPages + i] = object - slide;
  }
}

/** How objects go on on the slid pages: their headers may be covered before those pages are made. */
function keepLayouts({ tables, thread }: Maker, first: number, end: number, blackBegin: Ref): void {
  const { firstObject, firstLayout } = tables;
  for (let page = first; page < end; page++) {
    const granule = blackBegin + ((page - first) << LOG_PAGE_GRANULES);
    firstLayout[page] = layoutOfSlid(thread.fromSpace(), firstObject[page] as Ref, granule);
  }
}
