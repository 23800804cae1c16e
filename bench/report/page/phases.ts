/** Where the time of a collection goes: the median of each phase, in the order in which they come. */
import * as Plot from '@observablehq/plot';
import { PHASES } from '../../../gc/phase.ts';
import { medianOf } from '../../metrics/summary.ts';
import type { Results } from '../../results.ts';
import { type Figure, shownOf } from './plot.ts';

export function plotPhases(results: Results): Figure {
  const shown = shownOf(results);
  const parts = shown.flatMap(({ name, runs }) => {
    const cycles = runs.flatMap((run) => run.cycles);
    return PHASES.map((phase) => ({
      ...{ mode: name, phase },
      ms: medianOf(cycles.map(({ phasesMs }) => phasesMs[phase] ?? 0)) ?? 0,
    }));
  });
  const seen = PHASES.filter((phase) => parts.some((part) => part.phase === phase && part.ms > 0));
  return {
    x: { label: 'median, ms →', grid: true },
    y: { label: null, domain: shown.map(({ name }) => name) },
    color: { domain: seen, scheme: 'tableau10', legend: true },
    marks: [
      Plot.barX(parts, {
        x: 'ms',
        y: 'mode',
        fill: 'phase',
        order: seen,
        title: (d) => `${d.phase}: ${d.ms} ms`,
      }),
      Plot.ruleX([0]),
    ],
  };
}
