/** What is counted of a collection when a phase of it is over, told as events: every figure of it comes from these. */
import type { HeapTables } from '../heap/layout.ts';
import { isMade } from '../heap/non-moving.ts';
import { LOG_PAGE_GRANULES } from '../heap/object.ts';
import { loadAcquire } from '../uffd/sync.ts';
import { CYCLE } from './cycle.ts';
import { EVENT } from './events.ts';
import { PAGE, stateOf } from './page-state.ts';
import type { Collector } from './phase.ts';
import type { FlipPages } from './phases/flip.ts';
import type { DeadHandles } from './phases/references.ts';

export function noteReferences({ maker, cycle }: Collector, { cleared, finalized }: DeadHandles): void {
  maker.events.emit(EVENT.references, cleared, loadAcquire(cycle, CYCLE.number), finalized);
}

/** Pages that do not move: those with an object, and those that were free and have been touched. */
export function noteUpdated({ maker, tables, cycle }: Collector, { nonMoving }: FlipPages): void {
  const [first, end] = [tables.pages, tables.pages + nonMoving];
  let pages = 0;
  for (let page = first; page < end; page++)
    if (isMade(tables, page) || stateOf(tables.pageStates, page) !== PAGE.unprocessed) pages++;
  const number = loadAcquire(cycle, CYCLE.number);
  maker.events.emit(EVENT.plannedNonMoving, pages, number);
  maker.events.emit(EVENT.untouchedNonMoving, untouchedIn(tables, first, end), number);
  const [, large, raw] = tables.fixed;
  const pagesOf = ({ words }: typeof large): number =>
    loadAcquire(tables.control, words.live) >>> LOG_PAGE_GRANULES;
  maker.events.emit(EVENT.largePages, pagesOf(large), number, pagesOf(raw));
}

/** Pages of [first, end) that are made and were not published; so many are published together. */
export function untouchedIn({ pageStates }: HeapTables, first: number, end: number, unit = 1): number {
  let pages = 0;
  for (let page = first; page < end; page += unit)
    if (stateOf(pageStates, page) === PAGE.processed) pages += Math.min(unit, end - page);
  return pages;
}
