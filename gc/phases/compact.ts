/**
 * Compaction, by every compactor at once and beside the mutators: claims pages in batches from the top down (the
 * newest objects first, which mutators touch first), makes them, and publishes them as the policy says. Then the same
 * for the pages that do not move, whose references are updated. With the world stopped objects slide in place: from the
 * bottom up, since they only ever move down.
 */
import { type HeapTables, LOG_CHUNK_GRANULES } from '../../heap/layout.ts';
import { isMade } from '../../heap/non-moving.ts';
import { LOG_PAGE_GRANULES, PAGE_GRANULES } from '../../heap/object.ts';
import { loadAcquire } from '../../uffd/sync.ts';
import { CYCLE, claimPages, type PageRange } from '../cycle.ts';
import { EVENT } from '../events.ts';
import {
  beginCycle,
  isDeferring,
  type Maker,
  makePage,
  makeUnit,
  noteMade,
  publishFrom,
  putInPlace,
} from '../maker.ts';
import { advance, awaitMade, PAGE, stateOf, tryAdvance } from '../page-state.ts';
import { roundUpTo } from '../units.ts';

/** Pages claimed at a time when nothing is published in batches. */
const CLAIM_PAGES = 16;

/**
 * Makes moving pages until none is left to claim.
 * @param batch pages a publishing ioctl; 0: this thread publishes only what a mutator waits for
 * @param afterBatch called after each
 */
export function compactPages(maker: Maker, batch: number, afterBatch?: () => void): void {
  beginCycle(maker);
  makeAll(maker, batch, (most) => claimMoving(maker, most), afterBatch);
}

/** The same for the pages that do not move and are watched. */
export function updatePages(maker: Maker, batch: number): void {
  beginCycle(maker);
  makeAll(maker, batch, (most) => claimNonMoving(maker, most));
}

/** From the top down; or from the bottom up, as it must be where pages are made over their sources. */
function claimMoving({ cycle, ascends, unit }: Maker, most: number): PageRange {
  const { first, end } = claimPages(cycle, most);
  if (!ascends) return { first, end };
  const used = roundUpTo(loadAcquire(cycle, CYCLE.usedPages), unit);
  return { first: used - end, end: used - first };
}

function claimNonMoving({ cycle, tables }: Maker, most: number): PageRange {
  const { first, end } = claimPages(cycle, most, CYCLE.nonMovingCursor);
  return { first: tables.pages + first, end: tables.pages + end };
}

function makeAll(
  maker: Maker,
  batch: number,
  claim: (most: number) => PageRange,
  afterBatch?: () => void,
): void {
  const most = batch === 0 ? Math.max(CLAIM_PAGES, maker.unit) : batch;
  for (;;) {
    const claimed = claim(most);
    const { first, end } = claimed;
    if (first === end) return;
    maker.events.emit(EVENT.claimed, end - first, loadAcquire(maker.cycle, CYCLE.number), maker.role, first);
    const made = maker.mode.concurrent ? compactBatch(maker, first, end) : compactInOrder(maker, first, end);
    if (made > 0) noteMade(maker, claimed, made);
    if (maker.mode.concurrent && batch > 0) publishBatch(maker, first, end);
    afterBatch?.();
  }
}

/** World stopped: each page is put in its place before the next is made, from the bottom up. */
function compactInOrder(maker: Maker, first: number, end: number): number {
  const { pageStates } = maker.tables;
  let made = 0;
  for (let page = first; page < end; page++) {
    if (isFree(maker, page)) continue;
    advance(pageStates, page, PAGE.unprocessed, PAGE.processing);
    makeInOrder(maker, page);
    putInPlace(maker, page);
    advance(pageStates, page, PAGE.processing, PAGE.published);
    made++;
  }
  return made;
}

/** Makes a page, so that nothing is covered that is needed still: by another page, or by this one. */
function makeInOrder(maker: Maker, page: number): void {
  if (page >= maker.tables.pages) {
    makePage(maker, page, page);
    return;
  }
  const isAnew = !readsItself(maker, page);
  if (isAnew) awaitReaders(maker, page);
  makePage(maker, page, page, isAnew);
  if (!isAnew) awaitReaders(maker, page);
}

/** Whether something that comes to lie on the page lies there already: else all of it lies further up. */
function readsItself({ tables, sources }: Maker, page: number): boolean {
  if (page >= sources.compactedPages) return sources.blackSlide === 0;
  return (tables.firstGranule[page] as number) >>> LOG_PAGE_GRANULES === page;
}

/** A page that does not move and holds nothing: only who allocates there needs it, and faults for it. */
function isFree({ tables }: Maker, page: number): boolean {
  return page >= tables.pages && !isMade(tables, page);
}

/**
 * Waits until the pages below that are made from what lies at `page` are made: other compactors may be at them. They are
 * two at the most, since a page's objects stay together. All threads wait for lower pages only, which have been claimed
 * before: so the thread at the lowest page goes on.
 */
function awaitReaders(maker: Maker, page: number): void {
  const { first, end } = readersOf(maker, page);
  for (let reader = first; reader < Math.min(end, page); reader++) awaitMade(maker.tables.pageStates, reader);
}

/** The to-space pages that are made from what lies on a from-space page. */
function readersOf({ tables, sources }: Maker, page: number): PageRange {
  const { blackBegin, blackSlide, liveGranules } = sources;
  const granule = page << LOG_PAGE_GRANULES;
  const next = granule + PAGE_GRANULES;
  if (granule >= blackBegin) {
    const reader = page - (blackSlide >>> LOG_PAGE_GRANULES);
    return { first: reader, end: reader + 1 };
  }
  const below = liveBelow(tables, granule);
  const belowNext = next < blackBegin ? liveBelow(tables, next) : liveGranules;
  if (below === belowNext) return { first: 0, end: 0 };
  return { first: below >>> LOG_PAGE_GRANULES, end: ((belowNext - 1) >>> LOG_PAGE_GRANULES) + 1 };
}

function liveBelow({ liveness }: HeapTables, granule: number): number {
  return liveness[(granule >>> LOG_CHUNK_GRANULES) * 2 + 1] as number;
}

/** Makes what fault threads have left of the batch: how many pages. */
function compactBatch(maker: Maker, first: number, end: number): number {
  const { tables, unit } = maker;
  const { pageStates } = tables;
  let made = 0;
  for (let page = end - unit; page >= first; page -= unit) {
    if (isFree(maker, page)) continue;
    // The loser leaves the page to the fault thread that took it.
    if (!tryAdvance(pageStates, page, PAGE.unprocessed, PAGE.processing)) continue;
    made += makeUnit(maker, page, first);
    // A mutator asked for it meanwhile, if the move fails: then it is published now.
    if (!tryAdvance(pageStates, page, PAGE.processing, PAGE.processed))
      publishWanted(maker, page, end, first);
    if (!maker.mode.anyonePublishes) publishAllWanted(maker, page + unit, end, first);
  }
  return made;
}

function publishWanted(maker: Maker, page: number, end: number, first: number): void {
  advance(maker.tables.pageStates, page, PAGE.wanted, PAGE.publishing);
  publishFrom(maker, page, end, first);
}

/** Pages in this thread's own buffer that a mutator has come to wait for since they were made. */
function publishAllWanted(maker: Maker, from: number, end: number, first: number): void {
  for (let page = from; page < end; page += maker.unit) {
    if (stateOf(maker.tables.pageStates, page) === PAGE.wanted) publishWanted(maker, page, end, first);
  }
}

/** Publishes what of the batch is made and not published, in as few runs as there are. */
function publishBatch(maker: Maker, first: number, end: number): void {
  const { tables, unit } = maker;
  const { pageStates } = tables;
  for (let page = first; page < end; page += unit) {
    const state = stateOf(pageStates, page);
    if (state === PAGE.processed && isDeferring(maker)) continue;
    if (state === PAGE.processed && tryAdvance(pageStates, page, PAGE.processed, PAGE.publishing)) {
      publishFrom(maker, page, end, first);
    } else if (stateOf(pageStates, page) === PAGE.wanted && !maker.mode.anyonePublishes) {
      publishWanted(maker, page, end, first);
    }
  }
}
