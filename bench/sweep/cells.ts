/** From a sweep to its cells: every combination of the matrix, as a call of `compare`. */
import { UsageError } from '../errors.ts';
import { OPTIONS, type RawOptions, VERIFY_HEAP } from '../option-table.ts';
import { suggestion } from '../suggest.ts';
import type { Sweep, SweepValue } from './schema.ts';

/** The values of a cell, by the names of the matrix. */
export type Axes = Readonly<Record<string, SweepValue>>;

export interface Cell {
  /** Its values, in the order of the matrix: `workload=churn,mutators=2`. Also a part of its file's name. */
  readonly name: string;
  readonly axes: Axes;
  readonly workload: string | undefined;
  /** As the command line would give them. */
  readonly options: RawOptions;
}

/** What belongs to a call and not to what is measured, or is said in another way. */
const NOT_OF_A_CELL = new Set([
  'mode',
  'modes',
  'set',
  'json',
  'log',
  'report',
  'force',
  'trace',
  'hdr',
  'quiet',
]);
const PARAMETER = 'set.';
const NAMES = [
  'workload',
  ...OPTIONS.map(([flags]) => nameOf(flags)).filter((name) => !NOT_OF_A_CELL.has(name)),
];

/** Those without a value of their own. --verify may have one on the command line; here it is true or false. */
const FLAGS = new Set(OPTIONS.filter(([flags]) => !flags.includes('<')).map(([flags]) => nameOf(flags)));

/** `--gc-threads <n>`: gcThreads. */
function nameOf(flags: string): string {
  const [long = ''] = /(?<=--)[a-z0-9-]+/.exec(flags) ?? [];
  return long.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * All cells, the last axis varied first.
 * @throws UsageError for a name that is no option, or twice the same cell
 */
export function cellsOf(file: string, sweep: Sweep): readonly Cell[] {
  const { matrix, options = {}, exclude = [], modes } = sweep;
  for (const [name, values] of Object.entries(matrix))
    for (const [i, value] of values.entries()) requireOption(file, `matrix.${name}[${i}]`, [name, value]);
  for (const option of Object.entries(options)) requireOption(file, `options.${option[0]}`, option);
  const twice = Object.keys(matrix).find((name) => Object.hasOwn(options, name));
  if (twice !== undefined)
    throw new UsageError(`${file}: options.${twice} is in the matrix, too; say it in one of them`);
  for (const [i, values] of exclude.entries()) requireKnown(file, `exclude[${i}]`, values, matrix);
  const cells = combinations(matrix).filter((axes) => !exclude.some((values) => hasAll(axes, values)));
  if (cells.length === 0) throw new UsageError(`${file}: exclude leaves no cell; exclude less`);
  const made = cells.map((axes) => cellOf(axes, { ...options, ...axes }, modes));
  const alike = made.find(({ name }, i) => made.findIndex((other) => other.name === name) < i);
  if (alike !== undefined)
    throw new UsageError(`${file}: matrix: ${alike.name} is there twice; name each value once`);
  return made;
}

function requireOption(file: string, place: string, [name, value]: readonly [string, SweepValue]): void {
  if (!name.startsWith(PARAMETER) && !NAMES.includes(name))
    throw new UsageError(
      `${file}: ${place}: no such option${suggestion(name, NAMES)}; they are ${NAMES.join(', ')}, and set.<parameter>`,
    );
  if (FLAGS.has(name) !== (typeof value === 'boolean'))
    throw new UsageError(
      `${file}: ${place} is ${JSON.stringify(value)}, expected ${FLAGS.has(name) ? 'true or false' : 'a text or a number'}`,
    );
}

function requireKnown(file: string, place: string, values: Axes, matrix: Sweep['matrix']): void {
  for (const [name, value] of Object.entries(values))
    if (!Object.hasOwn(matrix, name) || !matrix[name]?.includes(value))
      throw new UsageError(
        `${file}: ${place}.${name}: ${JSON.stringify(value)} is no value of the matrix; it would exclude nothing`,
      );
}

function combinations(matrix: Sweep['matrix']): readonly Axes[] {
  let all: readonly Axes[] = [{}];
  for (const [name, values] of Object.entries(matrix))
    all = all.flatMap((axes) => [...new Set(values)].map((value) => ({ ...axes, [name]: value })));
  return all;
}

function hasAll(axes: Axes, values: Axes): boolean {
  return Object.entries(values).every(([name, value]) => axes[name] === value);
}

function cellOf(axes: Axes, values: Axes, modes: readonly string[] | undefined): Cell {
  const set: string[] = [];
  const options: Record<string, string | boolean | readonly string[]> = {};
  for (const [name, value] of Object.entries(values)) {
    if (name.startsWith(PARAMETER)) set.push(`${name.slice(PARAMETER.length)}=${value}`);
    else if (name === 'verify' && value === true) options[name] = VERIFY_HEAP;
    else if (name !== 'workload' && value !== false) options[name] = value === true || String(value);
  }
  if (modes !== undefined) options.modes = modes.join(',');
  if (set.length > 0) options.set = set;
  const { workload } = values;
  const name = Object.entries(axes).map(([axis, value]) => `${axis}=${value}`);
  return {
    name: name.join(','),
    axes,
    workload: workload === undefined ? undefined : String(workload),
    options,
  };
}

/** Every `of`-th cell from the `part`-th on, both from 1: parts of a sweep are of much the same length. */
export interface Shard {
  readonly part: number;
  readonly of: number;
}

/** @throws UsageError unless it is as 3/8 */
export function parseShard(text: string): Shard {
  const [, part, of] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard = { part: Number(part), of: Number(of) };
  if (shard.part >= 1 && shard.part <= shard.of) return shard;
  throw new UsageError(`--shard ${text}: must be a part and how many there are, as 3/8, the first being 1`);
}

export function shardOf<Item>(items: readonly Item[], { part, of }: Shard): readonly Item[] {
  return items.filter((_, i) => i % of === part - 1);
}
