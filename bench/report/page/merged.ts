/** The figures of merged results: ratios cell by cell, and overheads by the size of the heap. */
import * as Plot from '@observablehq/plot';
import { nameOf } from '../../columns.ts';
import type { Merged, MergedGroup } from '../../merge/schema.ts';
import { colourScale, type Figure, logScale, put } from './plot.ts';

const MIB = 1024 ** 2;
/** Height of a cell's line. */
const LINE = 18;
const SHOWN: Readonly<Record<string, string>> = {
  totalMs: 'total',
  pauseMaxMs: 'longest pause',
  stallP99Us: 'stall p99',
  operationsPerSecond: 'operations/s',
};

export function drawMerged({ groups }: Merged): void {
  for (const [i, group] of groups.entries()) {
    put(document.getElementById(`cell-ratios-${i}`) as HTMLElement, plotCellRatios(group));
    put(document.getElementById(`overheads-${i}`) as HTMLElement, plotOverheads(group));
  }
}

function plotCellRatios({ cells }: MergedGroup): Figure {
  const ratios = cells.flatMap(({ name, copyOverContinue }) =>
    Object.entries(SHOWN).flatMap(([metric, shown]) => {
      const { ratio, low95, high95 } = copyOverContinue[metric] ?? { ratio: null, low95: null, high95: null };
      if (ratio === null || ratio <= 0) return [];
      return [{ name, metric: shown, ratio, low: low95 ?? ratio, high: high95 ?? ratio }];
    }),
  );
  if (ratios.length === 0) return 'In no cell were both of COPY and CONTINUE run.';
  const metrics = Object.values(SHOWN).filter((shown) => ratios.some(({ metric }) => metric === shown));
  const isDifferent = ({ low, high }: { low: number; high: number }) => low > 1 || high < 1;
  return {
    marginRight: 110,
    marginLeft: 30 + 7 * Math.max(...ratios.map(({ name }) => name.length)),
    height: 70 + metrics.length * (LINE * cells.length + 24),
    fy: { domain: metrics, label: null },
    x: logScale('COPY over CONTINUE →'),
    y: { label: null, domain: cells.map(({ name }) => name) },
    marks: [
      Plot.frame({ stroke: 'currentColor', strokeOpacity: 0.2 }),
      Plot.ruleX([1]),
      Plot.ruleY(ratios, { x1: 'low', x2: 'high', y: 'name', fy: 'metric', strokeWidth: 2 }),
      Plot.dot(ratios, {
        ...{ x: 'ratio', y: 'name', fy: 'metric', z: null, r: 4, stroke: 'currentColor' },
        fill: (ratio) => (isDifferent(ratio) ? 'currentColor' : 'var(--paper)'),
      }),
    ],
  };
}

function plotOverheads({ cells }: MergedGroup): Figure {
  const points = cells.flatMap(({ work, config, columns }) =>
    columns.flatMap((column) => {
      const { ratio = null, low95 = null, high95 = null } = column.lbo.wall ?? {};
      if (ratio === null) return [];
      const { workload, mutators, kernel } = config;
      const label = `${work + 1}: ${workload}, ${mutators} mutator${mutators === 1 ? '' : 's'}, ${kernel}`;
      return [
        {
          ...{ mode: nameOf(column, config), work: label, heap: config.heap / MIB },
          ...{ ratio, low: low95 ?? ratio, high: high95 ?? ratio },
        },
      ];
    }),
  );
  if (points.length === 0) return 'The results do not tell how long mutators were stopped.';
  const works = [...new Set(points.map(({ work }) => work))];
  return {
    height: 80 + 160 * works.length,
    fy: { domain: works, label: null },
    marginRight: 220,
    x: logScale('heap, MiB →'),
    y: { label: '↑ overhead in time', grid: true },
    color: colourScale([...new Set(points.map(({ mode }) => mode))]),
    marks: [
      Plot.frame({ stroke: 'currentColor', strokeOpacity: 0.2 }),
      Plot.ruleY([1]),
      Plot.ruleX(points, { x: 'heap', y1: 'low', y2: 'high', stroke: 'mode', fy: 'work' }),
      Plot.line(points, {
        x: 'heap',
        y: 'ratio',
        stroke: 'mode',
        z: 'mode',
        fy: 'work',
        marker: 'circle',
        sort: 'heap',
      }),
    ],
  };
}
