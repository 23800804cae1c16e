/**
 * What `fuzz` does: random programs on both kernels in lock step, up to the first one that tells them apart; before them
 * those that did so in the past.
 */
import fc from 'fast-check';
import { CheckError, EXIT } from '../errors.ts';
import { interruption, unlessInterrupted } from '../interrupt.ts';
import { describeDifference, differenceOf } from '../litmus/difference.ts';
import { type Kernels, openKernels } from '../litmus/kernels.ts';
import { bundledPrograms } from '../litmus/load.ts';
import type { Program } from '../litmus/program.ts';
import type { Trace } from '../litmus/stage.ts';
import { print, writeJson } from '../output.ts';
import { createProgress, type Progress } from '../progress.ts';
import { addTo, type Coverage, renderCoverage } from './coverage.ts';
import type { FuzzCall } from './options.ts';
import { programs } from './programs.ts';

/**
 * @returns the exit code
 * @throws InterruptedError, CheckError if the kernels differ: the program is as small as it gets, and has been saved
 */
export async function fuzzCommand(call: FuzzCall): Promise<number> {
  const signal = interruption();
  const progress = createProgress(process.stderr, call.quiet);
  const kernels = openKernels();
  const coverage: Coverage = new Map();
  const began = performance.now();
  let ran = 0;
  progress.watch(() => `${ran} of ${call.programs} programs, ${rate(ran, began)}`);
  try {
    await unlessInterrupted(signal, replayCorpus(kernels));
    const huge = await hasHugePages(kernels, progress);
    const property = fc.asyncProperty(programs(call.steps, huge), async (program) => {
      signal.throwIfAborted();
      ran++;
      const wrong = await told(kernels, program, (trace) => addTo(coverage, program, trace));
      // Once more: a difference of threads that raced is none of the kernels.
      if (wrong !== null && (await told(kernels, program)) !== null) throw new Difference(wrong);
    });
    const checked = fc.check(property, { numRuns: call.programs, seed: call.seed });
    const found = await unlessInterrupted(signal, checked);
    progress.end();
    if (found.failed) throw saved(call, (found.counterexample as [Program])[0], found.errorInstance);
    print(renderCoverage(coverage));
    print(
      `${ran} programs of up to ${call.steps} steps (seed ${call.seed}), ${rate(ran, began)}: no difference`,
    );
    return EXIT.done;
  } finally {
    kernels.close();
    progress.end();
  }
}

/** Whether programs can have huge pages; if not, that is told. */
async function hasHugePages(kernels: Kernels, { note }: Progress): Promise<boolean> {
  const claim = await kernels.claimHugePages();
  const why = 'died' in claim ? claim.died : claim.claimed;
  if (why !== null) note(`without huge pages: ${why}`);
  return why === null;
}

/** Programs that once told the kernels apart. */
const CORPUS = new URL('./corpus/', import.meta.url);

async function replayCorpus(kernels: Kernels): Promise<void> {
  for (const program of bundledPrograms(CORPUS)) {
    const wrong = await told(kernels, program);
    if (wrong !== null) throw new CheckError(`a difference of old is back: ${program.name}: ${wrong}`);
  }
}

class Difference extends Error {}

/** What tells the kernels apart, or null. */
async function told(
  kernels: Kernels,
  program: Program,
  look: (sim: Trace) => void = () => {},
): Promise<string | null> {
  const outcome = await kernels.compare(program);
  if ('died' in outcome) return outcome.died;
  if ('skipped' in outcome) return null;
  const [sim, linux] = outcome.traces;
  look(sim);
  const difference = differenceOf(sim, linux);
  return difference === null ? null : describeDifference(program, difference);
}

/** @throws what was thrown, if that is no difference */
function saved({ save, seed }: FuzzCall, program: Program, error: unknown): CheckError {
  if (!(error instanceof Difference)) throw error;
  writeJson('--save', save, { ...program, name: `found-${seed}`, shows: 'the kernels differ' });
  print(error.message);
  return new CheckError(`the kernels differ (seed ${seed}): run it again with minorfault litmus ${save}`);
}

function rate(ran: number, began: number): string {
  return `${((ran / (performance.now() - began)) * 1000).toFixed(0)} a second`;
}
