/** The rows of the table: each a figure of one mode's runs, and how it is written. */
import { formatBytes } from '../heap/errors.ts';
import { operationsPerSecond } from './metrics/copy-over-continue.ts';
import { maxOf, medianOf } from './metrics/summary.ts';
import { worstUtilization } from './metrics/worst-utilization.ts';
import { requestRows } from './request-rows.ts';
import type { Cycle, MutatorRun, Run } from './results.ts';
import { formatNumber, longestCycle, medianCycle, present, type Row, row } from './rows.ts';

export { formatNumber, type Row };

const PAGE_BYTES = 4096;
/** The requests that publish a page by copying it. */
const COPYING_IOCTLS = ['UFFDIO_COPY'];

/** All rows that these runs call for: pauses and ioctls have a row where any mode has them. */
export function rowsOf(runs: readonly Run[]): readonly Row[] {
  const cycles = runs.flatMap((run) => run.cycles);
  const pauses = distinct(cycles.flatMap((cycle) => cycle.pauses.map((pause) => pause.name)));
  const ioctls = distinct(cycles.flatMap((cycle) => Object.keys(cycle.ioctls)));
  return [
    row('collections', (of) => medianOf(of.map((run) => run.cycles.length))),
    row(
      'total per collection, ms',
      medianCycle((cycle) => [cycle.totalMs]),
    ),
    ...pauses.flatMap(pauseRows),
    ...stallRows(),
    ...requestRows(runs),
    ...utilizationRows(runs),
    ...pageRows(),
    ...(cycles.some(({ nonMoving }) => nonMoving.pages > 0) ? nonMovingRows() : []),
    ...(cycles.some(({ large }) => large.pages + large.rawPages > 0) ? largeRows() : []),
    ...ioctls.flatMap(ioctlRows),
    row(
      'copied to publish, per collection',
      medianCycle((cycle) => [copiedBytes(cycle)]),
      formatBytes,
    ),
    row(
      'userfaults missing',
      medianCycle((cycle) => [cycle.faults.missing]),
    ),
    row(
      'userfaults minor',
      medianCycle((cycle) => [cycle.faults.minor]),
    ),
    row('memory peak', (of) => medianOf(of.map((run) => run.memory.peakBytes)), formatBytes),
    row('mutators, operations/s', (of) => medianOf(present(of.map(operationsPerSecond)))),
    ...allocationRows(runs),
    ...cpuRows(runs),
    ...controlRows(runs),
  ];
}

/** What is not the collector's: V8's own collections, and how late an idle thread woke up. */
function controlRows(runs: readonly Run[]): readonly Row[] {
  const hiccups: Row['value'] = (of) => medianOf(present(of.map(({ hiccupsUs }) => hiccupsUs?.p99 ?? null)));
  return [
    row("V8's own collections", (of) => medianOf(of.map(({ v8 }) => v8.collections))),
    row('  within ours, ms', (of) => medianOf(of.map(({ v8 }) => v8.overlapMs))),
    ...(runs.some(({ hiccupsUs }) => hiccupsUs !== undefined)
      ? [row('an idle thread wakes late, p99, µs', hiccups)]
      : []),
  ];
}

/** What all mutators together allocate in a second of operations. */
function allocationRows(runs: readonly Run[]): readonly Row[] {
  const rate = ({ mutators }: Run): number | null => {
    const told = mutators.filter(
      ({ allocatedBytes, seconds }) => allocatedBytes !== undefined && seconds > 0,
    );
    if (told.length < mutators.length || told.length === 0) return null;
    return told.reduce((sum, { allocatedBytes = 0, seconds }) => sum + allocatedBytes / seconds, 0);
  };
  if (runs.every((run) => rate(run) === null)) return [];
  return [row('  allocated a second', (of) => medianOf(present(of.map(rate))), formatBytes)];
}

/** Of whole runs, the building of what they work on included. */
function cpuRows(runs: readonly Run[]): readonly Row[] {
  const median =
    (part: keyof NonNullable<Run['cpuMs']>): Row['value'] =>
    (of) =>
      medianOf(present(of.map(({ cpuMs }) => cpuMs?.[part] ?? null)));
  const parts = [
    row('processor time of a run, ms', median('process')),
    row('  mutators', median('mutators')),
    row('  collector threads', median('collectors')),
    row('  fault threads', median('faults')),
  ];
  return parts.filter(({ value }) => value(runs) !== null);
}

/** The time of one phase in each collection. */
export function phaseRow(name: string): Row {
  return row(
    name,
    medianCycle(({ phasesMs }) => [phasesMs[name] ?? 0]),
  );
}

/** The processor time of the collector's thread in it. */
export function phaseCpuRow(name: string): Row {
  return row(
    name,
    medianCycle(({ phasesCpuMs }) => present([phasesCpuMs?.[name] ?? null])),
  );
}

function pauseRows(name: string): readonly Row[] {
  const pausesOf = (cycle: Cycle) => cycle.pauses.filter((pause) => pause.name === name);
  const ms = (cycle: Cycle) => pausesOf(cycle).map((pause) => pause.ms);
  const safepoint = (cycle: Cycle) => pausesOf(cycle).map((pause) => pause.timeToSafepointMs);
  return [
    row(`${name} pause, ms`, medianCycle(ms)),
    row('  longest', longestCycle(ms)),
    row('  time to safepoint', medianCycle(safepoint)),
  ];
}

/** Stalls of all mutators of a run: the count is their sum, a percentile that of the mutator which fared worst. */
function stallRows(): readonly Row[] {
  const worst = (extract: (mutator: MutatorRun) => number | null) => (run: Run) =>
    maxOf(present(run.mutators.map(extract)));
  const median = (figure: (run: Run) => number | null): Row['value'] => {
    return (runs) => medianOf(present(runs.map(figure)));
  };
  const count = (run: Run) => run.mutators.reduce((sum, mutator) => sum + mutator.stallsUs.count, 0);
  const longest: Row['value'] = (runs) => maxOf(present(runs.map(worst((mutator) => mutator.stallsUs.max))));
  return [
    row('stalls on a fault, per invocation', median(count)),
    row('  p50, µs', median(worst((mutator) => mutator.stallsUs.p50))),
    row('  p99, µs', median(worst((mutator) => mutator.stallsUs.p99))),
    row('  longest of a collection, µs', median(worst((mutator) => mutator.longestStallsUs.p50))),
    row('  longest, µs', longest),
    row('waits at safepoints, p99, µs', median(worst((mutator) => mutator.waitsUs.p99))),
    row('  longest, µs', (runs) => maxOf(present(runs.map(worst((mutator) => mutator.waitsUs.max))))),
  ];
}

/** Minimum mutator utilization, in windows that the runs are long enough for. */
function utilizationRows(runs: readonly Run[]): readonly Row[] {
  const at = (windowMs: number) => (of: readonly Run[]) =>
    worstUtilization(of).find((point) => point.windowMs === windowMs)?.utilization ?? null;
  return [10, 100]
    .filter((windowMs) => at(windowMs)(runs) !== null)
    .map((windowMs) => row(`least utilization in ${windowMs} ms`, at(windowMs)));
}

function pageRows(): readonly Row[] {
  return [
    row(
      'pages compacted',
      medianCycle((cycle) => [cycle.pages.compacted]),
    ),
    row(
      '  of them not moved (dense prefix)',
      medianCycle((cycle) => [cycle.pages.prefix]),
    ),
    row(
      '  slid as they are',
      medianCycle((cycle) => [cycle.pages.slid]),
    ),
    row(
      '  published by the collector',
      medianCycle((cycle) => [cycle.pages.publishedByCollector]),
    ),
    row(
      '  published by a fault',
      medianCycle((cycle) => [cycle.pages.publishedByFault]),
    ),
    row(
      '  untouched',
      medianCycle((cycle) => [cycle.pages.untouched]),
    ),
  ];
}

function nonMovingRows(): readonly Row[] {
  const of = (extract: (nonMoving: Cycle['nonMoving']) => number) =>
    medianCycle((cycle) => [extract(cycle.nonMoving)]);
  return [
    row(
      'nonmoving pages updated',
      of(({ pages }) => pages),
    ),
    row(
      '  updating, ms',
      medianCycle((cycle) => [cycle.phasesMs.update ?? 0]),
    ),
    row(
      '  published by the collector',
      of(({ publishedByCollector }) => publishedByCollector),
    ),
    row(
      '  published by a fault',
      of(({ publishedByFault }) => publishedByFault),
    ),
    row(
      '  untouched',
      of(({ untouched }) => untouched),
    ),
    row(
      '  ioctls',
      of(({ calls }) => calls),
    ),
    row(
      '  copied to publish',
      of(({ copiedBytes }) => copiedBytes),
      formatBytes,
    ),
  ];
}

function largeRows(): readonly Row[] {
  return [
    row(
      'large pages with references',
      medianCycle((cycle) => [cycle.large.pages]),
    ),
    row(
      '  raw: not touched',
      medianCycle((cycle) => [cycle.large.rawPages]),
    ),
    row(
      '  given back',
      medianCycle((cycle) => [cycle.releasedPages]),
    ),
  ];
}

function ioctlRows(name: string): readonly Row[] {
  return [
    row(
      `${name} calls`,
      medianCycle((cycle) => [cycle.ioctls[name]?.calls ?? 0]),
    ),
    row(
      '  pages',
      medianCycle((cycle) => [cycle.ioctls[name]?.pages ?? 0]),
    ),
  ];
}

function copiedBytes(cycle: Cycle): number {
  return COPYING_IOCTLS.reduce((sum, name) => sum + (cycle.ioctls[name]?.pages ?? 0) * PAGE_BYTES, 0);
}

function distinct<Value>(values: readonly Value[]): readonly Value[] {
  return [...new Set(values)];
}
