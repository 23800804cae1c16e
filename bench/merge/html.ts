/** The report of merged results: what each cell says of COPY and CONTINUE, and what each mode costs in heaps of each size. */
import { nameOf } from '../columns.ts';
import { asHtml, definitions, figure, renderPage, table } from '../report/parts.ts';
import { FIGURES, figureText, RATIOS, ratioText, sweepLines } from './render.ts';
import type { Merged, MergedGroup } from './schema.ts';

/** The whole file. */
export function renderMergedReport(merged: Merged): string {
  const names = new Set(merged.groups.flatMap(({ sweeps }) => sweeps.map(({ name }) => name)));
  const cells = merged.groups.reduce((sum, group) => sum + group.cells.length, 0);
  const what = names.size > 0 ? [...names].join(', ') : 'merged results';
  const body = `<h1>${asHtml(what)}</h1>
<p>${cells} cells, each measured by itself on one host; modes are compared within a cell.</p>
${merged.groups.map((group, i) => renderGroup(group, i, merged.groups.length > 1)).join('\n')}`;
  const version = merged.groups[0]?.host.minorfault ?? '';
  return renderPage({ title: `minorfault: ${what}`, version, body, data: merged });
}

function renderGroup(group: MergedGroup, index: number, several: boolean): string {
  const { host, cells } = group;
  const failures = cells.flatMap(({ name, failures: of }) =>
    of.map((failure) => `${name}: failed: ${failure}`),
  );
  const where = several ? `<h2>${asHtml(`${host.cpu}, ${host.cores} processors, ${host.kernel}`)}</h2>` : '';
  return `${where}
${sweepLines(group)
  .map((line) => `<p>${asHtml(line)}</p>`)
  .join('\n')}
${failures.map((line) => `<p class="warning">${asHtml(line)}</p>`).join('\n')}
<h2>COPY over CONTINUE</h2>
${figure(`cell-ratios-${index}`, 'Ratios of medians with their 95 % intervals, cell by cell. Filled: a difference, the interval leaves out 1.', ratioTable(group))}
<h2>Lower-bound overhead</h2>
${figure(`overheads-${index}`, 'What a mode costs over the least that the work costs under any mode in any heap, the collector’s known part taken off: a lower bound of its overhead. By the size of the heap. Only what does the same work is compared: the same workload, parameters, mutators and rounds.', overheadTable(group))}
<h2>All figures</h2>
${figuresTable(group)}
<h2>Host</h2>
${definitions(host)}`;
}

function ratioTable({ cells }: MergedGroup): string {
  const rows = cells.map(({ name, copyOverContinue }) => [
    name,
    ...RATIOS.map(([metric]) => asHtml(ratioText(copyOverContinue[metric]))),
  ]);
  return table(['', ...RATIOS.map(([, head]) => head)], rows);
}

function overheadTable({ cells }: MergedGroup): string {
  const rows = cells.flatMap(({ name, work, config, columns }) =>
    columns.map((column) => [
      `${name}, ${nameOf(column, config)}`,
      `${work + 1}`,
      asHtml(ratioText(column.lbo.wall ?? undefined)),
      asHtml(ratioText(column.lbo.cpu ?? undefined)),
    ]),
  );
  return table(['', 'work', 'time', 'processors'], rows);
}

function figuresTable({ cells }: MergedGroup): string {
  const rows = cells.flatMap(({ name, config, columns }) =>
    columns.map((column) => [
      `${name}, ${nameOf(column, config)}`,
      ...FIGURES.map((of) => asHtml(figureText(of, column))),
    ]),
  );
  return table(['', ...FIGURES.map(({ head }) => head)], rows);
}
