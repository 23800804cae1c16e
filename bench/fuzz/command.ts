/**
 * What `fuzz` does: random programs on both kernels in lock step, up to the first one that tells them apart; before them
 * those that did so in the past.
 */
import fc, { type Arbitrary } from 'fast-check';
import { CheckError, EXIT } from '../errors.ts';
import { interruption, unlessInterrupted } from '../interrupt.ts';
import { compareTraces, describeDifference } from '../litmus/difference.ts';
import type { Kernels } from '../litmus/kernels.ts';
import { bundledPrograms } from '../litmus/load.ts';
import type { Program } from '../litmus/program.ts';
import { print, writeJson } from '../output.ts';
import { createProgress, type Progress } from '../progress.ts';
import { addTo, type Coverage, emptyCoverage, gapsOf } from './coverage.ts';
import { coverageData, renderCoverage } from './coverage-table.ts';
import { type Lanes, openLanes } from './lanes.ts';
import type { FuzzCall } from './options.ts';
import { programs } from './programs.ts';
import { reduce } from './reduce.ts';

export const FUZZ_SCHEMA = 'minorfault/fuzz/1';

/**
 * @returns the exit code
 * @throws InterruptedError; CheckError if the kernels differ (the program is as small as it gets, and has been saved), or
 * if they answer what the rules of the coverage call impossible
 */
export async function fuzzCommand(call: FuzzCall): Promise<number> {
  const signal = interruption();
  const progress = createProgress(process.stderr, call.quiet);
  const began = performance.now();
  let ran = 0;
  progress.watch(() => `${ran} of ${call.programs} programs, ${rate(ran, began)}`);
  let coverage = emptyCoverage(false);
  const lanes = openLanes(call.jobs, async (kernels, program, number) => {
    const wrong = await told(kernels, program, coverage);
    // Once more: a difference of threads that raced is none of the kernels.
    if (wrong !== null && (await told(kernels, program)) !== null) throw new Difference(program, number);
    ran++;
  });
  try {
    await unlessInterrupted(signal, replayCorpus(lanes.first));
    const huge = await canBeHuge(lanes.first, progress);
    coverage = emptyCoverage(huge);
    const generated = programs(call.steps, { huge, forks: call.forks });
    const found = await unlessInterrupted(signal, firstDifference(call, generated, lanes, signal));
    progress.end();
    if (found === null) return report(call, coverage, rate(ran, began));
    const smaller = await unlessInterrupted(signal, shrunk(call, generated, lanes.first, found));
    throw await unlessInterrupted(signal, saved(lanes.first, call, smaller));
  } finally {
    lanes.close();
    progress.end();
  }
}

/** Runs all programs, or up to the first that tells the kernels apart. */
async function firstDifference(
  { programs, seed }: FuzzCall,
  generated: Arbitrary<Program>,
  lanes: Lanes,
  signal: AbortSignal,
): Promise<Difference | null> {
  const property = fc.asyncProperty(generated, (program) => {
    signal.throwIfAborted();
    return lanes.run(program);
  });
  const { errorInstance } = await fc.check(property, { numRuns: programs, seed, endOnFailure: true });
  try {
    await lanes.idle();
  } catch (error) {
    if (error instanceof Difference) return error;
    throw error;
  }
  if (errorInstance) throw errorInstance;
  return null;
}

/** The program as fast-check shrinks it; itself if it does not tell the kernels apart once more. */
async function shrunk(
  { seed }: FuzzCall,
  generated: Arbitrary<Program>,
  kernels: Kernels,
  { program, number }: Difference,
): Promise<Program> {
  const property = fc.asyncProperty(generated, async (smaller) => {
    return (await told(kernels, smaller)) === null || (await told(kernels, smaller)) === null;
  });
  const { counterexample } = await fc.check(property, { seed, path: String(number), numRuns: 1 });
  return counterexample?.[0] ?? program;
}

/** Whether programs can have huge pages; if not, that is told. */
async function canBeHuge(kernels: Kernels, { note }: Progress): Promise<boolean> {
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

/** What a program has shown. */
class Difference extends Error {
  readonly program: Program;
  /** From 0. */
  readonly number: number;

  constructor(program: Program, number: number) {
    super('the kernels differ');
    this.program = program;
    this.number = number;
  }
}

/** What tells the kernels apart, or null. The steps that they agree in are counted. */
async function told(kernels: Kernels, program: Program, coverage?: Coverage): Promise<string | null> {
  const outcome = await kernels.compare(program);
  if ('died' in outcome) return outcome.died;
  if ('skipped' in outcome) return null;
  const [sim, linux] = outcome.traces;
  const { agreed, difference } = compareTraces(sim, linux);
  if (coverage !== undefined) addTo(coverage, program, sim, outcome.cells, agreed);
  return difference === null ? null : describeDifference(program, difference);
}

async function saved(kernels: Kernels, { save, seed }: FuzzCall, program: Program): Promise<CheckError> {
  const differs = async (smaller: Program): Promise<boolean> =>
    (await told(kernels, smaller)) !== null && (await told(kernels, smaller)) !== null;
  const smallest = await reduce(program, differs);
  writeJson('--save', save, { ...smallest, name: `found-${seed}`, shows: 'the kernels differ' });
  print((await told(kernels, smallest)) ?? 'the threads of the program race: not every run of it shows it');
  return new CheckError(`the kernels differ (seed ${seed}): run it again with minorfault litmus ${save}`);
}

/** @returns the exit code. @throws CheckError if a rule is wrong */
function report({ json, programs, steps, seed }: FuzzCall, coverage: Coverage, rate: string): number {
  if (json !== '-') print(renderCoverage(coverage));
  if (json !== null)
    writeJson('--json', json, { schema: FUZZ_SCHEMA, programs, steps, seed, ...coverageData(coverage) });
  const { wrong } = gapsOf(coverage);
  if (wrong.length > 0)
    throw new CheckError(
      `the kernel has answered what it cannot by bench/fuzz/*-rules.ts: mend the rule of ${wrong.join('; ')}`,
    );
  if (json !== '-')
    print(`${programs} programs of up to ${steps} steps (seed ${seed}), ${rate}: no difference`);
  return EXIT.done;
}

function rate(ran: number, began: number): string {
  return `${((ran / (performance.now() - began)) * 1000).toFixed(0)} a second`;
}
