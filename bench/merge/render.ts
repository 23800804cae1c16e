/** Merged results as tables that a person reads: each mode of each cell, and COPY over CONTINUE in each. */
import Table from 'cli-table3';
import { formatBytes } from '../../heap/errors.ts';
import { nameOf } from '../columns.ts';
import { formatNumber } from '../figures.ts';
import { isDifference } from '../metrics/bootstrap.ts';
import { NO_BOX } from '../no-box.ts';
import type { Ratio } from '../results.ts';
import type { Merged, MergedCell, MergedColumn, MergedGroup } from './schema.ts';

/** A figure of one mode in one cell. */
interface Figure {
  readonly head: string;
  readonly of: (column: MergedColumn) => number | null | undefined;
  readonly format?: (value: number) => string;
}

export const FIGURES: readonly Figure[] = [
  { head: 'invocations', of: ({ invocations }) => invocations },
  { head: 'collections', of: ({ collections }) => collections },
  { head: 'total, ms', of: ({ medians }) => medians.totalMs },
  { head: 'longest pause, ms', of: ({ medians }) => medians.pauseMaxMs },
  { head: 'stall p99, µs', of: ({ medians }) => medians.stallP99Us },
  { head: 'operations/s', of: ({ medians }) => medians.operationsPerSecond },
  { head: 'memory peak', of: ({ medians }) => medians.peakBytes, format: formatBytes },
  { head: 'LBO of time', of: ({ lbo }) => lbo.wall?.ratio },
  { head: 'LBO of processors', of: ({ lbo }) => lbo.cpu?.ratio },
];

/** The ratios that are shown of each cell, with the names of people. */
export const RATIOS: readonly (readonly [metric: string, head: string])[] = [
  ['totalMs', 'total'],
  ['pauseMaxMs', 'longest pause'],
  ['stallP99Us', 'stall p99'],
  ['operationsPerSecond', 'operations/s'],
];

export function renderMerged({ groups }: Merged): string {
  return groups.map((group) => renderGroup(group, groups.length > 1)).join('\n\n');
}

function renderGroup(group: MergedGroup, withHost: boolean): string {
  const { host, cells } = group;
  return [
    ...(withHost ? [`${host.cpu}, ${host.cores} processors, ${host.kernel}, Node ${host.node}`] : []),
    ...sweepLines(group),
    ...cells.flatMap(({ name, failures }) => failures.map((failure) => `${name}: failed: ${failure}`)),
    '',
    renderFigures(cells),
    ...renderRatios(cells),
  ].join('\n');
}

/** How much of each sweep is here. */
export function sweepLines({ sweeps }: MergedGroup): string[] {
  return sweeps.map(
    ({ name, found, cells }) =>
      `${name}: ${found} of ${cells} cells${found < cells ? '; the rest has not been measured, or was not named' : ''}`,
  );
}

export function figureText({ of, format = formatNumber }: Figure, column: MergedColumn): string {
  const value = of(column);
  return value === null || value === undefined ? '–' : format(value);
}

function renderFigures(cells: readonly MergedCell[]): string {
  const table = plainTable(FIGURES.length + 1);
  table.push(['', '', ...FIGURES.map(({ head }) => head)]);
  for (const { name, config, columns } of cells)
    for (const [i, column] of columns.entries())
      table.push([
        i === 0 ? name : '',
        nameOf(column, config),
        ...FIGURES.map((figure) => figureText(figure, column)),
      ]);
  return withoutTrailingSpaces(table.toString());
}

/** As `1.25 (1.1 to 1.4) *`: with a star where it is a difference. */
export function ratioText(ratio: Ratio | undefined): string {
  if (ratio === undefined || ratio.ratio === null) return '–';
  const { low95, high95 } = ratio;
  const shown = formatNumber(ratio.ratio);
  if (low95 === null || high95 === null) return shown;
  return `${shown} (${formatNumber(low95)} to ${formatNumber(high95)})${isDifference(ratio) ? ' *' : ''}`;
}

function renderRatios(cells: readonly MergedCell[]): string[] {
  const compared = cells.filter(({ copyOverContinue }) => Object.keys(copyOverContinue).length > 0);
  if (compared.length === 0) return [];
  const table = plainTable(RATIOS.length);
  table.push(['', ...RATIOS.map(([, head]) => head)]);
  for (const { name, copyOverContinue } of compared)
    table.push([name, ...RATIOS.map(([metric]) => ratioText(copyOverContinue[metric]))]);
  return [
    '',
    'COPY over CONTINUE, with 95 % intervals (bootstrap); * a difference: the interval leaves out 1',
    withoutTrailingSpaces(table.toString()),
  ];
}

function plainTable(figures: number): Table.Table {
  return new Table({
    chars: NO_BOX,
    colAligns: ['left', 'left', ...Array.from({ length: figures - 1 }, () => 'right' as const)],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
}

const withoutTrailingSpaces = (text: string) => text.replaceAll(/ +$/gm, '');
