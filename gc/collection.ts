/**
 * One collection from top to bottom: the page to read first. The phases are ART's (art-cmc.md, 2); each is one line
 * here and one file in phases/.
 */
import { CONTROL, type HeapTables, LOG_CHUNK_GRANULES, REASON } from '../heap/layout.ts';
import { clearMarks, isMade, noteRoom, releaseFree, setNonMovingTriggers } from '../heap/non-moving.ts';
import { LOG_PAGE_GRANULES, type Ref } from '../heap/object.ts';
import { isLastResort, newestAt, reachStage } from '../heap/requests.ts';
import { resumeTheWorld, stopTheWorld } from '../heap/safepoint.ts';
import { topPage } from '../heap/spaces.ts';
import { verifyHeap } from '../heap/verify.ts';
import { hasHandles } from '../heap/weak.ts';
import { loadAcquire, type SharedWords, storeRelease } from '../uffd/sync.ts';
import { awaitHelpers, CYCLE, closeWork, JOB, startHelpers } from './cycle.ts';
import { EVENT } from './events.ts';
import type { Checker } from './invariants/checker.ts';
import type { Maker } from './maker.ts';
import { PAGE, stateOf } from './page-state.ts';
import { compactPages, updatePages } from './phases/compact.ts';
import { type FlipPages, flip } from './phases/flip.ts';
import { keepNonMoving, setLiveBits } from './phases/liveness.ts';
import { type Helpers, type Marking, markBesideMutators, preclean } from './phases/mark.ts';
import { type CompactionPlan, clearLiveness, prepare } from './phases/prepare.ts';
import {
  beginReclaiming,
  canReclaim,
  finishReclaiming,
  isNewHeight,
  type Reclaiming,
  reclaim,
  reclaimAbove,
} from './phases/reclaim.ts';
import { type DeadHandles, processReferences } from './phases/references.ts';
import { setTrigger, type TriggerPolicy } from './trigger.ts';

/** The collector thread's own: it is the first of the compactors. */
export interface Collector {
  readonly maker: Maker;
  readonly tables: HeapTables;
  readonly cycle: SharedWords;
  readonly marking: Marking;
  /** GC threads beside the collector. */
  readonly helpers: number;
  readonly batch: number;
  readonly verify: boolean;
  /** What asserts invariants between phases; null: nothing does. */
  readonly checker: Partial<Checker> | null;
  readonly trigger: TriggerPolicy;
  readonly rehearseFlip: () => void;
  /** Lets the kernel take note of how much memory there is now. */
  readonly sampleMemory: () => void;
}

/** The phases and pauses of a collection, in order; events name them by their place here. */
export const PHASES = [
  'mark',
  'preclean',
  'remark',
  'references',
  'liveness',
  'prepare',
  'rehearse',
  'flip',
  'compact',
  'update',
  'unwatch',
  'release',
  'verify',
] as const;
export const PAUSES = ['marking', 'compaction', 'whole'] as const;

export function collect(c: Collector): void {
  const { maker, tables, cycle } = c;
  const { thread, mode } = maker;
  const before = topPage(tables);
  const { number, isLast } = begin(c);
  const { black, pages, reclaiming } = isLast ? flipStopped(c) : markAndFlip(c);
  reachStage(tables.control, 'flipped', number);
  if (mode.concurrent) compactByAll(c, reclaiming);
  phase(c, 'unwatch', () => {
    closeWork(cycle);
    if (c.checker?.beforeUnwatch) phase(c, 'verify', () => c.checker?.beforeUnwatch?.(pages));
    thread.unwatch(pages.used, pages.nonMoving);
  });
  c.checker?.unwatched?.(pages);
  c.sampleMemory(); // where nothing was given back yet, both spaces are there
  noteUpdated(c, pages);
  phase(c, 'release', () => {
    finishReclaiming(maker, reclaiming);
    clearLiveness(tables, black);
    clearMarks(tables, pages.oldTops);
    const released = thread.releaseNonMoving ? releaseFree(tables, thread.releaseNonMoving) : 0;
    maker.events.emit(EVENT.released, released, number);
  });
  c.checker?.cleared?.();
  if (c.verify) phase(c, 'verify', () => verifyStopped(c, number));
  end(c, number, before, pages);
}

/** A collection up to its flip: what the rest of it needs. */
interface Flipped {
  /** First granule of what was allocated since marking. */
  readonly black: Ref;
  readonly pages: FlipPages;
  readonly reclaiming: Reclaiming;
}

/** The usual course: two pauses, and the mutators run before, between and after them. */
function markAndFlip(c: Collector): Flipped {
  const markers = markersOf(c);
  phase(c, 'mark', () => markBesideMutators(c.tables, c.marking, c.maker.thread.livingSpace(), markers));
  const precleaned = phase(c, 'preclean', () => preclean(c.tables, c.marking, markers));
  const black = pause(c, 'marking', () => phase(c, 'remark', () => remark(c, precleaned)));
  const plan = planCompaction(c, black);
  return pause(c, 'compaction', () => flipTo(c, plan, black));
}

/** The last resort, one pause: what is dead when it begins goes, and nobody takes a page meanwhile. */
function flipStopped(c: Collector): Flipped {
  return pause(c, 'whole', () => {
    phase(c, 'mark', () =>
      markBesideMutators(c.tables, c.marking, c.maker.thread.livingSpace(), markersOf(c)),
    );
    const black = phase(c, 'remark', () => remark(c, 0));
    const flipped = flipTo(c, planCompaction(c, black), black);
    noteRoom(c.tables);
    return flipped;
  });
}

function planCompaction(c: Collector, black: Ref): CompactionPlan {
  phase(c, 'liveness', () => setLive(c, black));
  const plan = phase(c, 'prepare', () => {
    const compaction = prepare(c.maker.thread.livingSpace(), c.tables, black);
    c.maker.thread.ready?.(compaction.compactedPages);
    return compaction;
  });
  c.checker?.prepared?.(plan, black);
  phase(c, 'rehearse', c.rehearseFlip);
  return plan;
}

/** With the world stopped: to-space takes the place of the heap. */
function flipTo(c: Collector, plan: CompactionPlan, black: Ref): Flipped {
  c.checker?.beforeFlip?.();
  const pages = phase(c, 'flip', () => flip(c.maker, plan, black));
  c.checker?.flipped?.(pages, black);
  const reclaiming = beginReclaiming(pages);
  if (!c.maker.mode.concurrent) {
    c.sampleMemory();
    compactByAll(c, reclaiming);
    c.checker?.compacted?.(pages);
    phase(c, 'release', () => reclaimAbove(c.maker, reclaiming, pages.used, c.checker?.beforeRelease));
  }
  return { black, pages, reclaiming };
}

function markersOf({ cycle, helpers }: Collector): Helpers {
  return {
    count: helpers,
    start: () => startHelpers(cycle, helpers, JOB.mark),
    join: () => awaitHelpers(cycle),
  };
}

/** Answers the collection's number, and whether it is the last resort: that may be asked for until it has started. */
function begin({ maker, tables, cycle }: Collector): { readonly number: number; readonly isLast: boolean } {
  const number = newestAt(tables.control, 'started') + 1;
  storeRelease(cycle, CYCLE.number, number);
  const reason = loadAcquire(tables.control, CONTROL.reason);
  reachStage(tables.control, 'started', number);
  const isLast = isLastResort(tables.control, number);
  maker.events.emit(EVENT.cycleBegin, isLast ? REASON.lastResort : reason, number);
  return { number, isLast };
}

/** Ends marking; answers the first granule of what will be allocated from now on ("black": live, and not marked). */
function remark(c: Collector, precleaned: number): number {
  const { maker, tables, cycle, marking, checker } = c;
  checker?.beforeRemark?.();
  const cards = marking.finish();
  if (hasHandles(tables)) phase(c, 'references', () => noteReferences(c, processReferences(tables, marking)));
  checker?.marked?.();
  const number = loadAcquire(cycle, CYCLE.number);
  maker.events.emit(EVENT.marked, marking.objects(), number);
  maker.events.emit(EVENT.cards, precleaned, number, cards);
  return topPage(tables) << LOG_PAGE_GRANULES;
}

function noteReferences({ maker, cycle }: Collector, { cleared, finalized }: DeadHandles): void {
  maker.events.emit(EVENT.references, cleared, loadAcquire(cycle, CYCLE.number), finalized);
}

function setLive({ maker, tables, cycle }: Collector, black: number): void {
  const space = maker.thread.livingSpace();
  const granules = setLiveBits(space, tables, black >>> LOG_CHUNK_GRANULES);
  const [pinned, large, raw] = keepNonMoving(space, tables);
  storeRelease(tables.control, CONTROL.liveGranules, granules);
  storeRelease(tables.control, CONTROL.nonMovingLive, pinned);
  const number = loadAcquire(cycle, CYCLE.number);
  maker.events.emit(EVENT.live, granules + pinned + large + raw, number, pinned);
  maker.events.emit(EVENT.liveLarge, large, number, raw);
}

/** Moving pages first, whose sources can then be given back; then those that do not move, if there are any. */
function compactByAll(c: Collector, reclaiming: Reclaiming): void {
  const { maker, cycle, helpers, batch } = c;
  const releases = maker.mode.concurrent && maker.thread.release !== undefined;
  phase(c, 'compact', () => {
    startHelpers(cycle, helpers, JOB.compact);
    compactPages(maker, batch, () => {
      if (releases && isNewHeight(maker, reclaiming)) c.sampleMemory();
      if (releases && canReclaim(maker, reclaiming))
        phase(c, 'release', () => reclaim(maker, reclaiming, c.checker?.beforeRelease));
    });
    if (reclaiming.nonMoving === 0) awaitHelpers(cycle);
  });
  if (reclaiming.nonMoving === 0) return;
  phase(c, 'update', () => {
    updatePages(maker, batch);
    awaitHelpers(cycle);
  });
}

function verifyStopped({ maker, tables }: Collector, number: number): void {
  stopTheWorld(tables.control);
  verifyHeap(maker.thread.livingSpace(), tables, `after collection ${number}`);
  resumeTheWorld(tables.control);
}

/** Pages that do not move: those with an object, and those that were free and have been touched. */
function noteUpdated({ maker, tables, cycle }: Collector, { nonMoving }: FlipPages): void {
  const [first, end] = [tables.pages, tables.pages + nonMoving];
  let pages = 0;
  for (let page = first; page < end; page++)
    if (isMade(tables, page) || stateOf(tables.pageStates, page) !== PAGE.unprocessed) pages++;
  const number = loadAcquire(cycle, CYCLE.number);
  maker.events.emit(EVENT.plannedNonMoving, pages, number);
  maker.events.emit(EVENT.untouchedNonMoving, untouchedIn(tables, first, end), number);
  const [, large, raw] = tables.fixed.map(({ words }) => loadAcquire(tables.control, words.live)) as [
    number,
    number,
    number,
  ];
  maker.events.emit(EVENT.largePages, large >>> LOG_PAGE_GRANULES, number, raw >>> LOG_PAGE_GRANULES);
}

/** Pages of [first, end) that are made and were not published. */
function untouchedIn({ pageStates }: HeapTables, first: number, end: number): number {
  let pages = 0;
  for (let page = first; page < end; page++) if (stateOf(pageStates, page) === PAGE.processed) pages++;
  return pages;
}

function end({ maker, tables, trigger }: Collector, number: number, before: number, pages: FlipPages): void {
  maker.events.emit(EVENT.cycleEnd, untouchedIn(tables, 0, pages.used), number);
  const usedPages = topPage(tables);
  const allocatedPages = pages.old - before + usedPages - pages.used;
  setNonMovingTriggers(tables);
  setTrigger(tables, trigger, { livePages: pages.used, usedPages, allocatedPages });
  reachStage(tables.control, 'finished', number);
}

function phase<T>({ maker, cycle }: Collector, name: (typeof PHASES)[number], run: () => T): T {
  const [index, number] = [PHASES.indexOf(name), loadAcquire(cycle, CYCLE.number)];
  maker.events.emit(EVENT.phaseBegin, index, number);
  const result = run();
  maker.events.emit(EVENT.phaseEnd, index, number);
  return result;
}

/** Runs with no mutator running. If it throws, none runs again: a heap half done would be blamed on a mutator. */
function pause<T>({ maker, tables, cycle }: Collector, name: (typeof PAUSES)[number], run: () => T): T {
  const [index, number] = [PAUSES.indexOf(name), loadAcquire(cycle, CYCLE.number)];
  maker.events.emit(EVENT.stopRequested, index, number);
  stopTheWorld(tables.control);
  maker.events.emit(EVENT.stopped, index, number);
  const result = run();
  resumeTheWorld(tables.control);
  maker.events.emit(EVENT.resumed, index, number);
  return result;
}
