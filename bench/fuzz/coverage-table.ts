/** A coverage as tables that a person reads, and as data. */
import Table from 'cli-table3';
import { NO_BOX } from '../no-box.ts';
import { AREAS, type Coverage, gapsOf } from './coverage.ts';
import type { Cell } from './rules.ts';

/** Of cells that were not hit, so many are told. */
const MOST_TOLD = 20;

/** A table for each area, the other calls by their answers, and what was missed. */
export function renderCoverage(coverage: Coverage): string {
  const { missed, wrong } = gapsOf(coverage);
  const { size } = coverage.cells;
  return [
    'Cells that were hit, of those that the kernel can reach:',
    ...AREAS.flatMap(({ name }) => ['', renderArea(name, coverage)]),
    '',
    renderCalls(coverage),
    '',
    `${size - missed.length} of ${size} cells were hit${missed.length === 0 ? '' : '; not these:'}`,
    ...missed.slice(0, MOST_TOLD).map((key) => `  ${key}`),
    ...(missed.length > MOST_TOLD ? [`  and ${missed.length - MOST_TOLD} more; see --json`] : []),
    ...(wrong.length === 0 ? [] : ['Hit, though a rule says that the kernel cannot answer it:']),
    ...wrong.map((key) => `  ${key}`),
  ].join('\n');
}

/** A row for each call and the part of the place after it, a column for each answer; the other parts are summed up. */
function renderArea(name: string, { cells: all, hits }: Coverage): string {
  const [, second] = partsOf(name) as [string, string];
  const cells = [...all].filter(([, { area }]) => area === name);
  const answers = [...new Set(cells.map(([, { answer }]) => answer))];
  const table = plainTable(2, answers.length);
  table.push([name, second, ...answers]);
  for (const [row, inRow] of groupBy(cells, ([, { place }]) => `${place.call}\n${place[second]}`)) {
    const counts = answers.map((answer) => {
      const of = inRow.filter(([, cell]) => cell.answer === answer);
      return of.length === 0 ? '' : `${of.filter(([key]) => hits.has(key)).length}/${of.length}`;
    });
    table.push([...row.split('\n'), ...counts]);
  }
  return withoutTrailingSpaces(table.toString());
}

function partsOf(name: string): readonly string[] {
  return AREAS.find((area) => area.name === name)?.parts ?? [];
}

function renderCalls({ calls }: Coverage): string {
  const answers = [...new Set([...calls.values()].flatMap((each) => [...each.keys()]))].sort();
  const table = plainTable(1, answers.length);
  table.push(['other calls', ...answers]);
  for (const [call, counts] of [...calls].sort())
    table.push([call, ...answers.map((answer) => String(counts.get(answer) ?? ''))]);
  return withoutTrailingSpaces(table.toString());
}

function groupBy<T>(all: readonly T[], keyOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(keyOf(one));
    if (group === undefined) groups.set(keyOf(one), [one]);
    else group.push(one);
  }
  return groups;
}

function plainTable(labels: number, figures: number): Table.Table {
  const aligned = <const Side extends string>(count: number, side: Side) =>
    Array.from({ length: count }, () => side);
  return new Table({
    chars: NO_BOX,
    colAligns: [...aligned(labels, 'left'), ...aligned(figures, 'right')],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
}

function withoutTrailingSpaces(text: string): string {
  return text.replaceAll(/ +$/gm, '');
}

/** The same as data: every cell that can be reached with its hits and why it can be; then those that cannot. */
export function coverageData(coverage: Coverage) {
  const { missed, wrong } = gapsOf(coverage);
  const hitsOf = (key: string): number => coverage.hits.get(key) ?? 0;
  const calls = [...coverage.calls].map(([call, answers]) => [call, Object.fromEntries(answers)]);
  return {
    reachable: coverage.cells.size,
    hit: coverage.cells.size - missed.length,
    cells: [...coverage.cells].map(([key, cell]) => ({ ...flat(cell), hits: hitsOf(key) })),
    unreachable: wrong.map((key) => ({ cell: key, hits: hitsOf(key) })),
    calls: Object.fromEntries(calls) as Record<string, Record<string, number>>,
  };
}

function flat({ area, place, answer, because }: Cell) {
  return { area, ...place, answer, because };
}
