/** Costs as tables that a person reads: a column per batch, a row per operation; then whole pages; then round trips. */
import { styleText } from 'node:util';
import Table from 'cli-table3';
import { formatNumber } from '../figures.ts';
import { NO_BOX } from '../no-box.ts';
import type { CostRow, Costs, KernelName, RoundTrip, WholePage } from './schema.ts';

/** How a piece of text looks; without colours it stays as it is. */
type Paint = (style: 'bold' | 'dim', text: string) => string;

export function renderCosts(costs: Costs, colour: boolean): string {
  const paint: Paint = colour
    ? (style, text) => styleText(style, text, { validateStream: false })
    : (_, text) => text;
  return [
    `Medians of ${costs.config.rounds} rounds over ${costs.config.pages} pages of 4 KiB, seed ${costs.config.seed}; ± is half the 95 % interval`,
    ...costs.config.kernels.flatMap((kernel) => renderKernel(costs, kernel, paint)),
    ...costs.missing,
  ].join('\n');
}

function renderKernel({ config, rows, wholePages, roundTrips }: Costs, kernel: KernelName, paint: Paint) {
  const of = <R extends { readonly kernel: KernelName }>(all: readonly R[]) =>
    all.filter((row) => row.kernel === kernel);
  const title = kernel === 'sim' ? 'simulated kernel: times are of the simulation' : 'linux kernel';
  const heading = (what: string) => ['', paint('bold', `${what}, ${title}`)];
  const trips = of(roundTrips);
  return [
    ...heading('ns per page, by pages a call'),
    renderRows(of(rows), config.batches, paint),
    ...heading('A whole page, ns, by its terms'),
    renderWholePages(of(wholePages), config.batches, paint),
    ...(trips.length > 0 ? [...heading('Round trip of one fault, µs'), renderRoundTrips(trips, paint)] : []),
  ];
}

/** A row for each operation; the ratios are those of the largest batch. */
function renderRows(rows: readonly CostRow[], batches: readonly number[], paint: Paint): string {
  const largest = batches.at(-1) as number;
  const table = plainTable(3, batches.length + 2);
  const head = ['operation', 'memory', 'page', ...batches.map(String)];
  table.push(
    [...head, `÷ memcpy, at ${largest}`, `÷ COPY, at ${largest}`].map((text) => paint('bold', text)),
  );
  for (const first of rows.filter(({ batch }) => batch === batches[0])) {
    const same = rows.filter((row) => nameOf(row) === nameOf(first));
    const last = same.at(-1) as CostRow;
    table.push([
      first.variant === null ? first.operation : `${first.operation}, ${first.variant}`,
      first.memory ?? '',
      first.destination ?? '',
      ...same.map(({ nsPerPage }) => renderEstimate(nsPerPage, paint)),
      ratio(last.overMemcpy),
      ratio(last.overCopy),
    ]);
  }
  return lines(table);
}

function nameOf({ operation, memory, destination, variant }: CostRow): string {
  return [operation, memory, destination, variant].join();
}

function renderEstimate({ median, low95, high95 }: CostRow['nsPerPage'], paint: Paint): string {
  return `${formatNumber(median)} ${paint('dim', `±${formatNumber((high95 - low95) / 2)}`)}`;
}

/** The smallest batch, one in the middle and the largest: the terms at each. */
function renderWholePages(pages: readonly WholePage[], batches: readonly number[], paint: Paint): string {
  const shown = new Set([batches[0], batches[batches.length >> 1], batches.at(-1)]);
  const table = plainTable(3, 8);
  const head = ['published by', 'memory', 'page', 'batch', 'populate', 'fill', 'publish', 'free', 'sum'];
  table.push([...head, 'as one', '÷ COPY'].map((text) => paint('bold', text)));
  for (const page of pages.filter(({ batch }) => shown.has(batch))) {
    const { populate, fill, publish, free } = page.terms;
    table.push([
      page.variant === null ? page.operation : `${page.operation}, ${page.variant}`,
      page.memory ?? '',
      page.destination ?? '',
      String(page.batch),
      ...[populate, fill, publish, free, page.sum].map((ns) => (ns === null ? '–' : formatNumber(ns))),
      renderEstimate(page.nsPerPage, paint),
      ratio(page.overCopy),
    ]);
  }
  return lines(table);
}

function renderRoundTrips(trips: readonly RoundTrip[], paint: Paint): string {
  const table = plainTable(3, 4);
  table.push(
    ['answered by', 'fault thread', 'waits by', 'p50', 'p90', 'p99', 'max'].map((text) =>
      paint('bold', text),
    ),
  );
  for (const { operation, placement, wait, p50Us, p90Us, p99Us, maxUs } of trips) {
    table.push([operation, placement, wait, ...[p50Us, p90Us, p99Us, maxUs].map(formatNumber)]);
  }
  return lines(table);
}

function ratio(value: number | null): string {
  return value === null ? '–' : formatNumber(value);
}

function plainTable(labels: number, figures: number): Table.Table {
  const align = (count: number, side: 'left' | 'right') => Array.from({ length: count }, () => side);
  return new Table({
    chars: NO_BOX,
    colAligns: [...align(labels, 'left'), ...align(figures, 'right')],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
}

function lines(table: Table.Table): string {
  return table.toString().replaceAll(/ +$/gm, '');
}
