/**
 * What a thread needs to make and publish pages: a compactor and a fault thread are both makers. Here is the
 * protocol of publishing; who makes which page when is with them (phases/compact, fault-service).
 */
import type { HeapTables } from '../heap/layout.ts';
import { isKept, nonMovingBegin } from '../heap/non-moving.ts';
import { SyscallError } from '../uffd/errno.ts';
import { PAGE_BYTES, PAGE_WORDS, type PageView } from '../uffd/kernel.ts';
import { fetchAdd, loadAcquire, type SharedWords, storeRelease } from '../uffd/sync.ts';
import type { Compiled } from './compiled.ts';
import { CYCLE, type PageRange } from './cycle.ts';
import { EVENT, type EventWriter } from './events.ts';
import { type FillPage, makeFillPage, type PageSources } from './fill-page.ts';
import type { MappedThread, MappingMode } from './modes/mode.ts';
import { advance, PAGE, tryAdvance } from './page-state.ts';
import { insistThrown, makePatience, type Patience } from './patience.ts';
import { asLost, mayPass, RefusedError } from './refusals.ts';
import { roundUpTo } from './units.ts';

export interface Maker {
  readonly mode: MappingMode;
  readonly thread: MappedThread;
  readonly tables: HeapTables;
  readonly cycle: SharedWords;
  readonly events: EventWriter;
  /** ROLE of the thread, for events. */
  readonly role: number;
  /** With a kernel that refuses. */
  readonly patience: Patience;
  readonly fill: FillPage;
  /** What `fill` reads; {@link beginCycle} renews it. */
  readonly sources: PageSources;
  /** Pages that are published together: the mode's. */
  readonly unit: number;
  /** Whether pages are claimed from the bottom up. */
  readonly ascends: boolean;
  /** Absent or null: its loops run in JavaScript. */
  readonly compiled?: Compiled | null;
}

/** `ascends` is for concurrent modes to say (default false). */
type Parts = Omit<Maker, 'fill' | 'sources' | 'patience' | 'ascends' | 'unit'> & {
  readonly patience?: Patience;
  readonly ascends?: boolean;
};

export function makeMaker(parts: Parts): Maker {
  const { patience = makePatience(parts.cycle, parts.events) } = parts;
  const sources: PageSources = {
    from: parts.thread.fromSpace(),
    liveGranules: 0,
    compactedPages: 0,
    prefixPages: 0,
    blackBegin: 0,
    blackSlide: 0,
    nonMoving: nonMovingBegin(parts.tables),
    inPlace: parts.mode.updatesInPlace,
    inOrder: !parts.mode.concurrent,
    compiled: false,
  };
  const ascends = !parts.mode.concurrent || (parts.ascends ?? false);
  const fill = makeFillPage(parts.tables, sources, parts.compiled?.pages);
  return { ...parts, patience, ascends, sources, fill, unit: parts.mode.unitPages ?? 1 };
}

/** Takes over the figures of the collection under way. The caller is inside enterWork, or is a compactor. */
export function beginCycle(maker: Maker): void {
  const { cycle, sources, thread, compiled } = maker;
  sources.from = thread.fromSpace();
  sources.liveGranules = loadAcquire(cycle, CYCLE.liveGranules);
  sources.compactedPages = loadAcquire(cycle, CYCLE.compactedPages);
  sources.prefixPages = loadAcquire(cycle, CYCLE.prefixPages);
  sources.blackBegin = loadAcquire(cycle, CYCLE.blackBegin);
  sources.blackSlide = loadAcquire(cycle, CYCLE.blackSlide);
  sources.compiled = isWithinReach(maker);
  if (sources.compiled) compiled?.begin(sources, sources.from.linear as number);
}

/** Where objects are read while marking. */
export function markingSpace({ thread }: Pick<Maker, 'thread'>): PageView {
  return thread.markingSpace?.() ?? thread.livingSpace();
}

/** Whether compiled loops reach the pages that this thread reads and those that it makes. Asked at every fault: allocates nothing. */
export function isWithinReach({ compiled, thread, tables }: Maker): boolean {
  if (!compiled || thread.fromSpace().linear === undefined) return false;
  const { buffer } = compiled;
  // A page at the bottom may stay where it is, one at the top of the moving space moves, the last one never does.
  return (
    isMadeIn(thread, 0, buffer) &&
    isMadeIn(thread, tables.pages - 1, buffer) &&
    isMadeIn(thread, tables.watchedEnd - 1, buffer)
  );
}

function isMadeIn({ target }: Maker['thread'], page: number, buffer: ArrayBufferLike): boolean {
  return target(page, true).buffer === buffer && target(page, false).buffer === buffer;
}

/**
 * Makes a page that this thread has claimed. `batchFirst` is the first page of the batch it belongs to; `isAnew` says
 * whether what lies there may be lost.
 */
export function makePage(
  maker: Maker,
  page: number,
  batchFirst: number,
  isAnew: boolean = isMadeAnew(maker, page),
): void {
  const at = roomFor(maker, page, batchFirst, isAnew);
  maker.fill(page, maker.thread.target(page, isAnew), at);
}

/**
 * Makes the pages that are published together, of which this thread has claimed the first. Answers how many are in use: above
 * the last one of these, where mutators allocate already, all is zero.
 */
export function makeUnit(maker: Maker, first: number, batchFirst: number): number {
  const inUse = inUseOf(maker, first, first + maker.unit);
  for (let page = first; page < first + inUse; page++) makePage(maker, page, batchFirst);
  for (let page = first + inUse; page < first + maker.unit; page++) {
    const at = roomFor(maker, page, batchFirst, true);
    maker.thread.target(page, true).fill(0, at, at + PAGE_WORDS);
  }
  return inUse;
}

/** How many of pages [first, end), whole units of them, are in use. */
function inUseOf({ cycle, tables, unit }: Maker, first: number, end: number): number {
  if (unit === 1 || first >= tables.pages) return end - first;
  return Math.min(end, loadAcquire(cycle, CYCLE.usedPages)) - first;
}

/** Whether what lies where the page will be made is not needed: it is not made from that. */
function isMadeAnew({ tables, sources }: Maker, page: number): boolean {
  return page < tables.pages ? page >= sources.prefixPages : !isKept(tables, page);
}

/** Where the page is made: memory that the kernel may have to find first. @throws RefusedError */
function roomFor(maker: Maker, page: number, batchFirst: number, isAnew: boolean): number {
  try {
    return maker.thread.slot(page, batchFirst, isAnew); // as a rule: without a closure for each page
  } catch (error) {
    return insistAfter(maker, error, () => maker.thread.slot(page, batchFirst, isAnew));
  }
}

/** World stopped: puts a page that is made in its place, for which memory may have to be found too. @throws RefusedError */
export function putInPlace(maker: Maker, page: number): void {
  try {
    publishOne(maker, page);
  } catch (error) {
    insistAfter(maker, error, () => publishOne(maker, page));
  }
}

function publishOne({ mode, thread }: Maker, page: number): void {
  const { errno } = thread.publish(page, 1, page);
  if (errno !== 0) throw new SyscallError(`publish (${mode.name})`, errno, { page });
}

/** Makes a call again that has thrown. That was the first refusal, if it was one. */
function insistAfter<T>({ patience }: Maker, thrown: unknown, call: () => T): T {
  let first: unknown = thrown;
  const again = (): T => {
    if (first === null) return call();
    const error = first;
    first = null;
    throw error;
  };
  try {
    return insistThrown(patience, again);
  } catch (error) {
    throw asLost(error);
  }
}

/**
 * Publishes `page`, which this thread has brought to `publishing`, and with it the run of processed pages above it
 * (below `end`) that it can claim: one ioctl for all. The page somebody may wait for goes first.
 */
export function publishFrom(maker: Maker, page: number, end: number, batchFirst: number): void {
  const { tables, unit } = maker;
  const { pageStates } = tables;
  let next = page + unit;
  // Ascending, and stopping at the first page that another thread has: what is claimed is one run.
  while (next < end && tryAdvance(pageStates, next, PAGE.processed, PAGE.publishing)) next += unit;
  publishRun(maker, page, next, batchFirst);
}

/** Maps [first, end), and repeats what was done in part; or leaves it to the end of the watch. */
function publishRun(maker: Maker, first: number, end: number, batchFirst: number): void {
  const reached = isDeferring(maker) ? first : mapRun(maker, first, end, batchFirst);
  for (let page = reached; page < end; page += maker.unit)
    advance(maker.tables.pageStates, page, PAGE.publishing, PAGE.processed);
  if (reached === first) return;
  const kind = first < maker.tables.pages ? EVENT.published : EVENT.publishedNonMoving;
  const pages = inUseOf(maker, first, reached);
  maker.events.emit(kind, pages, loadAcquire(maker.cycle, CYCLE.number), maker.role, first);
}

/** Whether CONTINUE was refused for good in this collection: the end of the watch maps what is made. */
export function isDeferring({ cycle }: Maker): boolean {
  return loadAcquire(cycle, CYCLE.deferring) === 1;
}

/** Answers how far it got: to `end`, unless the kernel refuses and the rest can wait. @throws RefusedError */
function mapRun(maker: Maker, first: number, end: number, batchFirst: number): number {
  const { tables, unit } = maker;
  const { pageStates } = tables;
  let refused = 0;
  for (let page = first; page < end; ) {
    const { done, errno } = maker.thread.publish(page, end - page, batchFirst);
    for (const reached = page + done / PAGE_BYTES; page < reached; page += unit) {
      advance(pageStates, page, PAGE.publishing, PAGE.published);
    }
    // What has stopped it half way will say so when asked for the rest, if it still does.
    if (errno === 0 || done > 0) refused = 0;
    else if (!mayPass(errno) || !maker.patience.outlasts(refused++, errno))
      return leaveOrThrow(maker, page, errno);
  }
  return end;
}

/** A mutator that waits for a page which is left sleeps until the watch ends, and finds it then. */
function leaveOrThrow({ mode, cycle }: Maker, page: number, errno: number): number {
  const refusal = new SyscallError(`publish (${mode.name})`, errno, { page });
  if (!mayPass(errno)) throw refusal;
  if (!mode.untouchedStay) throw new RefusedError(refusal, 'lost');
  storeRelease(cycle, CYCLE.deferring, 1);
  return page;
}

/** Tells that so many of pages [first, end), all of one space, have been made by this thread. */
export function noteMade(maker: Maker, { first, end }: PageRange, made: number): void {
  const { cycle, tables, mode, role } = maker;
  const isMoving = first < tables.pages;
  // More memory than before the flip: not for a page that stays where it is.
  if (isMoving || !mode.updatesInPlace) fetchAdd(cycle, CYCLE.made, made);
  const kind = isMoving ? EVENT.filled : EVENT.updated;
  maker.events.emit(kind, made, loadAcquire(cycle, CYCLE.number), role, first, end - first);
}

/** The pages, those that move or those that do not, among which `page` is one that this collection may make. */
export function watchedPages({ cycle, tables, unit }: Maker, page: number): PageRange {
  if (page < tables.pages) return { first: 0, end: roundUpTo(loadAcquire(cycle, CYCLE.usedPages), unit) };
  return { first: tables.pages, end: tables.pages + loadAcquire(cycle, CYCLE.nonMovingPages) };
}
