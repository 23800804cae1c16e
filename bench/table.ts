/** Results as a table that a person reads: a column per mode, a row per figure, the ratio to COPY beside it. */

import { styleText } from 'node:util';
import Table from 'cli-table3';
import { describeFallback } from '../gc/fallback.ts';
import { formatBytes } from '../heap/errors.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import { type Column, columnsOf, nameOf, referenceOf, runsIn } from './columns.ts';
import { formatNumber, type Row, rowsOf } from './figures.ts';
import { isDifference } from './metrics/bootstrap.ts';
import { operationsPerSecond } from './metrics/copy-over-continue.ts';
import { medianOf } from './metrics/summary.ts';
import { NO_BOX } from './no-box.ts';
import { noiseOf } from './noise.ts';
import type { Ratio, Results, ResultsConfig, Run } from './results.ts';

/** How a piece of text looks; without colours it stays as it is. */
type Paint = (style: 'bold' | 'dim', text: string) => string;

/** The whole report on standard output: what was run, the table, and COPY over CONTINUE. */
export function renderResults(results: Results, colour: boolean): string {
  const paint: Paint = colour
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_, text) => text;
  const { config, runs, summary } = results;
  const noise = noiseOf(results);
  return [
    ...headline(config, runs).map((line, i) => (i === 0 ? paint('bold', line) : line)),
    '',
    renderTable(config, runs, paint),
    ...renderControl(results),
    ...lostEvents(runs),
    ...renderRatios(`COPY over CONTINUE${onPages(config)}`, summary.copyOverContinue),
    ...config.modes.flatMap((mode) =>
      renderRatios(
        `${mode}, ${sizes(config.pages.toReversed(), ' over ')}`,
        summary.pageOverPage[mode] ?? {},
      ),
    ),
    ...(noise === null ? [] : ['', noise]),
  ].join('\n');
}

/** What mutators do without any collection, and how much of that with them; nothing unless there was a run to compare with. */
export function renderControl({ control, config, runs }: Results): string[] {
  if (control === undefined) return [];
  const rateOf = (of: readonly Run[]) =>
    medianOf(of.map(operationsPerSecond).filter((rate) => rate !== null));
  const without = rateOf(control.runs);
  const why =
    control.why === null
      ? []
      : [`No ${without === null ? '' : 'further '}run without a collection: ${control.why}`];
  if (without === null) return ['', ...why];
  const parts = columnsOf(config).map((column) => {
    const rate = rateOf(runsIn(runs, column));
    return `${nameOf(column, config)} ${rate === null ? '–' : formatNumber(rate / without)}`;
  });
  return [
    '',
    `Without a collection (heap ${formatBytes(control.heapBytes)}): ${formatNumber(without)} operations/s; of that, ${parts.join(', ')}`,
    ...why,
  ];
}

/** Said wherever it happened: figures from events that are gone cannot be right. */
export function lostEvents(runs: readonly Run[]): string[] {
  const lost = runs.reduce((sum, run) => sum + run.lostEvents, 0);
  return lost === 0
    ? []
    : ['', `${lost} events were lost: a ring overflowed, and counts and stalls are too low`];
}

/** What was run, line by line. */
export function headline(config: ResultsConfig, runs: readonly Run[]): string[] {
  const parameters = Object.entries(config.parameters)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${value}`);
  const kernel =
    config.kernel === 'sim'
      ? `simulated kernel${asSaid(config)}: times are of the simulation`
      : 'linux kernel';
  const counts = [
    plural(config.mutators, 'mutator'),
    plural(config.gcThreads, 'collector thread'),
    plural(config.faultThreads, 'fault thread'),
    `batch ${config.batch}`,
    `seed ${config.seed}`,
    `loops in ${loopsOf(runs)}`,
    ...(config.verify === false ? [] : ['heap verified after every collection']),
    ...(config.verify === 'phases'
      ? ["invariants asserted between phases: pauses are not the collector's"]
      : []),
  ];
  const reference = referenceShown(config);
  return [
    `${config.workload}${parameters.length > 0 ? ` (${parameters.join(', ')})` : ''}, ${kernel}`,
    `heap ${formatBytes(config.heap)}${inPages(config)}, ${formatBytes(config.liveBytes)} live, ${counts.join(', ')}`,
    ...config.fellBack.map(describeFallback),
    `Medians over ${plural(config.invocations, 'invocation')} of ${plural(config.cycles, config.collect === 'room' ? 'round' : 'collection')}` +
      (reference === null ? '' : `; in parentheses the ratio to ${reference}`),
  ];
}

/** What figures are shown as ratios to, if they are. */
function referenceShown(config: ResultsConfig): string | null {
  if (config.pages.length > 1) return `pages of ${formatBytes(config.page)}`;
  return config.modes.includes('copy') && config.modes.length > 1 ? 'COPY' : null;
}

/** The sizes of pages, where they are not just the usual one. */
function inPages({ pages }: ResultsConfig): string {
  const isUsual = pages.length === 1 && pages[0] === PAGE_BYTES;
  return isUsual ? '' : ` in pages of ${sizes(pages, ' and ')} (counted by ${formatBytes(PAGE_BYTES)})`;
}

function onPages({ pages, page }: ResultsConfig): string {
  return pages.length === 1 ? '' : ` on pages of ${formatBytes(page)}`;
}

const sizes = (pages: readonly number[], between: string) => pages.map(formatBytes).join(between);

/** Which simulated kernel, if that was said. */
function asSaid({ linux, bits, arch }: ResultsConfig): string {
  const said = [linux && `Linux ${linux}`, arch, bits && `${bits} bits`].filter(Boolean);
  return said.length === 0 ? '' : ` (${said.join(', ')})`;
}

const LOOPS = { wasm: 'WebAssembly', marking: 'WebAssembly for marking alone', js: 'JavaScript' } as const;

/** How the collector's inner loops ran: of some modes they may be out of reach. */
function loopsOf(runs: readonly Run[]): string {
  const ways = (['wasm', 'marking', 'js'] as const).filter((way) => runs.some(({ loops }) => loops === way));
  if (ways.length <= 1) return LOOPS[ways[0] ?? 'js'];
  const modesOf = (way: Run['loops']) =>
    new Set(runs.filter(({ loops }) => loops === way).map(({ mode }) => mode));
  return ways.map((way) => `${LOOPS[way]} (${[...modesOf(way)].join(', ')})`).join(' and ');
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function renderTable(config: ResultsConfig, runs: readonly Run[], paint: Paint): string {
  const columns = columnsOf(config);
  const table = plainTable(columns.length);
  const label = config.kernel === 'sim' ? ' (simulated)' : '';
  table.push(['', ...columns.map((column) => paint('bold', `${nameOf(column, config)}${label}`))]);
  for (const row of rowsOf(runs)) {
    table.push([row.label, ...columns.map((column) => renderCell(row, column, { config, runs, paint }))]);
  }
  return withoutTrailingSpaces(table.toString());
}

interface Shown {
  readonly config: ResultsConfig;
  readonly runs: readonly Run[];
  readonly paint: Paint;
}

function renderCell(row: Row, column: Column, { config, runs, paint }: Shown): string {
  const valueIn = (of: Column) => row.value(runsIn(runs, of));
  const value = valueIn(column);
  const shown = value === null ? '–' : row.format(value);
  const reference = referenceOf(column, config);
  if (reference === null) return shown;
  const base = valueIn(reference);
  const ratio = value === null || base === null || base === 0 ? '–' : formatNumber(value / base);
  return `${shown} ${paint('dim', `(${ratio})`)}`;
}

/** A headed table; nothing of no ratios. */
function renderRatios(title: string, byMetric: Readonly<Record<string, Ratio>>): readonly string[] {
  const ratios = Object.entries(byMetric);
  if (ratios.length === 0) return [];
  const table = plainTable(3);
  for (const [metric, ratio] of ratios) {
    table.push([metric, ...ratioTexts(ratio)]);
  }
  return ['', `${title}, with 95 % intervals (bootstrap):`, withoutTrailingSpaces(table.toString())];
}

/** The ratio, its interval, and whether that tells of a difference; nothing without one. */
export function ratioTexts(of: Ratio): readonly [ratio: string, interval: string, verdict: string] {
  const { ratio, low95, high95 } = of;
  const shown = ratio === null ? '–' : formatNumber(ratio);
  if (low95 === null || high95 === null) return [shown, '–', ''];
  const verdict = isDifference(of) ? 'difference' : 'no difference shown';
  return [shown, `${formatNumber(low95)} to ${formatNumber(high95)}`, verdict];
}

/** A label column, and that many columns of figures to the right of it. */
function plainTable(figures: number): Table.Table {
  return new Table({
    chars: NO_BOX,
    colAligns: ['left', ...Array.from({ length: figures }, () => 'right' as const)],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
}

function withoutTrailingSpaces(text: string): string {
  return text.replaceAll(/ +$/gm, '');
}
