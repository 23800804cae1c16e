/** What becomes of a difference: its program is saved at once, made as small as it gets, and told. */
import fc, { type Arbitrary } from 'fast-check';
import { CheckError, InterruptedError } from '../errors.ts';
import { unlessInterrupted } from '../interrupt.ts';
import type { Kernels } from '../litmus/kernels.ts';
import type { Program } from '../litmus/program.ts';
import { print, writeJson } from '../output.ts';
import type { Progress } from '../progress.ts';
import { findIn, isFoundIn } from './finding.ts';
import type { FuzzCall } from './options.ts';
import { reduce } from './reduce.ts';
import type { Difference } from './search.ts';

export interface Surroundings {
  readonly call: FuzzCall;
  /** What the program came from. */
  readonly generated: Arbitrary<Program>;
  readonly kernels: Kernels;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** @returns what ends the command: a CheckError; an InterruptedError, if it was not made smaller for that */
export async function tellDifference(surroundings: Surroundings, found: Difference): Promise<Error> {
  const { call, signal } = surroundings;
  save(call, found.program);
  try {
    return await unlessInterrupted(signal, tell(surroundings, found));
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error;
    return new InterruptedError(
      error.signal,
      `what tells the kernels apart is in ${call.save}, not made smaller`,
    );
  }
}

function save({ save, seed }: FuzzCall, program: Program): void {
  writeJson('--save', save, { ...program, name: `found-${seed}`, shows: 'the kernels differ' });
}

/** Makes the program, which is saved already, as small as it gets, and says what it shows. */
async function tell(surroundings: Surroundings, found: Difference): Promise<CheckError> {
  const { call, kernels, progress } = surroundings;
  const { number, finding } = found;
  let { text } = finding;
  const { save: file } = call;
  if (finding.hung) {
    text = `${text}\n(the program is saved as it was found: each run of a smaller one could hang as long)`;
  } else {
    progress.note(`program ${number} tells the kernels apart, and is in ${file}: making it smaller\n${text}`);
    progress.watch(() => `making program ${number} smaller`);
    const smaller = await shrunk(surroundings, found);
    const smallest = await reduce(smaller, (program) => isFoundIn(kernels, program));
    save(call, smallest);
    text =
      (await findIn(kernels, smallest))?.text ??
      `${text}\n(the threads of the program race: not every run of it shows it)`;
  }
  progress.end();
  print(text);
  return new CheckError(
    `the kernels differ (seed ${call.seed}): run it again with minorfault litmus ${file}`,
  );
}

/** The program as fast-check shrinks it; itself if it does not tell the kernels apart once more. */
async function shrunk(
  { call: { seed }, generated, kernels }: Surroundings,
  { program, number }: Difference,
): Promise<Program> {
  const property = fc.asyncProperty(generated, async (smaller) => {
    return !(await isFoundIn(kernels, smaller));
  });
  const { counterexample } = await fc.check(property, { seed, path: String(number), numRuns: 1 });
  return counterexample?.[0] ?? program;
}
