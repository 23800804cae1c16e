/** The utilization that a report shows: of each run the mutator that fared worst, and the median over the runs. */
import type { Run } from '../results.ts';
import type { Utilization } from './mmu.ts';
import { medianOf } from './summary.ts';

/** A point for each window that every run was long enough for. */
export function worstUtilization(runs: readonly Run[]): readonly Utilization[] {
  const curves = runs.map(({ mutators }) => mutators.map(({ mmu }) => mmu ?? []));
  const windows = new Set(curves.flat(2).map(({ windowMs }) => windowMs));
  return [...windows]
    .sort((a, b) => a - b)
    .flatMap((windowMs) => {
      const worst = curves.map((mutators) => worstAt(mutators.flat(), windowMs));
      const [utilization, bounded] = [medianAt(worst, 'utilization'), medianAt(worst, 'bounded')];
      return utilization === null || bounded === null ? [] : [{ windowMs, utilization, bounded }];
    });
}

type Figures = Pick<Utilization, 'utilization' | 'bounded'>;

function worstAt(points: readonly Utilization[], windowMs: number): Figures | null {
  const at = points.filter((point) => point.windowMs === windowMs);
  if (at.length === 0) return null;
  return {
    utilization: Math.min(...at.map(({ utilization }) => utilization)),
    bounded: Math.min(...at.map(({ bounded }) => bounded)),
  };
}

/** Null where a run lacks the window. */
function medianAt(figures: readonly (Figures | null)[], name: keyof Figures): number | null {
  const there = figures.filter((figure) => figure !== null);
  return there.length < figures.length ? null : medianOf(there.map((figure) => figure[name]));
}
