/** The headline: each metric of COPY over the same of CONTINUE; and of one size of pages over another. */
import { type Compared, runsIn } from '../columns.ts';
import type { Cycle, Ratio, Run } from '../results.ts';
import { ratioOfMedians } from './bootstrap.ts';
import { maxOf } from './summary.ts';

/** The values that one invocation gives for a metric. */
type Extract = (run: Run) => readonly (number | null)[];

/** Longest pause of a collection, of the given name or of any; null if it had none. */
export function longestPauseMs(cycle: Cycle, name?: string): number | null {
  return maxOf(
    cycle.pauses.filter((pause) => name === undefined || pause.name === name).map((pause) => pause.ms),
  );
}

/** Operations a second of all mutators together. */
export function operationsPerSecond(run: Run): number | null {
  const timed = run.mutators.filter((mutator) => mutator.seconds > 0);
  if (timed.length === 0) return null;
  return timed.reduce((sum, mutator) => sum + mutator.operations / mutator.seconds, 0);
}

export const METRICS: Readonly<Record<string, Extract>> = {
  totalMs: (run) => run.cycles.map((cycle) => cycle.totalMs),
  pauseMaxMs: (run) => run.cycles.map((cycle) => longestPauseMs(cycle)),
  nonMovingMs: (run) => run.cycles.map((cycle) => cycle.phasesMs.update ?? null),
  compactionPauseMs: (run) => run.cycles.map((cycle) => longestPauseMs(cycle, 'compaction')),
  stallP50Us: (run) => run.mutators.map((mutator) => mutator.stallsUs.p50),
  stallP99Us: (run) => run.mutators.map((mutator) => mutator.stallsUs.p99),
  peakBytes: (run) => [run.memory.peakBytes],
  operationsPerSecond: (run) => [operationsPerSecond(run)],
};

/** Ratio of every metric, or nothing unless both modes were run. */
export function copyOverContinue(runs: readonly Run[], seed: number): Record<string, Ratio> {
  const of = (mode: string) => runs.filter((run) => run.mode === mode);
  return ratiosOf(METRICS, of('copy'), of('continue'), seed);
}

/** What larger pages are about, beside all else: userfaults, and calls that publish. */
const PAGE_METRICS: typeof METRICS = {
  ...METRICS,
  stallMaxUs: (run) => run.mutators.map((mutator) => mutator.longestStallsUs.p50),
  userfaults: (run) => run.cycles.map(({ faults }) => faults.missing + faults.minor),
};

/** Ratios of each mode's metrics, on pages of the second size over the first; nothing unless there are two. */
export function pageOverPage(
  runs: readonly Run[],
  { modes, pages: [first, second] }: Compared,
  seed: number,
): Record<string, Record<string, Ratio>> {
  if (first === undefined || second === undefined) return {};
  const ratios = (mode: string) =>
    ratiosOf(PAGE_METRICS, runsIn(runs, { mode, page: second }), runsIn(runs, { mode, page: first }), seed);
  return Object.fromEntries(modes.map((mode) => [mode, ratios(mode)]));
}

/** Nothing unless there are runs of both. */
function ratiosOf(
  metrics: typeof METRICS,
  over: readonly Run[],
  under: readonly Run[],
  seed: number,
): Record<string, Ratio> {
  if (over.length === 0 || under.length === 0) return {};
  const samples = (of: readonly Run[], extract: Extract) =>
    of.map((run) => extract(run).filter((value) => value !== null));
  return Object.fromEntries(
    Object.entries(metrics).map(([name, extract]) => [
      name,
      ratioOfMedians(samples(over, extract), samples(under, extract), seed),
    ]),
  );
}
