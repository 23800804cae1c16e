/**
 * Lower-bound overhead, after Cai, Blackburn, Bond and Maas ("Distilling the Real Cost of Production Garbage Collectors", ISPASS
 * 2022): what a collector costs cannot be measured against a perfect one, but no perfect one would leave a program to cost more
 * than the least that any collector in any heap leaves it, once what is known to be the collector's is taken off. Costs over that
 * least one are a lower bound of the true overhead.
 *
 *     lbo = cost / min over all modes and heaps of (cost − what of it is the collector's)
 *
 * Two costs: of time, the seconds that the slowest mutator took for the operations, of which the collector's are those that it was
 * stopped, asleep in a fault or out of room; and of processors, their time of the whole run, start and building included, of which the
 * collector's is that of its threads and the fault threads: only where collections begin for want of room, since mutators that wait
 * for the next round spend the time reading. A run without any collection is one of those that are compared.
 */
import type { Ratio, Run } from '../results.ts';
import { medianOfMedians, ratioOfMedians, type Samples } from './bootstrap.ts';

/** Of one run, in ms. */
interface Cost {
  readonly total: number;
  readonly collector: number;
}

/** Null where a run does not tell. */
type CostOf = (run: Run) => Cost | null;

export const COSTS: Readonly<Record<'wall' | 'cpu', CostOf>> = {
  wall({ mutators }) {
    const [slowest] = mutators.toSorted((a, b) => b.seconds - a.seconds);
    // Where requests come at a rate, the time is what that says.
    if (slowest?.stoppedMs === undefined || slowest.requests?.responseUs) return null;
    return { total: 1000 * slowest.seconds, collector: slowest.stoppedMs };
  },
  cpu({ mode, cpuMs }) {
    if (cpuMs?.collectors === undefined || cpuMs.faults === undefined) return null;
    return { total: cpuMs.process, collector: mode === 'none' ? 0 : cpuMs.collectors + cpuMs.faults };
  },
};

/**
 * Of each group of runs (a mode in a heap, all of the same work), its overhead with the interval that its own runs and those of the
 * cheapest group give; null where nothing is told.
 */
export function lowerBoundOverheads(
  groups: readonly (readonly Run[])[],
  costOf: CostOf,
  seed: number,
): readonly (Ratio | null)[] {
  const costs = groups.map((runs) => runs.map(costOf).filter((cost) => cost !== null));
  const own: readonly Samples[] = costs.map((of) => of.map(({ total, collector }) => [total - collector]));
  const least = own
    .map((samples) => ({ samples, median: medianOfMedians(samples) }))
    .filter(({ median }) => median !== null && median > 0)
    .sort((a, b) => (a.median as number) - (b.median as number))[0];
  if (least === undefined) return groups.map(() => null);
  return costs.map((of) =>
    of.length === 0
      ? null
      : ratioOfMedians(
          of.map(({ total }) => [total]),
          least.samples,
          seed,
        ),
  );
}
