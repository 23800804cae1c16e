/** What `litmus` does: runs programs on the kernels, and says whether every outcome of linux is one of the simulator. */
import { CheckError, EXIT, HostError } from '../errors.ts';
import { interruption, unlessInterrupted } from '../interrupt.ts';
import { print, writeJson } from '../output.ts';
import { createProgress } from '../progress.ts';
import { describeDifference, differenceOf } from './difference.ts';
import { endingOf } from './foresee.ts';
import { type KernelName, type Kernels, openKernels } from './kernels.ts';
import { bundledPrograms, loadProgram } from './load.ts';
import type { LitmusCall } from './options.ts';
import { EXPECTED } from './outcome.ts';
import type { Repeated } from './repeat.ts';
import { type Program, ProgramSchema } from './schema.ts';
import type { Trace } from './stage.ts';

export const LITMUS_SCHEMA = 'minorfault/litmus/1';

/** What became of one program. */
export interface LitmusResult {
  readonly name: string;
  readonly shows: string;
  /** By kernel: outcome → runs. */
  readonly outcomes: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** By kernel that it did not run on: why. */
  readonly skipped: Readonly<Record<string, string>>;
  /** What is wrong: nothing, if it is empty. */
  readonly wrong: readonly string[];
}

/**
 * @returns the exit code
 * @throws UsageError for a file that is no program, InterruptedError, CheckError once all is told if something is wrong
 */
export async function litmusCommand(call: LitmusCall): Promise<number> {
  const programs = call.files.length === 0 ? bundledPrograms() : call.files.map(loadProgram);
  const signal = interruption();
  const progress = createProgress(process.stderr, call.quiet);
  const kernels = openKernels(call.profile ?? {});
  try {
    if (call.note !== null) progress.note(call.note);
    const results: LitmusResult[] = [];
    for (const [i, program] of programs.entries()) {
      progress.watch(() => `${i + 1} of ${programs.length}: ${program.name}`);
      results.push(await unlessInterrupted(signal, resultOf(kernels, program, call)));
    }
    progress.end();
    return report(results, call);
  } finally {
    kernels.close();
    progress.end();
  }
}

/** @returns the exit code */
export function printSchema(): number {
  print(JSON.stringify(ProgramSchema, null, 2));
  return EXIT.done;
}

async function resultOf(kernels: Kernels, program: Program, call: LitmusCall): Promise<LitmusResult> {
  const found = new Map<KernelName, Repeated>();
  const wrong: string[] = [];
  const skipped: Record<string, string> = {};
  for (const kernel of call.kernels) {
    const answer = await kernels.repeat(program, kernel, call);
    if ('died' in answer) wrong.push(answer.died);
    else if ('skipped' in answer) skipped[kernel] = answer.skipped;
    else found.set(kernel, answer.repeated);
  }
  const [sim, linux] = [found.get('sim'), found.get('linux')];
  if (sim !== undefined && linux !== undefined) {
    const allowing = await untilAllowed(kernels, program, call, sim, linux);
    found.set('sim', allowing);
    wrong.push(...differences(program, allowing, linux));
    if (wrong.length === 0) wrong.push(...(await wrongEnding(kernels, program, allowing.trace)));
  }
  for (const [kernel, { outcomes }] of found)
    wrong.push(...unexpected(program, kernel, Object.keys(outcomes)));
  const outcomes = Object.fromEntries([...found].map(([kernel, repeated]) => [kernel, repeated.outcomes]));
  return { name: program.name, shows: program.shows ?? '', outcomes, skipped, wrong };
}

/**
 * Whether linux ends the process as the simulator says, at the first access that does so: everywhere else a system call is made in
 * its place, whose EFAULT tells no signal.
 */
async function wrongEnding(kernels: Kernels, program: Program, sim: Trace | null): Promise<string[]> {
  const ending = sim === null ? null : endingOf(sim);
  if (ending === null) return [];
  const signal = await kernels.end({ ...program, steps: program.steps.slice(0, ending.step + 1) });
  if (signal === ending.signal) return [];
  return [`step ${ending.step}: sim says ${ending.signal}, and linux ends the process with ${signal}`];
}

/** Of a race: how often the simulator runs again as many times, for an outcome that linux has shown and it has not. */
const MORE_ROUNDS = 40;

/** What the simulator allows is known by its runs alone: some outcomes take many. */
async function untilAllowed(
  kernels: Kernels,
  program: Program,
  { runs, seed }: LitmusCall,
  sim: Repeated,
  linux: Repeated,
): Promise<Repeated> {
  const outcomes: Record<string, number> = { ...sim.outcomes };
  const isAllowed = (): boolean => Object.keys(linux.outcomes).every((outcome) => outcome in outcomes);
  for (let round = 1; program.race !== undefined && round <= MORE_ROUNDS && !isAllowed(); round++) {
    const answer = await kernels.repeat(program, 'sim', { runs: Math.max(runs, 50), seed: seed + round });
    if (!('repeated' in answer)) break;
    for (const [outcome, count] of Object.entries(answer.repeated.outcomes))
      outcomes[outcome] = (outcomes[outcome] ?? 0) + count;
  }
  return { ...sim, outcomes };
}

function unexpected(program: Program, kernel: string, outcomes: readonly string[]): string[] {
  const bad =
    program.race === undefined
      ? outcomes.filter((outcome) => outcome !== EXPECTED)
      : outcomes.filter((outcome) => program.forbidden?.includes(outcome));
  return bad.map((outcome) => `${kernel}: ${outcome}`);
}

/** Of a race, outcomes of linux that the simulator has not shown; else the first step that they differ in. */
function differences(program: Program, sim: Repeated, linux: Repeated): string[] {
  if (sim.trace !== null && linux.trace !== null) {
    const difference = differenceOf(sim.trace, linux.trace);
    return difference === null ? [] : [describeDifference(program, difference)];
  }
  const strange = Object.keys(linux.outcomes).filter((outcome) => sim.outcomes[outcome] === undefined);
  return strange.map((outcome) => `linux shows what sim has not: ${outcome}`);
}

function report(results: readonly LitmusResult[], { json, runs, kernels }: LitmusCall): number {
  if (json !== '-') print(results.map(render).join('\n'));
  if (json !== null) writeJson('--json', json, { schema: LITMUS_SCHEMA, runs, kernels, results });
  const wrong = results.filter((result) => result.wrong.length > 0);
  const ran = Object.keys(Object.assign({}, ...results.map((result) => result.outcomes)));
  const skipped = results.filter((result) => Object.keys(result.skipped).length > 0);
  const [why] = skipped.flatMap((result) => Object.values(result.skipped));
  if (ran.length === 0)
    throw new HostError(why ?? 'no kernel ran any of the programs; see minorfault doctor');
  if (wrong.length > 0) {
    const names = wrong.map(({ name }) => name).join(', ');
    throw new CheckError(`${wrong.length} of ${results.length} programs went wrong: ${names}`);
  }
  const but = skipped.length === 0 ? '' : `, but for ${skipped.length} that were skipped on a kernel`;
  if (json !== '-')
    print(
      `${results.length} programs, ${runs} runs each on ${kernels.join(' and ')}${but}: all as they must be`,
    );
  return EXIT.done;
}

/** A line, and under it what is wrong or, of a race, each outcome with how often it was seen. */
function render({ name, shows, outcomes, skipped, wrong }: LitmusResult): string {
  const head = `${wrong.length === 0 ? 'ok  ' : 'WRONG'} ${name}: ${shows}`;
  const seen = new Set(Object.values(outcomes).flatMap((counts) => Object.keys(counts)));
  const isRace = [...seen].some((outcome) => outcome.includes(': ') && outcome.startsWith('T'));
  const lines = [...seen].map((outcome) => {
    const counts = Object.entries(outcomes).map(([kernel, each]) => `${kernel} ${each[outcome] ?? 0}`);
    return `       ${counts.join('  ').padEnd(24)}  ${outcome}`;
  });
  const notes = Object.entries(skipped).map(([kernel, why]) => `SKIPPED on ${kernel}: ${why}`);
  return [head, ...(isRace ? lines : []), ...[...notes, ...wrong].map((line) => `       ${line}`)].join('\n');
}
