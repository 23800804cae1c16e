/** How the texts of options (option-table.ts) become a configuration. */
import { constants } from 'node:buffer';
import { describeFallback, type Settled, settle, type Wanted } from '../gc/fallback.ts';
import { findMode } from '../gc/modes/index.ts';
import {
  DEFAULT_BATCH,
  DENSITY,
  defaultMinFree,
  LEAST_DENSITY,
  MAX_PERIOD_MS,
  MOST_BATCH,
} from '../gc/options.ts';
import { formatBytes } from '../heap/errors.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import { UsageError } from './errors.ts';
import { type LogChoice, parseLog } from './log.ts';
import { integer } from './numbers.ts';
import {
  type CommandName,
  DEFAULT_WORKLOAD,
  MODE_NAMES,
  type RawOptions,
  VERIFY_HEAP,
} from './option-table.ts';
import { parsePageSizes, requirePages } from './page-sizes.ts';
import { parsePlacement, parseV8Threads } from './placement.ts';
import { givenOption, parseProfile } from './profile.ts';
import type { ResultsConfig } from './results.ts';
import { parsePages } from './sizes.ts';
import { suggestion } from './suggest.ts';

/** The name of one of ours, or what a user's was loaded by. */
export type Mode = string;
const KERNELS = ['sim', 'linux', 'auto'] as const;
/** A mutator sees the heap through one view, and no view is larger. */
export const MAX_HEAP_BYTES = Math.min(4 * 1024 ** 3, constants.MAX_LENGTH);
const MOST_FACTOR = 1000;
const MAX_SEED = 2 ** 32 - 1;

/** What is measured, as far as options alone decide it. */
export type Config = Omit<ResultsConfig, 'parameters' | 'liveBytes' | 'modes'> & {
  readonly modes: readonly Mode[];
};

/** A resolved call. */
export interface Call {
  readonly config: Config;
  /** What a heap factor is of: the smallest heap of each mode, in bytes; null: what is found to be. */
  readonly minHeaps: Readonly<Record<string, number>> | null;
  /** Workload parameters, as --set gives them. */
  readonly settings: ReadonlyMap<string, string>;
  /** The file of the results, `-` for standard output, or null. */
  readonly json: string | null;
  /** What is told of each collection, or null. */
  readonly log: LogChoice | null;
  /** The file of the report, or null; and whether it may be something else by now. */
  readonly report: string | null;
  readonly force: boolean;
  /** The file of the timeline, or null. */
  readonly trace: string | null;
  /** Whether there is a run without any collection in each invocation, to compare with. */
  readonly control: boolean;
  /** The file of the HdrHistogram log, or null. */
  readonly hdr: string | null;
  readonly quiet: boolean;
  /** What to tell of choices made for the caller. */
  readonly notes: readonly string[];
}

/**
 * The configuration that the options ask for.
 * @throws UsageError for a value that is wrong, KernelUnavailableError for a kernel that this host does not have
 */
export function resolveOptions(command: CommandName, workload: string | undefined, raw: RawOptions): Call {
  const pages = named('--page', () => parsePageSizes(command, raw.page ?? '4KiB'));
  const heap = heapBytes('--heap', raw.heap ?? '64MiB', Math.max(...pages));
  const asked = resolveModes(command, raw);
  requirePages(asked, pages);
  const { kernel, modes, fellBack, why } = settleFor(raw, { modes: asked, pages, heapBytes: heap });
  const factor = heapFactor(raw);
  const config: Config = {
    command,
    workload: workload ?? DEFAULT_WORKLOAD,
    kernel,
    ...parseProfile(raw),
    modes,
    fellBack,
    heap,
    ...(factor === null ? {} : { heapFactor: factor, sizedFor: heap }),
    live: fraction('--live', raw.live ?? '0.5'),
    mutators: integer('--mutators', raw.mutators ?? '1', [1, 64]),
    gcThreads: integer('--gc-threads', raw.gcThreads ?? '1', [1, 64]),
    faultThreads: integer('--fault-threads', raw.faultThreads ?? '1', [1, 64]),
    cycles: integer('--cycles', raw.cycles ?? '5', [1, 1_000_000]),
    invocations: integer('--invocations', raw.invocations ?? (command === 'compare' ? '3' : '1'), [1, 1000]),
    batch: integer('--batch', raw.batch ?? String(DEFAULT_BATCH), [0, MOST_BATCH]),
    ...triggerOptions(raw, heap),
    page: pages[0] as number,
    pages,
    collect: oneOf('--collect', raw.collect ?? 'rounds', ['rounds', 'room'] as const),
    order: oneOf('--order', raw.order ?? 'down', ['down', 'up'] as const),
    densePrefix: densePrefix(raw.densePrefix ?? String(DENSITY)),
    loops: oneOf('--loops', raw.loops ?? 'auto', ['auto', 'js'] as const),
    pin: raw.pin === undefined ? null : parsePlacement(raw.pin),
    v8Threads: parseV8Threads(raw.v8Threads),
    seed: integer('--seed', raw.seed ?? '1', [0, MAX_SEED]),
    verify: verification(raw.verify),
  };
  return {
    config,
    settings: parseSettings(raw.set ?? []),
    minHeaps: givenMinHeaps(raw, modes, Math.max(...pages)),
    json: raw.json ?? null,
    log: raw.log === undefined ? null : parseLog(raw.log),
    report: fileNamed('--report', raw.report),
    force: raw.force ?? false,
    trace: fileNamed('--trace', raw.trace),
    control: raw.control ?? raw.report !== undefined,
    hdr: fileNamed('--hdr', raw.hdr),
    quiet: raw.quiet ?? false,
    notes: [
      ...((raw.kernel ?? 'auto') === 'auto' ? [`kernel: ${kernel}, since ${why}`] : []),
      ...fellBack.map(describeFallback),
    ],
  };
}

/** The kernel that has what all of the modes need, or modes that it can run. @throws KernelUnavailableError */
function settleFor(raw: RawOptions, wantedOf: Pick<Wanted, 'modes' | 'pages' | 'heapBytes'>): Settled {
  const { kernel: name = 'auto', fallback = false } = raw;
  const wanted = KERNELS.find((known) => known === name);
  if (wanted === undefined) {
    throw new UsageError(
      `--kernel ${name}: no such kernel${suggestion(name, KERNELS)}; use sim, linux or auto`,
    );
  }
  const profile = parseProfile(raw);
  if (profile !== null && wanted === 'linux')
    throw new UsageError(`${givenOption(raw)}: is of the simulated kernel; use it with --kernel sim`);
  return settle({ kernel: wanted, fallback, ...wantedOf, ...profile });
}

/** The modes that the options name, known or not. */
export function modesNamed({ mode, modes }: RawOptions): readonly string[] {
  return [...(mode === undefined ? [] : [mode]), ...(modes === undefined ? [] : namesIn(modes))];
}

function namesIn(modes: string): readonly string[] {
  return modes.split(',').map((name) => name.trim());
}

function resolveModes(command: CommandName, raw: RawOptions): readonly Mode[] {
  if (raw.mode !== undefined && raw.modes !== undefined) {
    throw new UsageError('--mode and --modes are both given; use one of them');
  }
  if (raw.mode !== undefined) return [parseMode('--mode', raw.mode)];
  if (raw.modes === undefined) return command === 'compare' ? ['stw', 'copy', 'continue'] : ['continue'];
  const modes = namesIn(raw.modes).map((name) => parseMode('--modes', name));
  const twice = modes.find((mode, i) => modes.indexOf(mode) !== i);
  if (twice) throw new UsageError(`--modes ${raw.modes}: ${twice} is named twice; name each mode once`);
  if (command === 'run' && modes.length > 1) {
    throw new UsageError(`--modes ${raw.modes}: run measures one mode; use --mode, or minorfault compare`);
  }
  return modes;
}

function parseMode(option: string, name: string): Mode {
  if (findMode(name) !== undefined) return name;
  const shown = name === '' ? 'an empty mode' : `${name}: no such mode`;
  throw new UsageError(
    `${option} ${shown}${suggestion(name, MODE_NAMES)}; the modes are ${MODE_NAMES.join(', ')}`,
  );
}

/** A file that only makes sense as one. */
function fileNamed(option: string, file: string | undefined): string | null {
  if (file === '-') throw new UsageError(`${option} -: is not written to standard output; give it a file`);
  return file ?? null;
}

/** Null if none is asked for. */
function heapFactor({ heapFactor: text, minHeap }: RawOptions): number | null {
  if (text === undefined && minHeap !== undefined)
    throw new UsageError('--min-heap needs --heap-factor, which is of it');
  if (text === undefined) return null;
  const value = decimal(text);
  if (value >= 1 && value <= MOST_FACTOR) return value;
  throw new UsageError(`--heap-factor ${text}: must be a number from 1 to ${MOST_FACTOR}, as 1.5`);
}

function givenMinHeaps({ minHeap }: RawOptions, modes: readonly Mode[], pageBytes: number): Call['minHeaps'] {
  if (minHeap === undefined) return null;
  const bytes = heapBytes('--min-heap', minHeap, pageBytes);
  return Object.fromEntries(modes.map((mode) => [mode, bytes]));
}

function heapBytes(option: string, text: string, pageBytes: number): number {
  const bytes = named(option, () => parsePages(text, pageBytes));
  if (bytes <= MAX_HEAP_BYTES) return bytes;
  throw new UsageError(
    `${option} ${text}: Node ${process.version} maps at most ${formatBytes(MAX_HEAP_BYTES)} in one view; use a smaller heap`,
  );
}

function oneOf<Name extends string>(option: string, text: string, names: readonly Name[]): Name {
  const known = names.find((name) => name === text);
  if (known !== undefined) return known;
  throw new UsageError(`${option} ${text}: must be ${names.join(' or ')}${suggestion(text, names)}`);
}

function verification(what: string | undefined): boolean | 'phases' {
  if (what === undefined || what === VERIFY_HEAP) return what === VERIFY_HEAP;
  if (what === 'phases') return what;
  throw new UsageError(`--verify=${what}: must be --verify or --verify=phases`);
}

type TriggerOptions = Pick<Config, 'utilization' | 'minFree' | 'maxFree' | 'period'>;

/** What decides when collections begin by themselves. */
function triggerOptions(raw: RawOptions, heap: number): TriggerOptions {
  const { utilization, period } = raw;
  const bound = [raw.minFree, raw.maxFree].findIndex((text) => text !== undefined);
  if (bound >= 0 && utilization === undefined) {
    throw new UsageError(`${bound === 0 ? '--min-free' : '--max-free'} needs --utilization, which it bounds`);
  }
  const bytes = (option: string, text: string) => named(option, () => parsePages(text, PAGE_BYTES));
  const maxFree = raw.maxFree === undefined ? heap : bytes('--max-free', raw.maxFree);
  const minFree =
    raw.minFree === undefined ? Math.min(defaultMinFree(heap), maxFree) : bytes('--min-free', raw.minFree);
  if (maxFree > heap) {
    throw new UsageError(
      `--max-free ${raw.maxFree}: is more than the heap of ${formatBytes(heap)}; use less`,
    );
  }
  if (minFree > maxFree) {
    const most = raw.maxFree === undefined ? 'the heap' : '--max-free';
    throw new UsageError(
      `--min-free ${raw.minFree}: is more than ${most}, ${formatBytes(maxFree)}; use less`,
    );
  }
  return {
    utilization: utilization === undefined ? null : fraction('--utilization', utilization),
    minFree,
    maxFree,
    period: period === undefined ? null : integer('--period', period, [1, MAX_PERIOD_MS]),
  };
}

function densePrefix(text: string): number | null {
  if (text === 'off') return null;
  const value = decimal(text);
  if (value >= LEAST_DENSITY && value <= 1) return value;
  throw new UsageError(
    `--dense-prefix ${text}: must be a fraction from ${LEAST_DENSITY} to 1, as 0.95, or off`,
  );
}

function fraction(option: string, text: string): number {
  const value = decimal(text);
  if (value > 0 && value < 1) return value;
  throw new UsageError(`${option} ${text}: must be a fraction between 0 and 1, as 0.5`);
}

function decimal(text: string): number {
  return /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
}

/** Puts the option's name before the message of what `parse` finds wrong. */
function named<Value>(option: string, parse: () => Value): Value {
  try {
    return parse();
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`${option} ${error.message}`) : error;
  }
}

function parseSettings(texts: readonly string[]): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const text of texts) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) {
      throw new UsageError(`--set ${text}: must be name=value, as --set depth=16`);
    }
    if (settings.has(name)) throw new UsageError(`--set ${text}: ${name} is set twice; set it once`);
    settings.set(name, value);
  }
  return settings;
}
