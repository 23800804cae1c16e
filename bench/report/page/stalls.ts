/** How long mutators slept in faults: what part of the stalls was at most so long. */
import * as Plot from '@observablehq/plot';
import { merged } from '../../metrics/histogram.ts';
import type { Results } from '../../results.ts';
import { colourScale, type Figure, logScale, shownOf } from './plot.ts';

export function plotStalls(results: Results): Figure {
  const shown = shownOf(results);
  const points = shown.flatMap(({ name, runs }) => {
    const buckets = merged(
      runs.flatMap(({ mutators }) => mutators.map(({ stallHistogram }) => stallHistogram)),
    );
    const total = buckets.reduce((sum, [, count]) => sum + count, 0);
    let passed = 0;
    return buckets.map(([us, count]) => {
      const longer = (total - passed) / total;
      passed += count;
      return { mode: name, us, longer };
    });
  });
  if (points.length === 0) return 'No mutator slept in a fault.';
  return {
    x: logScale('stall, µs →'),
    y: { type: 'log', label: '↑ part of the stalls that were at least so long', grid: true, tickFormat: '%' },
    color: colourScale(shown.map(({ name }) => name)),
    marks: [
      Plot.line(points, {
        ...{ x: (d) => Math.max(d.us, 0.1), y: 'longer', stroke: 'mode' },
        ...{ curve: 'step-after', strokeWidth: 1.75 },
      }),
    ],
  };
}
