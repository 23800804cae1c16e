/** What must hold while from-space is given back (D5), when the watch has ended (D2, D6, E1, E2), and at the end (E5). */
import { isSet } from '../../heap/bitmap.ts';
import { type HeapTables, LOG_CHUNK_GRANULES } from '../../heap/layout.ts';
import { isMade } from '../../heap/non-moving.ts';
import { LOG_PAGE_GRANULES } from '../../heap/object.ts';
import { type Kernel, PAGE_BYTES } from '../../uffd/kernel.ts';
import { loadAcquire, type SharedWords } from '../../uffd/sync.ts';
import { CYCLE, workersInside } from '../cycle.ts';
import type { Maker } from '../maker.ts';
import type { MappingMode } from '../modes/mode.ts';
import { PAGE, stateOf } from '../page-state.ts';
import type { FlipPages } from '../phases/flip.ts';
import { roundDownTo } from '../units.ts';
import { assertThat } from './named.ts';

const LOG_PAGE_CHUNKS = LOG_PAGE_GRANULES - LOG_CHUNK_GRANULES;

/**
 * D5: from-space pages from `first` on are about to be given back. Cannot check: a page in a compactor's own buffer that is
 * wanted; it may have been asked for once it was made.
 */
export function assertUnneeded({ tables, sources, cycle, mode, unit }: Maker, first: number): void {
  const { compactedPages, blackBegin, blackSlide } = sources;
  const used = loadAcquire(cycle, CYCLE.usedPages);
  const slid = blackSlide >>> LOG_PAGE_GRANULES;
  for (let page = 0; page < used; page++) {
    const state = stateOf(tables.pageStates, roundDownTo(page, unit));
    if (state === PAGE.processed || state === PAGE.publishing || state === PAGE.published) continue;
    if (state === PAGE.wanted && !mode.anyonePublishes) continue;
    const last = page < compactedPages ? lastSource(tables, page, compactedPages, blackBegin) : page + slid;
    const where = () =>
      `page ${page} is not made and reads up to page ${last}; from page ${first} on all is given back`;
    assertThat('D5', last < first, where);
  }
}

/** The page of the last live granule that lands on a compacted page: below the first one of the next. */
function lastSource(
  { firstGranule, liveness }: HeapTables,
  page: number,
  compacted: number,
  black: number,
): number {
  let granule = (page + 1 < compacted ? (firstGranule[page + 1] as number) : black) - 1;
  while (!isSet(liveness, granule, 2)) granule--;
  return granule >>> LOG_PAGE_GRANULES;
}

/** D2, D6, E1 and E2. */
export function assertUnwatched(
  kernel: Kernel,
  uffd: number,
  mode: MappingMode,
  tables: HeapTables,
  cycle: SharedWords,
  { used, nonMoving }: FlipPages,
): void {
  const made = loadAcquire(cycle, CYCLE.made);
  const pages = used + (mode.updatesInPlace ? 0 : touchedIn(tables, nonMoving));
  assertThat('D2', made === pages, () => `${made} pages were made, of ${pages}`);
  const unclaimed = Math.max(loadAcquire(cycle, CYCLE.cursor), loadAcquire(cycle, CYCLE.nonMovingCursor));
  assertThat('D6', unclaimed <= 0, () => `pages below ${unclaimed} of a space were claimed by nobody`);
  const workers = workersInside(cycle);
  assertThat('E1', workers === 0, () => `${workers} threads work on pages`);
  const info = mode.concurrent ? kernel.fdinfo(uffd) : 0;
  const pending = typeof info === 'number' ? info : info.pending;
  assertThat('E1', pending === 0, () => `faults that nobody has read: ${pending}`);
  const look = (page: number): void => {
    const state = stateOf(tables.pageStates, page);
    // Nobody needs a free page but who has touched it.
    if (state === PAGE.unprocessed && page >= tables.pages && !isMade(tables, page)) return;
    const isDone = state === PAGE.published || (state === PAGE.processed && mode.untouchedStay);
    assertThat('E2', isDone, () => `page ${page} is in state ${state} at the end of the watch`);
  };
  for (let page = 0; page < used; page += mode.unitPages ?? 1) look(page);
  for (let page = tables.pages; page < tables.pages + nonMoving; page++) look(page);
}

/** Pages that somebody has begun to make, of the first so many that do not move. */
function touchedIn({ pageStates, pages }: HeapTables, nonMoving: number): number {
  let touched = 0;
  for (let page = pages; page < pages + nonMoving; page++)
    if (stateOf(pageStates, page) !== PAGE.unprocessed) touched++;
  return touched;
}

/** The first page that is said to be published and is not in the mutators' sight, before the watch ends; −1: none. */
export function firstUnpublished(
  kernel: Kernel,
  heap: number,
  { pageStates, pages: moving }: HeapTables,
  { used, nonMoving }: FlipPages,
): number {
  const firstIn = (first: number, pages: number): number => {
    const there = kernel.presence(heap + first * PAGE_BYTES, pages);
    const found = there.findIndex((is, i) => is === 0 && stateOf(pageStates, first + i) === PAGE.published);
    return found < 0 ? -1 : first + found;
  };
  const found = firstIn(0, used);
  return found < 0 ? firstIn(moving, nonMoving) : found;
}

/** E5. Nothing is marked before the next collection begins, and no object of the non-moving space either. */
export function assertClear({ markBits, liveness, watchedEnd, fixed: [, , raw] }: HeapTables): void {
  assertUnmarked(markBits, 0, watchedEnd);
  assertUnmarked(markBits, raw.first, raw.end);
  const live = liveness.findIndex((word) => word !== 0);
  assertThat('E5', live < 0, () => `chunk ${live >>> 1} has live bits, or an offset, left`);
}

function assertUnmarked(markBits: Int32Array, first: number, end: number): void {
  const words = markBits.subarray(first << LOG_PAGE_CHUNKS, end << LOG_PAGE_CHUNKS);
  const mark = words.findIndex((word) => word !== 0) + (first << LOG_PAGE_CHUNKS);
  const where = () => `a mark bit of granules ${mark * 32} to ${mark * 32 + 31} is set`;
  assertThat('E5', mark < first << LOG_PAGE_CHUNKS, where);
}
