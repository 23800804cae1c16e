/** The collector thread's own things, and how it runs a phase and a pause: each tells of its beginning and its end. */
import type { HeapTables } from '../heap/layout.ts';
import { resumeTheWorld, stopTheWorld } from '../heap/safepoint.ts';
import { loadAcquire, type SharedWords, sleepWhile } from '../uffd/sync.ts';
import { CYCLE, type PageRange } from './cycle.ts';
import { EVENT } from './events.ts';
import type { Checker } from './invariants/checker.ts';
import type { Maker } from './maker.ts';
import type { Marking } from './phases/mark.ts';
import type { TriggerPolicy } from './trigger.ts';

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
  /**
   * What the kernel has not let go of yet: old pages, which must be gone by the next flip; and, of a heap that is its own
   * from-space, up to which page there may be memory above its top (0: none).
   */
  readonly debt: { old: PageRange; above: number };
  /** What part of a dense prefix must be live at the least; null: there is none. */
  readonly density: number | null;
  readonly rehearseFlip: () => void;
  /** Processor time of this thread, in µs. */
  readonly cpuUs: () => number;
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

/** Runs a phase. */
export function phase<T>({ maker, cycle, cpuUs }: Collector, name: (typeof PHASES)[number], run: () => T): T {
  const [index, number] = [PHASES.indexOf(name), loadAcquire(cycle, CYCLE.number)];
  maker.events.emit(EVENT.phaseBegin, index, number, cpuUs());
  const result = run();
  maker.events.emit(EVENT.phaseEnd, index, number, cpuUs());
  return result;
}

const GIVE_WAY_MS = 0.05;

/**
 * The mutators that were woken get the processors. Where there are no more processors than threads, one of them would
 * wait behind this thread, which goes on at once, for as long as the scheduler lets a thread run: 4 ms.
 */
function giveWay(cycle: SharedWords): void {
  sleepWhile(cycle, CYCLE.ending, 0, GIVE_WAY_MS);
}

/** Runs with no mutator running. If it throws, none runs again: a heap half done would be blamed on a mutator. */
export function pause<T>(
  { maker, tables, cycle }: Collector,
  name: (typeof PAUSES)[number],
  run: () => T,
): T {
  const [index, number] = [PAUSES.indexOf(name), loadAcquire(cycle, CYCLE.number)];
  maker.events.emit(EVENT.stopRequested, index, number);
  stopTheWorld(tables.control);
  maker.events.emit(EVENT.stopped, index, number);
  const result = run();
  // Before it: whom it wakes may get this thread's processor at once, and runs long before we would look at the clock.
  // What waking takes is in the mutators' waits (MutatorOutcome).
  maker.events.emit(EVENT.resumed, index, number);
  resumeTheWorld(tables.control);
  giveWay(cycle);
  return result;
}
