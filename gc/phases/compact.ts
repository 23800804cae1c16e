/**
 * Compaction, by every compactor at once and beside the mutators: claims pages in batches from the top down (the
 * newest objects first, which mutators touch first), makes them, and publishes them as the policy says. Then the same
 * for the pages of the non-moving space, whose references are updated.
 */
import { CYCLE, claimPages, type PageRange } from '../cycle.ts';
import { beginCycle, isDeferring, type Maker, makePage, noteMade, publishFrom } from '../maker.ts';
import { advance, PAGE, stateOf, tryAdvance } from '../page-state.ts';

/** Pages claimed at a time when nothing is published in batches. */
const CLAIM_PAGES = 16;

/**
 * Makes moving pages until none is left to claim.
 * @param batch pages a publishing ioctl; 0: this thread publishes only what a mutator waits for
 * @param afterBatch called after each
 */
export function compactPages(maker: Maker, batch: number, afterBatch?: () => void): void {
  beginCycle(maker);
  makeAll(maker, batch, (most) => claimPages(maker.cycle, most), afterBatch);
}

/** The same for the pages of the non-moving space. */
export function updatePages(maker: Maker, batch: number): void {
  beginCycle(maker);
  makeAll(maker, batch, (most) => claimNonMoving(maker, most));
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
  for (;;) {
    const { first, end } = claim(batch === 0 ? CLAIM_PAGES : batch);
    if (first === end) return;
    const made = maker.mode.concurrent ? compactBatch(maker, first, end) : compactInPlace(maker, first, end);
    noteMade(maker, first, made);
    if (maker.mode.concurrent && batch > 0) publishBatch(maker, first, end);
    afterBatch?.();
  }
}

/** World stopped: nobody competes, and a page is published by being made. */
function compactInPlace(maker: Maker, first: number, end: number): number {
  const { pageStates } = maker.tables;
  for (let page = end - 1; page >= first; page--) {
    advance(pageStates, page, PAGE.unprocessed, PAGE.processing);
    makePage(maker, page, first);
    advance(pageStates, page, PAGE.processing, PAGE.published);
  }
  return end - first;
}

/** Makes what fault threads have left of the batch: how many pages. */
function compactBatch(maker: Maker, first: number, end: number): number {
  const { pageStates } = maker.tables;
  let made = 0;
  for (let page = end - 1; page >= first; page--) {
    // The loser leaves the page to the fault thread that took it.
    if (!tryAdvance(pageStates, page, PAGE.unprocessed, PAGE.processing)) continue;
    makePage(maker, page, first);
    made++;
    // A mutator asked for it meanwhile, if the move fails: then it is published now.
    if (!tryAdvance(pageStates, page, PAGE.processing, PAGE.processed))
      publishWanted(maker, page, end, first);
    if (!maker.mode.anyonePublishes) publishAllWanted(maker, page + 1, end, first);
  }
  return made;
}

function publishWanted(maker: Maker, page: number, end: number, first: number): void {
  advance(maker.tables.pageStates, page, PAGE.wanted, PAGE.publishing);
  publishFrom(maker, page, end, first);
}

/** Pages in this thread's own buffer that a mutator has come to wait for since they were made. */
function publishAllWanted(maker: Maker, from: number, end: number, first: number): void {
  for (let page = from; page < end; page++) {
    if (stateOf(maker.tables.pageStates, page) === PAGE.wanted) publishWanted(maker, page, end, first);
  }
}

/** Publishes what of the batch is made and not published, in as few runs as there are. */
function publishBatch(maker: Maker, first: number, end: number): void {
  const { pageStates } = maker.tables;
  for (let page = first; page < end; page++) {
    const state = stateOf(pageStates, page);
    if (state === PAGE.processed && isDeferring(maker)) continue;
    if (state === PAGE.processed && tryAdvance(pageStates, page, PAGE.processed, PAGE.publishing)) {
      publishFrom(maker, page, end, first);
    } else if (stateOf(pageStates, page) === PAGE.wanted && !maker.mode.anyonePublishes) {
      publishWanted(maker, page, end, first);
    }
  }
}
