/** The headline: each metric of COPY over the same of CONTINUE. */
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
  const copies = runs.filter((run) => run.mode === 'copy');
  const continues = runs.filter((run) => run.mode === 'continue');
  if (copies.length === 0 || continues.length === 0) return {};
  const samples = (of: readonly Run[], extract: Extract) =>
    of.map((run) => extract(run).filter((value) => value !== null));
  return Object.fromEntries(
    Object.entries(METRICS).map(([name, extract]) => [
      name,
      ratioOfMedians(samples(copies, extract), samples(continues, extract), seed),
    ]),
  );
}
