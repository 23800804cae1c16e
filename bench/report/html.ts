/**
 * The report: one file with all that it needs, which opens from disk. What a table can say is in it as a table, for who cannot
 * see or cannot run scripts; page/ draws the rest in the browser, from the results that the file holds.
 */
import { columnsOf, isComplete, nameOf, referenceOf, runsIn } from '../columns.ts';
import { formatNumber, phaseCpuRow, phaseRow, type Row, rowsOf } from '../figures.ts';
import { worstUtilization } from '../metrics/worst-utilization.ts';
import { noiseOf } from '../noise.ts';
import type { Results, Run } from '../results.ts';
import { headline, lostEvents, ratioTexts, renderControl } from '../table.ts';
import { asHtml, definitions, figure, renderPage, table } from './parts.ts';

/** The whole file. */
export function renderReport(results: Results): string {
  const { config, host } = results;
  const runs = results.runs.filter(isComplete);
  const complete = { ...results, runs };
  const [what = '', ...how] = headline(config, runs);
  const title = `minorfault: ${what}`;
  const body = `<h1>${asHtml(what)}</h1>
${how.map((line) => `<p>${asHtml(line)}</p>`).join('\n')}
${warnings({ ...results, runs })}
<h2>COPY over CONTINUE</h2>
${figure('ratios', 'Ratios of medians with their 95 % intervals (bootstrap over invocations and collections). Filled: a difference, the interval leaves out 1.', ratioTable(complete))}
<h2>Pauses</h2>
${figure('pauses', 'Every pause, from all mutators stopped to all allowed to run; the bar is the median.')}
<h2>Stalls</h2>
${figure('stalls', 'Userfaults that mutators slept in, of all invocations: the part of them that lasted at least so long.')}
${requestFigure(complete)}<h2>Mutator utilization</h2>
${figure('utilization', 'Minimum mutator utilization: of all windows of a length, the one in which a mutator ran least; of each invocation the mutator that fared worst, the median over invocations. Dashed: of windows at least so long.', utilizationTable(complete))}
<h2>Phases</h2>
${figure('phases', 'Median time of each phase of a collection, on the collector’s thread.', phaseTable(complete))}
<h2>Memory</h2>
${figure('memory', 'Memory behind the heap where it was looked at: at its highest, and as old pages are given back. First invocation.')}
<h2>Pages over time</h2>
${figure('page-maps', 'The last collection of the first invocation, from the flip on: every page from the heap’s bottom down, what it was at each moment, and who published it. What is made and not published is mapped at the end, with no call of its own; with the world stopped it is in its place. The line is the moment shown below.')}
<h2>All figures</h2>
${figuresTable(complete)}
${renderControl(complete)
  .filter((line) => line !== '')
  .map((line) => `<p>${asHtml(line)}</p>`)
  .join('\n')}
<h2>How it was run</h2>
<h3>Options</h3>
${definitions(config)}
<h3>Host</h3>
${definitions(host)}`;
  return renderPage({ title, version: host.minorfault, body, data: results });
}

function warnings(results: Results): string {
  const { runs, failure, config, host } = results;
  const noise = noiseOf(results);
  const cores = config.mutators + config.gcThreads;
  const said = [
    ...(failure === undefined ? [] : [`The runs ended early or a check failed: ${failure}`]),
    ...lostEvents(runs).filter((line) => line !== ''),
    ...(cores > host.cores
      ? [
          `${cores} mutators and collector threads shared ${host.cores} processors: times hold what threads waited for one.`,
        ]
      : []),
    ...(noise === null ? [] : [noise]),
    ...(config.invocations < 10
      ? [`${config.invocations} invocations: intervals of so few say little; 10 or more are usual.`]
      : []),
  ];
  return said.map((line) => `<p class="warning">${asHtml(line)}</p>`).join('\n');
}

/** Only where the operations are requests. */
function requestFigure({ runs }: Results): string {
  const latencies = runs.flatMap(({ mutators }) => mutators.flatMap(({ requests }) => requests ?? []));
  if (latencies.length === 0) return '';
  const from = latencies.some(({ responseUs }) => responseUs !== null)
    ? 'from when they were due'
    : 'as if they had begun at an even rate';
  return `<h2>Requests</h2>
${figure('requests', `How long requests took, ${from}, of all invocations: the part of them that took at least so long.`)}
`;
}

function ratioTable({ summary }: Results): string {
  const rows = Object.entries(summary.copyOverContinue).map(([metric, ratio]) => [
    metric,
    ...ratioTexts(ratio),
  ]);
  return rows.length === 0 ? '' : table(['', 'ratio', '95 % interval', ''], rows);
}

function utilizationTable({ config, runs }: Results): string {
  const columns = columnsOf(config);
  const curves = columns.map((column) => worstUtilization(runsIn(runs, column)));
  const windows = [...new Set(curves.flat().map(({ windowMs }) => windowMs))].sort((a, b) => a - b);
  const rows = windows.map((windowMs) => [
    `${windowMs} ms`,
    ...curves.map((curve) => {
      const at = curve.find((point) => point.windowMs === windowMs);
      return at === undefined ? '–' : `${percent(at.utilization)} <small>(${percent(at.bounded)})</small>`;
    }),
  ]);
  return table(['window', ...columns.map((column) => nameOf(column, config))], rows);
}

const percent = (part: number) => `${(100 * part).toFixed(1)} %`;

function phaseTable({ config, runs }: Results): string {
  const columns = columnsOf(config);
  const phases = new Set(
    runs.flatMap(({ cycles }) => cycles.flatMap(({ phasesMs }) => Object.keys(phasesMs))),
  );
  const rows = [...phases].map((name) => [
    name,
    ...columns.map((column) => {
      const [wall, cpu] = [phaseRow, phaseCpuRow].map((row) => cellOf(row(name), runsIn(runs, column)));
      return `${wall} <small>(${cpu})</small>`;
    }),
  ]);
  return table(['median, ms (processor time)', ...columns.map((column) => nameOf(column, config))], rows);
}

function cellOf({ value, format }: Row, runs: readonly Run[]): string {
  const figure = value(runs);
  return figure === null ? '–' : asHtml(format(figure));
}

/** As the command shows it: beside each figure the ratio to the same of what the column is compared to. */
function figuresTable({ config, runs }: Results): string {
  const columns = columnsOf(config);
  const rows = rowsOf(runs).map((row) => [
    row.label,
    ...columns.map((column) => {
      const shown = cellOf(row, runsIn(runs, column));
      const reference = referenceOf(column, config);
      if (reference === null) return shown;
      const [value, base] = [column, reference].map((of) => row.value(runsIn(runs, of)));
      const ratio = value === null || value === undefined || !base ? '–' : formatNumber(value / base);
      return `${shown} <small>(${ratio})</small>`;
    }),
  ]);
  return table(['', ...columns.map((column) => nameOf(column, config))], rows);
}
