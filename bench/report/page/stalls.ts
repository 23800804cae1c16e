/** How long mutators slept in faults, and how long requests took: what part of them lasted at least so long. */
import * as Plot from '@observablehq/plot';
import { type Histogram, merged } from '../../metrics/histogram.ts';
import type { Results, Run } from '../../results.ts';
import { colourScale, type Figure, logScale, shownOf } from './plot.ts';

export function plotStalls(results: Results): Figure {
  const stalls = (run: Run) => run.mutators.map(({ stallHistogram }) => stallHistogram);
  return plotLonger(results, stalls, 'stall') ?? 'No mutator slept in a fault.';
}

export function plotRequests(results: Results): Figure {
  const requests = (run: Run) => run.mutators.flatMap((mutator) => mutator.requests?.histogram ?? []);
  const each = (run: Run) => (requests(run).length === 0 ? [] : [requests(run)]);
  return plotLonger(results, each, 'request') ?? 'The operations of this workload are no requests.';
}

/** Null of nothing. */
function plotLonger(
  results: Results,
  histogramsOf: (run: Run) => readonly Histogram[],
  what: string,
): Figure | null {
  const shown = shownOf(results);
  const points = shown.flatMap(({ name, runs }) => {
    const buckets = merged(runs.flatMap(histogramsOf));
    const total = buckets.reduce((sum, [, count]) => sum + count, 0);
    let passed = 0;
    return buckets.map(([us, count]) => {
      const longer = (total - passed) / total;
      passed += count;
      return { mode: name, us, longer };
    });
  });
  if (points.length === 0) return null;
  return {
    x: logScale(`${what}, µs →`),
    y: {
      type: 'log',
      label: `↑ part of the ${what}s that were at least so long`,
      grid: true,
      tickFormat: '%',
    },
    color: colourScale(shown.map(({ name }) => name)),
    marks: [
      Plot.line(points, {
        ...{ x: (d) => Math.max(d.us, 0.1), y: 'longer', stroke: 'mode', z: 'mode' },
        ...{ curve: 'step-after', strokeWidth: 1.75 },
      }),
    ],
  };
}
