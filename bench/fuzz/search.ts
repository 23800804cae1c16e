/** Random programs one after the other, up to the first that tells the kernels apart. */
import fc, { type Arbitrary } from 'fast-check';
import { InterruptedError } from '../errors.ts';
import { unlessInterrupted } from '../interrupt.ts';
import type { Kernels } from '../litmus/kernels.ts';
import { hasHugePages, type Program } from '../litmus/program.ts';
import type { Progress } from '../progress.ts';
import { type Coverage, gapsOf } from './coverage.ts';
import { type Finding, fillsGap, findIn } from './finding.ts';
import type { Lanes } from './lanes.ts';
import type { FuzzCall } from './options.ts';
import { type Ran, report } from './report.ts';

/** What is known of a call while its programs run. */
export interface Search {
  readonly call: FuzzCall;
  readonly progress: Progress;
  readonly ran: Ran;
  coverage: Coverage;
}

/** A program that tells the kernels apart. */
export class Difference extends Error {
  readonly program: Program;
  /** From 0. */
  readonly number: number;
  readonly finding: Finding;

  constructor(program: Program, number: number, finding: Finding) {
    super('the kernels differ');
    this.program = program;
    this.number = number;
    this.finding = finding;
  }
}

/**
 * @param own the kernels of a lane
 * @param hugeOnes those that have the huge pages
 * @returns whether it has run on linux, too
 * @throws Difference
 */
export async function runOne(
  { call, progress, coverage }: Search,
  own: Kernels,
  hugeOnes: Kernels,
  program: Program,
  number: number,
): Promise<boolean> {
  if (call.gapsOnly && !(await fillsGap(own, program, coverage))) return false;
  const kernels = hasHugePages(program) ? hugeOnes : own;
  const first = await findIn(kernels, program, coverage);
  if (first === null) return true;
  if (first.died) progress.note(`program ${number}: ${first.text}`);
  // Once more: a difference of threads that raced is none of the kernels.
  const again = await findIn(kernels, program);
  if (again !== null) throw new Difference(program, number, again);
  return true;
}

/** Runs all programs, or up to the first that tells the kernels apart, or until none is wanted any more. */
export async function firstDifference(
  { call, progress, ran, coverage }: Search,
  generated: Arbitrary<Program>,
  lanes: Lanes,
  signal: AbortSignal,
): Promise<Difference | null> {
  const isOver = () => call.gapsOnly && gapsOf(coverage).missed.length === 0;
  try {
    await unlessInterrupted(signal, runAll(call, generated, lanes, signal, isOver));
    return null;
  } catch (error) {
    if (error instanceof Difference) return error;
    if (!(error instanceof InterruptedError)) throw error;
    // Another lane may have been waited for.
    const found = lanes.failure();
    if (found instanceof Difference) return found;
    progress.end();
    tellSoFar(call, coverage, ran, progress);
    throw new InterruptedError(error.signal, 'the programs that had run by then are told of');
  }
}

/** A rule that is wrong, or a file that cannot be written, does not keep the command from ending as the signal asked for. */
function tellSoFar(call: FuzzCall, coverage: Coverage, ran: Ran, { note }: Progress): void {
  try {
    report(call, coverage, ran);
  } catch (error) {
    note(String(error));
  }
}

/** @throws what a program has thrown */
async function runAll(
  { programs, seed }: FuzzCall,
  generated: Arbitrary<Program>,
  lanes: Lanes,
  signal: AbortSignal,
  isOver: () => boolean,
): Promise<void> {
  const over = new Error('no program more is wanted');
  const property = fc.asyncProperty(generated, (program) => {
    signal.throwIfAborted();
    if (isOver()) throw over;
    return lanes.run(program);
  });
  const { errorInstance } = await fc.check(property, { numRuns: programs, seed, endOnFailure: true });
  await lanes.idle();
  if (errorInstance && errorInstance !== over) throw errorInstance;
}
