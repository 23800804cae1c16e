/** Puts files of results together: by host, and what was measured with the same options as one cell. */
import { isDeepStrictEqual } from 'node:util';
import { type Column, columnsOf, isComplete, runsIn } from '../columns.ts';
import { disagreement } from '../compare.ts';
import { CheckError, UsageError } from '../errors.ts';
import { medianOfMedians } from '../metrics/bootstrap.ts';
import { copyOverContinue, METRICS } from '../metrics/copy-over-continue.ts';
import { COSTS, lowerBoundOverheads } from '../metrics/lbo.ts';
import type { Results, ResultsConfig, Run } from '../results.ts';
import { differenceOf } from './hosts.ts';
import { namesOf } from './names.ts';
import type { Merged, MergedCell, MergedColumn, MergedGroup } from './schema.ts';

/** A file and what it holds. */
export interface Source {
  readonly file: string;
  readonly results: Results;
}

/** Sources of the same configuration. */
interface Pool {
  readonly sources: readonly Source[];
  readonly config: ResultsConfig;
  readonly runs: readonly Run[];
  /** Without a collection. */
  readonly control: readonly Run[];
}

/**
 * Everything in one group, or a group for each host.
 * @throws UsageError for results of several hosts that are not to be grouped, and for the same results twice
 */
export function mergeResults(sources: readonly Source[], groupBy: 'host' | null): Merged {
  requireOnce(sources);
  const hosts = byHost(sources);
  if (groupBy === null && hosts.length > 1) throw ofSeveralHosts(hosts);
  return { schema: 'minorfault/merged/1', groups: hosts.map(mergeGroup) };
}

function requireOnce(sources: readonly Source[]): void {
  const seen = new Map<string, string>();
  for (const { file, results } of sources) {
    const runs = JSON.stringify(results.runs);
    const other = seen.get(runs);
    if (other !== undefined && results.runs.length > 0)
      throw new UsageError(`${file}: holds the same runs as ${other}; name one of them`);
    seen.set(runs, file);
  }
}

function byHost(sources: readonly Source[]): readonly (readonly [Source, ...Source[]])[] {
  const groups: [Source, ...Source[]][] = [];
  for (const source of sources) {
    const group = groups.find(([{ results }]) => differenceOf(results.host, source.results.host) === null);
    if (group === undefined) groups.push([source]);
    else group.push(source);
  }
  return groups;
}

function ofSeveralHosts([first, second]: ReturnType<typeof byHost>): UsageError {
  const [a, b] = [first, second].map((group) => group?.[0]) as [Source, Source];
  const name = differenceOf(a.results.host, b.results.host) ?? '';
  const [was, is] = [a, b].map(({ results }) => (results.host as unknown as Record<string, unknown>)[name]);
  return new UsageError(
    `${a.file} and ${b.file} are of different hosts: ${name} is ${JSON.stringify(was)} and ${JSON.stringify(is)}; ` +
      'add --group-by host to show them apart',
  );
}

function mergeGroup(sources: readonly [Source, ...Source[]]): MergedGroup {
  const pools = poolsOf(sources);
  for (const pool of pools) requireAgreement(pool);
  const names = namesOf(pools.map(({ sources: [first], config }) => ({ config, cell: first?.results.cell })));
  const works = worksOf(pools);
  const overheads = new Map(works.flatMap(overheadsOfWork));
  const cells = pools.map((pool, i): MergedCell => {
    const { sources: from, config, runs } = pool;
    const [first] = from;
    return {
      name: names[i] as string,
      axes: first?.results.cell?.axes ?? {},
      files: from.map(({ file }) => file),
      config: config as MergedCell['config'],
      work: works.findIndex((work) => work.includes(pool)),
      columns: columnsOf(config).map((column) => describe(column, runsIn(runs, column), overheads)),
      copyOverContinue: copyOverContinue(onFirstPages(runs, config), config.seed),
      failures: from.flatMap(({ results: { failure } }) => failure ?? []),
    };
  });
  return { host: sources[0].results.host as MergedGroup['host'], sweeps: sweepsIn(sources), cells };
}

const onFirstPages = (runs: readonly Run[], { page }: ResultsConfig) =>
  runs.filter((run) => run.page === page);

/** Those of the same options: what differs is the seed, and how often. */
function poolsOf(sources: readonly Source[]): readonly Pool[] {
  const pools: Source[][] = [];
  for (const source of sources) {
    const known = pools.find(([first]) => isSameConfig(first?.results.config, source.results.config));
    if (known === undefined) pools.push([source]);
    else known.push(source);
  }
  return pools.map((of) => ({
    sources: of,
    config: (of[0] as Source).results.config,
    runs: of.flatMap(({ results }) => results.runs.filter(isComplete)),
    control: of.flatMap(({ results }) => results.control?.runs ?? []),
  }));
}

/** @throws CheckError where runs of one seed have computed different things */
function requireAgreement({ sources, config }: Pool): void {
  // The heap of the process itself is another with each start.
  if (config.workload === 'snapshot' && config.parameters.file === '') return;
  for (const seed of new Set(sources.map(({ results }) => results.config.seed))) {
    const own = sources.filter(({ results }) => results.config.seed === seed);
    const wrong = disagreement(own.flatMap(({ results }) => results.runs.filter(isComplete)));
    if (wrong !== null) throw new CheckError(`${own.map(({ file }) => file).join(', ')}: ${wrong.message}`);
  }
}

function isSameConfig(one: ResultsConfig | undefined, other: ResultsConfig): boolean {
  const same = { seed: 0, invocations: 0 };
  // What a heap factor is of, each search finds a little differently.
  const sized = other.heapFactor === undefined ? {} : { minHeaps: 0, heap: 0, maxFree: 0, minFree: 0 };
  return isDeepStrictEqual({ ...one, ...same, ...sized }, { ...other, ...same, ...sized });
}

/** What is the same where the same work is done, in whatever heap and by whatever collector. */
function workOf(config: ResultsConfig): unknown {
  const { workload, parameters, kernel, linux, bits, arch, mutators, cycles, live, collect, verify } = config;
  return { workload, parameters, kernel, linux, bits, arch, mutators, cycles, live, collect, verify };
}

/** Those that do the same work. */
function worksOf(pools: readonly Pool[]): readonly (readonly Pool[])[] {
  const works: Pool[][] = [];
  for (const pool of pools) {
    const work = workOf(pool.config);
    const known = works.find(([first]) => isDeepStrictEqual(workOf((first as Pool).config), work));
    if (known === undefined) works.push([pool]);
    else known.push(pool);
  }
  return works;
}

/** The overheads of each column's runs among those of the same work, by the first of these runs. */
function overheadsOfWork(
  pools: readonly Pool[],
): readonly (readonly [Run | undefined, MergedColumn['lbo']])[] {
  const groups = pools.flatMap(({ config, runs, control }) => [
    ...columnsOf(config).map((column) => runsIn(runs, column)),
    control,
  ]);
  const seed = pools[0]?.config.seed ?? 0;
  const [wall, cpu] = [COSTS.wall, COSTS.cpu].map((costOf) => lowerBoundOverheads(groups, costOf, seed));
  const idles = pools[0]?.config.collect !== 'room';
  return groups.map((runs, i) => [
    runs[0],
    { wall: wall?.[i] ?? null, cpu: (idles ? null : cpu?.[i]) ?? null },
  ]);
}

function describe(
  { mode, page }: Column,
  runs: readonly Run[],
  overheads: ReadonlyMap<Run | undefined, MergedColumn['lbo']>,
): MergedColumn {
  const medians = Object.entries(METRICS).map(([name, extract]) => [
    name,
    medianOfMedians(runs.map((run) => extract(run).filter((value) => value !== null))),
  ]);
  return {
    ...{ mode, page },
    invocations: runs.length,
    collections: runs.reduce((sum, { cycles }) => sum + cycles.length, 0),
    medians: Object.fromEntries(medians),
    lbo: overheads.get(runs[0]) ?? { wall: null, cpu: null },
  };
}

function sweepsIn(sources: readonly Source[]): MergedGroup['sweeps'] {
  const cells = sources.flatMap(({ results }) => results.cell ?? []);
  return [...new Set(cells.map(({ sweep }) => sweep))].map((name) => {
    const own = cells.filter(({ sweep }) => sweep === name);
    return {
      name,
      found: new Set(own.map((cell) => cell.name)).size,
      cells: Math.max(...own.map((cell) => cell.cells)),
    };
  });
}
