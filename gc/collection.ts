/**
 * One collection from top to bottom: the page to read first. The phases are ART's (art-cmc.md, 2); each is one line
 * here and one file in phases/.
 */
import { CONTROL, LOG_CHUNK_GRANULES, REASON } from '../heap/layout.ts';
import { clearMarks, noteRoom, releaseFree, setNonMovingTriggers } from '../heap/non-moving.ts';
import { LOG_PAGE_GRANULES, type Ref } from '../heap/object.ts';
import { isLastResort, newestAt, reachStage } from '../heap/requests.ts';
import { resumeTheWorld, stopTheWorld } from '../heap/safepoint.ts';
import { topPage } from '../heap/spaces.ts';
import { verifyHeap } from '../heap/verify.ts';
import { hasHandles } from '../heap/weak.ts';
import { loadAcquire, storeRelease } from '../uffd/sync.ts';
import { compactByAll, relieveIfAsked } from './compact-by-all.ts';
import { noteReferences, noteUpdated, untouchedIn } from './counts.ts';
import { awaitHelpers, CYCLE, closeWork, JOB, startHelpers } from './cycle.ts';
import { EVENT } from './events.ts';
import { markingSpace } from './maker.ts';
import { hurried, ifGranted } from './patience.ts';
import { type Collector, pause, phase } from './phase.ts';
import { fillGaps, prefixOf } from './phases/dense-prefix.ts';
import { type FlipPages, flip } from './phases/flip.ts';
import { giveUp } from './phases/give-up.ts';
import { keepNonMoving, setLiveBits } from './phases/liveness.ts';
import { type Helpers, markBesideMutators, preclean, precleanAgain } from './phases/mark.ts';
import { type CompactionPlan, clearLiveness, prepare } from './phases/prepare.ts';
import {
  beginReclaiming,
  finishReclaiming,
  payDebt,
  type Reclaiming,
  reclaimAbove,
} from './phases/reclaim.ts';
import { processReferences } from './phases/references.ts';
import { asLost, RefusedError, unlessRefused, unlessUndone } from './refusals.ts';
import { REHEARSALS_BEFORE_PAUSE } from './rehearsal.ts';
import { postponeTrigger, setTrigger } from './trigger.ts';

/**
 * One collection. Answers null; or, if the kernel has refused what the flip needs, why the collection was given up.
 * @throws RefusedError if the kernel refuses what is needed after it
 */
export function collect(c: Collector): RefusedError | null {
  const { tables } = c;
  const before = topPage(tables);
  const { number, isLast } = begin(c);
  const flipped = isLast ? flipStopped(c) : markAndFlip(c);
  reachStage(tables.control, 'flipped', number);
  if (flipped instanceof RefusedError) {
    postponeTrigger(tables, topPage(tables));
    c.checker?.cleared?.();
    if (c.verify) verifyStopped(c, `after collection ${number} was given up`);
    reachStage(tables.control, 'finished', number);
    return flipped;
  }
  try {
    complete(c, flipped);
  } catch (error) {
    throw asLost(error);
  }
  if (c.verify) phase(c, 'verify', () => verifyStopped(c, `after collection ${number}`));
  end(c, number, before, flipped.pages);
  return null;
}

/** What is left to do after the flip, the mutators running. */
function complete(c: Collector, { black, plan, pages, reclaiming }: Flipped): void {
  const { maker, tables, cycle } = c;
  const { thread, mode } = maker;
  if (mode.concurrent) compactByAll(c, reclaiming);
  phase(c, 'unwatch', () => {
    closeWork(cycle, () => relieveIfAsked(c, reclaiming));
    if (c.checker?.beforeUnwatch) phase(c, 'verify', () => c.checker?.beforeUnwatch?.(pages));
    thread.unwatch(pages.used, pages.nonMoving);
    fillGaps(thread.livingSpace(), tables, plan.prefixGaps);
  });
  c.checker?.unwatched?.(pages);
  c.sampleMemory(); // where nothing was given back yet, both spaces are there
  noteUpdated(c, pages);
  phase(c, 'release', () => {
    maker.patience.relieve = () => {}; // all of from-space is asked for now: no refusal is worth asking once more
    c.debt.old = finishReclaiming(maker, reclaiming);
    clearLiveness(tables, black);
    clearMarks(tables, pages.oldTops);
    releaseUnused(c);
  });
  c.checker?.released?.(c.debt.old);
  c.checker?.cleared?.();
}

/** Gives free pages back that do not move. Refused, they stay: what is allocated there is zeroed by who allocates. */
function releaseUnused({ maker, tables, cycle }: Collector): void {
  const { releaseNonMoving } = maker.thread;
  let released = 0;
  if (releaseNonMoving)
    ifGranted(() =>
      releaseFree(tables, (first, end) => {
        releaseNonMoving(first, end);
        released += end - first;
      }),
    );
  maker.events.emit(EVENT.released, released, loadAcquire(cycle, CYCLE.number));
}

/** A collection up to its flip: what the rest of it needs. */
interface Flipped {
  /** First granule of what was allocated since marking. */
  readonly black: Ref;
  readonly plan: CompactionPlan;
  readonly pages: FlipPages;
  readonly reclaiming: Reclaiming;
}

/** Dirty cards that the marking pause is for, and objects that they lead to: about 0.4 ms of it. */
const FEW_ENOUGH_TO_PAUSE = 500;
/**
 * So many pauses may find more and be given up, before twice as many are enough for each further one: most find more
 * since this thread had no processor before them, which seldom happens twice running.
 */
const PAUSES_GIVEN_UP = 40;

/** The usual course: two pauses, and the mutators run before, between and after them. */
function markAndFlip(c: Collector): Flipped | RefusedError {
  const markers = markersOf(c);
  phase(c, 'mark', () => mark(c, markers));
  let precleaned = phase(c, 'preclean', () => preclean(c.tables, c.marking, markers));
  let black: Ref | null = null;
  for (let attempt = 1; black === null; attempt++) {
    const most = FEW_ENOUGH_TO_PAUSE * 2 ** Math.max(0, attempt - PAUSES_GIVEN_UP);
    black = pause(c, 'marking', () => phase(c, 'remark', () => remark(c, precleaned, most)));
    if (black === null)
      precleaned += phase(c, 'preclean', () => precleanAgain(c.tables, c.marking, markers, most));
  }
  const plan = planCompaction(c, black, c.density);
  return pause(c, 'compaction', () => flipTo(c, plan, black));
}

/** The last resort leaves nothing that is dead. */
const ALL_LIVE = 1;

/** The last resort, one pause: what is dead when it begins goes, and nobody takes a page meanwhile. */
function flipStopped(c: Collector): Flipped | RefusedError {
  return pause(c, 'whole', () => {
    phase(c, 'mark', () => mark(c, markersOf(c)));
    const black = phase(c, 'remark', () => remark(c, 0)) as Ref;
    const flipped = flipTo(c, planCompaction(c, black, c.density === null ? null : ALL_LIVE), black);
    noteRoom(c.tables);
    return flipped;
  });
}

function mark({ maker, tables, marking }: Collector, markers: Helpers): void {
  maker.thread.beginMarking?.();
  markBesideMutators(tables, marking, markingSpace(maker), markers);
}

function planCompaction(c: Collector, black: Ref, density: number | null): CompactionPlan | RefusedError {
  phase(c, 'liveness', () => setLive(c, black));
  const plan = phase(c, 'prepare', () => {
    const prefix = prefixOf(c.maker, black, density);
    const { thread, compiled } = c.maker;
    const compaction = prepare(thread.livingSpace(), c.tables, black, prefix, compiled?.liveness);
    return readyFor(c, compaction) ?? compaction;
  });
  if (plan instanceof RefusedError) return plan;
  c.checker?.prepared?.(plan, black);
  if (!c.maker.mode.concurrent) c.sampleMemory(); // in place the heap is at its largest now: later it would be in the pause
  return phase(c, 'rehearse', () => unlessRefused(() => rehearseBeforePause(c))) ?? plan;
}

function rehearseBeforePause({ rehearseFlip }: Collector): void {
  for (let i = 0; i < REHEARSALS_BEFORE_PAUSE; i++) rehearseFlip();
}

/** Readies the memory that to-space is made in. Null, or why it cannot be. */
function readyFor(
  { maker, debt }: Collector,
  { compactedPages, prefixPages }: CompactionPlan,
): RefusedError | null {
  const refused = payDebt(maker, debt.old);
  if (refused !== null) return refused;
  debt.old = { first: 0, end: 0 };
  const inPlace = maker.mode.keepsPrefix ? prefixPages : 0;
  return unlessRefused(() => maker.thread.ready?.(compactedPages, inPlace)) ?? null;
}

/** With the world stopped: to-space takes the place of the heap, or nothing has happened. */
function flipTo(c: Collector, plan: CompactionPlan | RefusedError, black: Ref): Flipped | RefusedError {
  const pages = plan instanceof RefusedError ? plan : flipOnce(c, plan, black);
  if (plan instanceof RefusedError || pages instanceof RefusedError) {
    const refused = pages as RefusedError;
    giveUp(c.tables, c.maker.thread.livingSpace(), black, refused.errno);
    return refused;
  }
  c.checker?.flipped?.(pages, black);
  const reclaiming = beginReclaiming(pages, c.maker.unit);
  if (!c.maker.mode.concurrent) compactStopped(c, pages, reclaiming);
  return { black, plan, pages, reclaiming };
}

/** The same pause: pages are made, and what is left above them is given back. Made half way, the heap would be lost. */
function compactStopped(c: Collector, pages: FlipPages, reclaiming: Reclaiming): void {
  const { maker, debt, checker } = c;
  try {
    compactByAll(c, reclaiming);
    checker?.compacted?.(pages);
    phase(c, 'release', () => {
      const left = { used: pages.used, owed: debt.above };
      debt.above = hurried(maker.patience, () =>
        reclaimAbove(maker, reclaiming, left, checker?.beforeRelease),
      );
    });
  } catch (error) {
    throw asLost(error);
  }
}

/** With little patience: nobody runs meanwhile. */
function flipOnce(c: Collector, plan: CompactionPlan, black: Ref): FlipPages | RefusedError {
  const { maker } = c;
  c.checker?.beforeFlip?.();
  return phase(c, 'flip', () => unlessUndone(() => hurried(maker.patience, () => flip(maker, plan, black))));
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
  maker.patience.relieve = () => {}; // until the flip there is no from-space
  const reason = loadAcquire(tables.control, CONTROL.reason);
  reachStage(tables.control, 'started', number);
  const isLast = isLastResort(tables.control, number);
  maker.events.emit(EVENT.cycleBegin, isLast ? REASON.lastResort : reason, number);
  return { number, isLast };
}

/**
 * Ends marking; answers the first granule of what will be allocated from now on ("black": live, and not marked). Null if
 * more than `most` cards are dirty, or more objects are to be scanned: then it has not ended.
 */
function remark(c: Collector, precleaned: number, most?: number): Ref | null {
  const { maker, tables, cycle, marking, checker } = c;
  checker?.beforeRemark?.();
  if (!marking.finish(most)) return null;
  if (hasHandles(tables)) phase(c, 'references', () => noteReferences(c, processReferences(tables, marking)));
  checker?.marked?.();
  const number = loadAcquire(cycle, CYCLE.number);
  maker.events.emit(EVENT.marked, marking.objects(), number);
  maker.events.emit(EVENT.cards, precleaned, number, marking.taken());
  return topPage(tables) << LOG_PAGE_GRANULES;
}

function setLive({ maker, tables, cycle }: Collector, black: number): void {
  const space = markingSpace(maker);
  const granules = setLiveBits(space, tables, black >>> LOG_CHUNK_GRANULES, maker.compiled?.liveness);
  const [pinned, large, raw] = keepNonMoving(space, tables);
  storeRelease(tables.control, CONTROL.liveGranules, granules);
  storeRelease(tables.control, CONTROL.nonMovingLive, pinned);
  const number = loadAcquire(cycle, CYCLE.number);
  maker.events.emit(EVENT.live, granules + pinned + large + raw, number, pinned);
  maker.events.emit(EVENT.liveLarge, large, number, raw);
}

function verifyStopped({ maker, tables }: Collector, when: string): void {
  stopTheWorld(tables.control);
  verifyHeap(maker.thread.livingSpace(), tables, when);
  resumeTheWorld(tables.control);
}

function end({ maker, tables, trigger }: Collector, number: number, before: number, pages: FlipPages): void {
  maker.events.emit(EVENT.cycleEnd, untouchedIn(tables, 0, pages.used, maker.unit), number);
  const usedPages = topPage(tables);
  const allocatedPages = pages.old - before + usedPages - pages.used;
  setNonMovingTriggers(tables);
  setTrigger(tables, trigger, { livePages: pages.used, usedPages, allocatedPages });
  reachStage(tables.control, 'finished', number);
}
