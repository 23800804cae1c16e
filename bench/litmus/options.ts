/** The options of `litmus`, and how their texts become what to run. */
import { chooseKernel } from '../../uffd/open.ts';
import { UsageError } from '../errors.ts';
import { integer } from '../numbers.ts';
import { PROFILE_OPTIONS, type RawProfile } from '../option-table.ts';
import { type GivenProfile, givenOption, parseProfile } from '../profile.ts';
import { suggestion } from '../suggest.ts';
import type { KernelName } from './kernels.ts';

/** Options as the command line gives them: texts by long name. */
export interface RawLitmusOptions extends RawProfile {
  readonly kernel?: string;
  readonly runs?: string;
  readonly seed?: string;
  readonly json?: string;
  readonly quiet?: true;
  readonly schema?: true;
}

/** Flags and help of each option, in the order of the help. */
export const LITMUS_OPTIONS: readonly (readonly [flags: string, help: string])[] = [
  [
    '--kernel <list>',
    'sim, linux, or both as sim,linux; auto: sim, and linux where it can be had (default: auto)',
  ],
  ...PROFILE_OPTIONS,
  ['--runs <n>', 'how often each program runs on each kernel (default: 50)'],
  ['--seed <n>', 'seed of how far threads of a race are held up (default: 1)'],
  ['--json <file>', 'write the results as JSON; - is standard output'],
  ['--schema', 'print the JSON schema of litmus files'],
  ['--quiet', 'no progress on standard error'],
];

/** A resolved call. */
export interface LitmusCall {
  /** Litmus files; none: the bundled programs. */
  readonly files: readonly string[];
  readonly kernels: readonly KernelName[];
  /** Which simulated kernel, if that was said: it is then alone. */
  readonly profile: GivenProfile | null;
  readonly runs: number;
  readonly seed: number;
  readonly json: string | null;
  readonly quiet: boolean;
  /** What to tell of a choice made for the caller. */
  readonly note: string | null;
}

/** @throws UsageError for a value that is wrong, KernelUnavailableError for a kernel that this host does not have */
export function resolveLitmusOptions(files: readonly string[], raw: RawLitmusOptions): LitmusCall {
  const profile = parseProfile(raw);
  return {
    files,
    profile,
    ...(profile === null ? resolveKernels(raw.kernel ?? 'auto') : simAlone(raw)),
    runs: integer('--runs', raw.runs ?? '50', [1, 1_000_000]),
    seed: integer('--seed', raw.seed ?? '1', [0, 2 ** 32 - 1]),
    json: raw.json ?? null,
    quiet: raw.quiet ?? false,
  };
}

/** What another release says is compared with nothing: the real kernel is not of it. */
function simAlone(raw: RawLitmusOptions): Pick<LitmusCall, 'kernels' | 'note'> {
  const { kernel = 'sim' } = raw;
  if (kernel === 'sim' || kernel === 'auto') return { kernels: ['sim'], note: null };
  throw new UsageError(`${givenOption(raw)}: is of the simulated kernel; use it with --kernel sim`);
}

function resolveKernels(text: string): Pick<LitmusCall, 'kernels' | 'note'> {
  if (text === 'auto') {
    const { kernel, why } = chooseKernel('auto');
    if (kernel === 'linux') return { kernels: ['sim', 'linux'], note: null };
    return { kernels: ['sim'], note: `the simulated kernel alone, since ${why}` };
  }
  const names = [...new Set(text.split(','))];
  for (const name of names) {
    if (name === 'sim' || name === 'linux') continue;
    const near = suggestion(name, ['sim', 'linux', 'auto']);
    throw new UsageError(`--kernel ${text}: ${name}: no such kernel${near}; use sim, linux or auto`);
  }
  if (names.includes('linux')) chooseKernel('linux');
  return { kernels: (['sim', 'linux'] as const).filter((name) => names.includes(name)), note: null };
}
