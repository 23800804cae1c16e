/** COPY over CONTINUE, metric by metric: the ratio of medians and its interval, on a scale on which twice and half are as far from 1. */
import * as Plot from '@observablehq/plot';
import type { Results } from '../../results.ts';
import { type Figure, logScale } from './plot.ts';

export function plotRatios({ summary }: Results): Figure {
  const ratios = Object.entries(summary.copyOverContinue).flatMap(([metric, { ratio, low95, high95 }]) =>
    ratio === null || ratio <= 0 ? [] : [{ metric, ratio, low: low95 ?? ratio, high: high95 ?? ratio }],
  );
  if (ratios.length === 0) return 'Not both of COPY and CONTINUE were run.';
  const isDifferent = ({ low, high }: { low: number; high: number }) => low > 1 || high < 1;
  return {
    x: logScale('COPY over CONTINUE →'),
    y: { label: null, domain: ratios.map(({ metric }) => metric) },
    marks: [
      Plot.ruleX([1]),
      Plot.ruleY(ratios, { x1: 'low', x2: 'high', y: 'metric', strokeWidth: 2 }),
      Plot.dot(ratios, {
        ...{ x: 'ratio', y: 'metric', z: null, r: 4.5, stroke: 'currentColor' },
        fill: (ratio) => (isDifferent(ratio) ? 'currentColor' : 'var(--paper)'),
      }),
    ],
  };
}
