/** Minimum mutator utilization by the length of the window: of the mutator that fared worst, the median over invocations. */
import * as Plot from '@observablehq/plot';
import { worstUtilization } from '../../metrics/worst-utilization.ts';
import type { Results } from '../../results.ts';
import { colourScale, type Figure, logScale, shownOf } from './plot.ts';

export function plotUtilization(results: Results): Figure {
  const shown = shownOf(results);
  const points = shown.flatMap(({ name, runs }) =>
    worstUtilization(runs).map((point) => ({ mode: name, ...point })),
  );
  if (points.length === 0) return 'No run was as long as the shortest window.';
  return {
    x: logScale('window, ms →'),
    y: { domain: [0, 1], label: '↑ utilization', grid: true, tickFormat: '%' },
    color: colourScale(shown.map(({ name }) => name)),
    marks: [
      Plot.ruleY([0]),
      Plot.line(points, {
        x: 'windowMs',
        y: 'utilization',
        stroke: 'mode',
        z: 'mode',
        strokeWidth: 1.75,
        marker: 'circle',
      }),
      Plot.line(points, { x: 'windowMs', y: 'bounded', stroke: 'mode', z: 'mode', strokeDasharray: '3 3' }),
    ],
  };
}
