/**
 * What a thread needs to make and publish pages: a compactor and a fault thread are both makers. Here is the
 * protocol of publishing; who makes which page when is with them (phases/compact, fault-service).
 */
import type { HeapTables } from '../heap/layout.ts';
import { isKept, nonMovingBegin } from '../heap/non-moving.ts';
import { EAGAIN, SyscallError } from '../uffd/errno.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import { fetchAdd, loadAcquire, type SharedWords } from '../uffd/sync.ts';
import type { Compiled } from './compiled.ts';
import { CYCLE, type PageRange } from './cycle.ts';
import { EVENT, type EventWriter } from './events.ts';
import { type FillPage, makeFillPage, type PageSources } from './fill-page.ts';
import type { MappedThread, MappingMode } from './modes/mode.ts';
import { advance, PAGE, tryAdvance } from './page-state.ts';

export interface Maker {
  readonly mode: MappingMode;
  readonly thread: MappedThread;
  readonly tables: HeapTables;
  readonly cycle: SharedWords;
  readonly events: EventWriter;
  /** ROLE of the thread, for events. */
  readonly role: number;
  readonly fill: FillPage;
  /** What `fill` reads; {@link beginCycle} renews it. */
  readonly sources: PageSources;
  /** Whether pages are claimed from the bottom up. */
  readonly ascends: boolean;
  /** Absent or null: its loops run in JavaScript. */
  readonly compiled?: Compiled | null;
}

/** @param parts `ascends` is for concurrent modes to say (default false) */
export function makeMaker(
  parts: Omit<Maker, 'fill' | 'sources' | 'ascends'> & { readonly ascends?: boolean },
): Maker {
  const sources: PageSources = {
    from: parts.thread.fromSpace(),
    liveGranules: 0,
    compactedPages: 0,
    blackBegin: 0,
    blackSlide: 0,
    nonMoving: nonMovingBegin(parts.tables),
    inPlace: parts.mode.updatesInPlace,
    inOrder: !parts.mode.concurrent,
    compiled: false,
  };
  const ascends = !parts.mode.concurrent || (parts.ascends ?? false);
  return { ...parts, ascends, sources, fill: makeFillPage(parts.tables, sources, parts.compiled?.pages) };
}

/** Takes over the figures of the collection under way. The caller is inside enterWork, or is a compactor. */
export function beginCycle(maker: Maker): void {
  const { cycle, sources, thread, compiled } = maker;
  sources.from = thread.fromSpace();
  sources.liveGranules = loadAcquire(cycle, CYCLE.liveGranules);
  sources.compactedPages = loadAcquire(cycle, CYCLE.compactedPages);
  sources.blackBegin = loadAcquire(cycle, CYCLE.blackBegin);
  sources.blackSlide = loadAcquire(cycle, CYCLE.blackSlide);
  sources.compiled = isWithinReach(maker);
  if (sources.compiled) compiled?.begin(sources, sources.from.linear as number);
}

/** Whether compiled loops reach the pages that this thread reads and those that it makes. */
export function isWithinReach({ compiled, thread, tables }: Maker): boolean {
  const isWithin = (page: number) =>
    [true, false].every((isAnew) => thread.target(page, isAnew).buffer === compiled?.buffer);
  return thread.fromSpace().linear !== undefined && isWithin(0) && isWithin(tables.watchedEnd - 1);
}

/**
 * Makes a page that this thread has claimed. `batchFirst` is the first page of the batch it belongs to; `isAnew` says
 * whether what lies there may be lost.
 */
export function makePage(
  { fill, thread, tables }: Maker,
  page: number,
  batchFirst: number,
  isAnew: boolean = page < tables.pages || !isKept(tables, page),
): void {
  fill(page, thread.target(page, isAnew), thread.slot(page, batchFirst, isAnew));
}

/**
 * Publishes `page`, which this thread has brought to `publishing`, and with it the run of processed pages above it
 * (below `end`) that it can claim: one ioctl for all. The page somebody may wait for goes first.
 */
export function publishFrom(maker: Maker, page: number, end: number, batchFirst: number): void {
  const { pageStates } = maker.tables;
  let next = page + 1;
  // Ascending, and stopping at the first page that another thread has: what is claimed is one run.
  while (next < end && tryAdvance(pageStates, next, PAGE.processed, PAGE.publishing)) next++;
  publishRun(maker, page, next, batchFirst);
}

/** Repeats what was done in part until all of [first, end) is mapped. */
function publishRun(maker: Maker, first: number, end: number, batchFirst: number): void {
  const { pageStates } = maker.tables;
  for (let page = first; page < end; ) {
    const { done, errno } = maker.thread.publish(page, end - page, batchFirst);
    for (let left = done / PAGE_BYTES; left > 0; left--) {
      advance(pageStates, page++, PAGE.publishing, PAGE.published);
    }
    // EAGAIN is "do it again", with what is done or because mappings were changing.
    if (errno !== 0 && errno !== EAGAIN)
      throw new SyscallError(`publish (${maker.mode.name})`, errno, { page });
  }
  const kind = first < maker.tables.pages ? EVENT.published : EVENT.publishedNonMoving;
  maker.events.emit(kind, end - first, loadAcquire(maker.cycle, CYCLE.number), maker.role);
}

/** Tells that pages of one space have been made, of which `page` is one. */
export function noteMade(maker: Maker, page: number, made: number): void {
  const { cycle, tables, mode, role } = maker;
  const isMoving = page < tables.pages;
  // More memory than before the flip: not for a page that stays where it is.
  if (isMoving || !mode.updatesInPlace) fetchAdd(cycle, CYCLE.made, made);
  maker.events.emit(isMoving ? EVENT.filled : EVENT.updated, made, loadAcquire(cycle, CYCLE.number), role);
}

/** The pages, those that move or those that do not, among which `page` is one that this collection may make. */
export function watchedPages({ cycle, tables }: Maker, page: number): PageRange {
  if (page < tables.pages) return { first: 0, end: loadAcquire(cycle, CYCLE.usedPages) };
  return { first: tables.pages, end: tables.pages + loadAcquire(cycle, CYCLE.nonMovingPages) };
}
