/** Every pause of every collection, and the median of each mode. */
import * as Plot from '@observablehq/plot';
import type { Results } from '../../results.ts';
import { colourScale, type Figure, logScale, shownOf } from './plot.ts';

export function plotPauses(results: Results): Figure {
  const shown = shownOf(results);
  const pauses = shown.flatMap(({ name, runs }) =>
    runs.flatMap(({ cycles }) =>
      cycles.flatMap((cycle) =>
        cycle.pauses.map((pause) => ({ mode: name, pause: pause.name, ms: pause.ms })),
      ),
    ),
  );
  if (pauses.length === 0) return 'There was no pause.';
  const names = shown.map(({ name }) => name);
  return {
    x: logScale('pause, ms →'),
    marginRight: 90,
    y: { label: null, domain: names },
    fy: { label: null },
    color: { ...colourScale(names), legend: false },
    marks: [
      Plot.dot(pauses, {
        ...{ x: (d) => Math.max(d.ms, 0.001), y: 'mode', fy: 'pause', stroke: 'mode' },
        ...{ r: 3, strokeOpacity: 0.6 },
      }),
      Plot.tickX(
        pauses,
        Plot.groupY(
          { x: 'median' },
          { x: 'ms', y: 'mode', fy: 'pause', stroke: 'currentColor', strokeWidth: 2 },
        ),
      ),
    ],
  };
}
