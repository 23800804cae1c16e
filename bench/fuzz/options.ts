/** The options of `fuzz`, and how their texts become what to run. */
import { availableParallelism } from 'node:os';
import { chooseKernel } from '../../uffd/open.ts';
import { integer } from '../numbers.ts';

/** Options as the command line gives them: texts by long name. */
export interface RawFuzzOptions {
  readonly programs?: string;
  readonly steps?: string;
  readonly seed?: string;
  readonly huge?: string;
  readonly forks?: string;
  readonly gapsOnly?: true;
  readonly jobs?: string;
  readonly save?: string;
  readonly json?: string;
  readonly quiet?: true;
}

/** Flags and help of each option, in the order of the help. */
export const FUZZ_OPTIONS: readonly (readonly [flags: string, help: string])[] = [
  ['--programs <n>', 'how many programs (default: 1000)'],
  ['--steps <n>', 'the most steps of a program, beside those that open it (default: 40)'],
  ['--seed <n>', 'the same seed gives the same programs (default: one that is told)'],
  [
    '--huge <n>',
    'one program in so many has huge pages, where there is a pool of them (default: 4; 0: none)',
  ],
  ['--forks <n>', 'one program in so many has a second process (default: 0, none)'],
  [
    '--gaps-only',
    'run on linux what fills, by the simulated kernel, a cell that is empty; ends when none is (default: run all there)',
  ],
  ['--jobs <n>', 'how many programs run side by side (default: as many as there are processors, up to 4)'],
  ['--save <file>', 'where a program goes that tells the kernels apart (default: found-<seed>.litmus.json)'],
  ['--json <file>', 'write what was reached as JSON; - is standard output'],
  ['--quiet', 'no progress on standard error'],
];

/** By default. */
const MOST_JOBS = 4;

/** A resolved call. */
export interface FuzzCall {
  readonly programs: number;
  readonly steps: number;
  readonly seed: number;
  readonly huge: number;
  readonly forks: number;
  /** Programs by which no empty cell is filled run on the simulated kernel alone. */
  readonly gapsOnly: boolean;
  /** Programs that run side by side. */
  readonly jobs: number;
  readonly save: string;
  readonly json: string | null;
  readonly quiet: boolean;
}

/** @throws UsageError for a value that is wrong, KernelUnavailableError where there is no real kernel to compare with */
export function resolveFuzzOptions(raw: RawFuzzOptions): FuzzCall {
  const seed = integer('--seed', raw.seed ?? String(Math.floor(Math.random() * 2 ** 31)), [0, 2 ** 31 - 1]);
  chooseKernel('linux');
  return {
    programs: integer('--programs', raw.programs ?? '1000', [1, 100_000_000]),
    steps: integer('--steps', raw.steps ?? '40', [1, 200]),
    seed,
    huge: integer('--huge', raw.huge ?? '4', [0, 1000]),
    forks: integer('--forks', raw.forks ?? '0', [0, 1000]),
    gapsOnly: raw.gapsOnly ?? false,
    jobs: integer('--jobs', raw.jobs ?? String(Math.min(availableParallelism(), MOST_JOBS)), [1, 64]),
    save: raw.save ?? `found-${seed}.litmus.json`,
    json: raw.json ?? null,
    quiet: raw.quiet ?? false,
  };
}
