/** `minorfault sweep FILE`: measures the cells of a sweep that have not been measured yet. */
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { loadMode } from '../../gc/modes/index.ts';
import { describeError, EXIT, InterruptedError, isUsage, UsageError } from '../errors.ts';
import { describeHost } from '../host.ts';
import { interruption } from '../interrupt.ts';
import { type CallSurroundings, measureCall, requestOf } from '../measure-call.ts';
import { differenceOf } from '../merge/hosts.ts';
import { seededRandom, shuffled } from '../metrics/random.ts';
import { type Call, modesNamed, resolveOptions } from '../options.ts';
import { print } from '../output.ts';
import { createProgress } from '../progress.ts';
import type { Results } from '../results.ts';
import { findWorkload } from '../workloads/load.ts';
import { resolveParameters } from '../workloads/parameters.ts';
import { type Cell, cellsOf, parseShard, shardOf } from './cells.ts';
import type { RawSweepOptions } from './options.ts';
import { readSweep } from './read.ts';
import { type Sweep, SweepSchema } from './schema.ts';
import { fileOf, openFolder, resultsIn, store, toDo } from './store.ts';

/** A cell, the call that measures it, and its place among the others. */
interface Planned {
  readonly cell: Cell;
  readonly call: Call;
  readonly file: string;
  /** Whether it is to be measured, and why again. */
  readonly todo: ReturnType<typeof toDo>;
}

/** What is known of all cells while some are measured. */
interface Sweeping {
  /** Of all shards. */
  readonly all: readonly Pick<Planned, 'cell' | 'file'>[];
  /** The sweep's name, and how many cells it has in all. */
  readonly of: Pick<NonNullable<Results['cell']>, 'sweep' | 'cells'>;
}

export function printSweepSchema(): number {
  print(JSON.stringify(SweepSchema, null, 2));
  return EXIT.done;
}

/**
 * Measures what is left, in an order that the sweep's seed decides. A cell that fails does not keep the others from being measured.
 * @returns the exit code
 * @throws UsageError before anything is measured, InterruptedError
 */
export async function sweepCommand(path: string, raw: RawSweepOptions): Promise<number> {
  const sweep = readSweep(path);
  const cells = cellsOf(path, sweep);
  const mine = raw.shard === undefined ? cells : shardOf(cells, parseShard(raw.shard));
  const folder = raw.out ?? 'results';
  const planned = await planAll(path, folder, mine);
  if (raw.list) return list(planned);
  openFolder(folder);
  warnOfOtherHosts(planned);
  const left = shuffled(
    planned.filter(({ todo }) => todo !== null),
    seededRandom(sweep.seed ?? 1),
  );
  const all = cells.map((cell) => ({ cell, file: fileOf(folder, cell) }));
  const sweeping = { all, of: { sweep: nameOf(path, sweep), cells: cells.length } };
  const failed = await measureAll(left, sweeping, raw.quiet ?? false);
  const counts = `${planned.length} cells: ${planned.length - left.length} there before, ${left.length - failed} measured`;
  print(`${counts}${failed === 0 ? '' : `, ${failed} failed`}; ${advice(folder, failed)}`);
  return failed === 0 ? EXIT.done : EXIT.failed;
}

function advice(folder: string, failed: number): string {
  if (failed > 0) return 'the same command measures those that failed again';
  return `minorfault merge ${folder}/*.results.json shows them together`;
}

function nameOf(path: string, { name }: Sweep): string {
  return name ?? basename(path).replace(/(\.sweep)?\.json$/, '');
}

/** Everything that can be wrong with any cell is said before the first one runs. */
async function planAll(path: string, folder: string, cells: readonly Cell[]): Promise<readonly Planned[]> {
  const planned: Planned[] = [];
  for (const cell of cells) {
    const file = fileOf(folder, cell);
    planned.push({ cell, call: await callOf(path, cell), file, todo: toDo(file, cell) });
  }
  return planned;
}

async function callOf(path: string, cell: Cell): Promise<Call> {
  try {
    for (const mode of modesNamed(cell.options)) await loadMode(mode);
    const call = resolveOptions('compare', cell.workload, cell.options);
    const { parameters } = await findWorkload(call.config.workload);
    resolveParameters(parameters, requestOf(call));
    return call;
  } catch (error) {
    if (isUsage(error)) throw new UsageError(`${path}: cell ${cell.name}: ${(error as Error).message}`);
    throw error;
  }
}

/** Of cells that are not measured again although they come from elsewhere: `merge` would refuse to show them as if they did not. */
function warnOfOtherHosts(planned: readonly Planned[]): void {
  const here = describeHost();
  const others = planned.flatMap(({ file, todo }) => {
    const host = todo === null ? resultsIn(file)?.host : undefined;
    const fact = host === undefined ? null : differenceOf(host, here);
    return host === undefined || fact === null ? [] : [{ file, fact, host }];
  });
  const [first] = others;
  if (first === undefined) return;
  const [was, is] = [first.host, here].map((host) => JSON.stringify((host as Facts)[first.fact]));
  process.stderr.write(
    `minorfault: ${others.length} of the cells there before were measured on another host or by another version ` +
      `(${first.file}: ${first.fact} was ${was}, and is ${is} here): move them away to have them measured again, ` +
      'or merge with --group-by host\n',
  );
}

type Facts = Readonly<Record<string, unknown>>;

function list(planned: readonly Planned[]): number {
  for (const { cell, todo } of planned) print(`${describe(todo)}  ${cell.name}`);
  return EXIT.done;
}

function describe(todo: Planned['todo']): string {
  if (todo === null) return 'done ';
  return todo.again === null ? 'to do' : 'again';
}

/** How many cells failed. */
async function measureAll(left: readonly Planned[], sweeping: Sweeping, quiet: boolean): Promise<number> {
  const signal = interruption();
  const progress = createProgress(process.stderr, quiet);
  let failed = 0;
  try {
    for (const [i, planned] of left.entries()) {
      const title = `cell ${i + 1} of ${left.length}: ${planned.cell.name}`;
      progress.note(planned.todo?.again ? `${planned.todo.again}: measured again` : title);
      const failure = await measureCell(planned, sweeping, { signal, progress });
      if (failure === null) continue;
      failed++;
      process.stderr.write(`minorfault: ${planned.cell.name}: ${describeError(failure)}\n`);
    }
  } catch (error) {
    if (error instanceof InterruptedError)
      throw new InterruptedError(error.signal, 'the same command goes on with the cells that are left');
    throw error;
  } finally {
    progress.end();
  }
  return failed;
}

/** The smallest heaps that another cell has found, from which this one differs by the factor alone; null if there is none. */
function knownMinHeaps({ cell, call }: Planned, all: Sweeping['all']): Call['minHeaps'] {
  if (call.config.heapFactor === undefined) return null;
  const work = ({ workload, options }: Cell) => ({ workload, options: { ...options, heapFactor: '' } });
  const same = all.filter((other) => isDeepStrictEqual(work(cell), work(other.cell)));
  return firstOf(same, ({ file }) => resultsIn(file)?.config.minHeaps ?? null);
}

function firstOf<Item, Value>(items: readonly Item[], look: (item: Item) => Value | null): Value | null {
  for (const item of items) {
    const value = look(item);
    if (value !== null) return value;
  }
  return null;
}

async function measureCell(
  one: Planned,
  { all, of }: Sweeping,
  surroundings: CallSurroundings,
): Promise<Error | null> {
  const { cell, call, file } = one;
  const minHeaps = call.minHeaps ?? knownMinHeaps(one, all);
  const measured = await measureCall({ ...call, minHeaps }, surroundings).catch((error: unknown) => {
    // As a heap that the workload does not fit into: another cell's may do.
    if (error instanceof Error && !(error instanceof InterruptedError)) return error;
    throw error;
  });
  if (measured instanceof Error) return measured;
  const { results, failure } = measured;
  const { name, axes, workload, options } = cell;
  const ofCell = {
    ...of,
    name,
    axes,
    ...(workload === undefined ? {} : { workload }),
    options: { ...options },
  };
  store(file, { ...results, cell: ofCell });
  return failure;
}
