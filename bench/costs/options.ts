/** The options of `costs`, and how their texts become what to measure. */
import { chooseKernel } from '../../uffd/open.ts';
import { UsageError } from '../errors.ts';
import { integer } from '../numbers.ts';
import { suggestion } from '../suggest.ts';
import type { CostsConfig, KernelName } from './schema.ts';
import { MAX_BATCH } from './stage.ts';

/** Options as the command line gives them: texts by long name. */
export interface RawCostsOptions {
  readonly kernel?: string;
  readonly batches?: string;
  readonly rounds?: string;
  readonly seed?: string;
  readonly json?: string;
  readonly quiet?: true;
}

/** Flags and help of each option, in the order of the help. */
export const COSTS_OPTIONS: readonly (readonly [flags: string, help: string])[] = [
  ['--kernel <kernel>', 'sim, linux (and sim beside it) or auto: linux where it can be had (default: auto)'],
  ['--batches <list>', 'pages a call, as 1,16,256: powers of two (default: 1,4,16,64,256,512)'],
  ['--rounds <n>', 'how often everything is measured (default: 9)'],
  ['--seed <n>', 'seed of the order in each round (default: 1)'],
  ['--json <file>', 'write the results as JSON; - is standard output'],
  ['--quiet', 'no progress on standard error'],
];

/** A resolved call. */
export interface CostsCall {
  readonly config: CostsConfig;
  readonly json: string | null;
  readonly quiet: boolean;
  /** What to tell of a choice made for the caller. */
  readonly note: string | null;
}

const KERNELS = ['sim', 'linux', 'auto'] as const;
/** 8 MiB: past the second-level cache, and all that is measured fits any machine. */
const PAGES = 2048;
const FAULTS = 256;

/** @throws UsageError for a value that is wrong, KernelUnavailableError for a kernel that this host does not have */
export function resolveCostsOptions(raw: RawCostsOptions): CostsCall {
  const batches = parseBatches(raw.batches ?? '1,4,16,64,256,512');
  const rounds = integer('--rounds', raw.rounds ?? '9', [1, 1000]);
  const seed = integer('--seed', raw.seed ?? '1', [0, 2 ** 32 - 1]);
  const { kernels, note } = resolveKernels(raw.kernel ?? 'auto');
  return {
    config: { kernels, batches, rounds, seed, pages: PAGES, faults: FAULTS },
    json: raw.json ?? null,
    quiet: raw.quiet ?? false,
    note,
  };
}

function resolveKernels(name: string): { kernels: KernelName[]; note: string | null } {
  const wanted = KERNELS.find((known) => known === name);
  if (wanted === undefined) {
    throw new UsageError(
      `--kernel ${name}: no such kernel${suggestion(name, KERNELS)}; use sim, linux or auto`,
    );
  }
  const { kernel, why } = chooseKernel(wanted);
  return {
    kernels: kernel === 'linux' ? ['linux', 'sim'] : ['sim'],
    note: wanted === 'auto' ? `kernel: ${kernel}, since ${why}` : null,
  };
}

function parseBatches(text: string): number[] {
  const batches = text.split(',').map((part) => {
    const batch = /^ *\d+ *$/.test(part) ? Number(part) : 0;
    if (batch >= 1 && batch <= MAX_BATCH && Number.isInteger(Math.log2(batch))) return batch;
    throw new UsageError(
      `--batches ${text}: ${part.trim() === '' ? 'an empty batch' : part.trim()}: must be a power of two from 1 to ${MAX_BATCH}`,
    );
  });
  const twice = batches.find((batch, i) => batches.indexOf(batch) !== i);
  if (twice !== undefined) {
    throw new UsageError(`--batches ${text}: ${twice} is named twice; name each batch once`);
  }
  return batches.sort((a, b) => a - b);
}
