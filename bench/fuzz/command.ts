/**
 * What `fuzz` does: random programs on both kernels in lock step, up to the first one that tells them apart; before them
 * those that did so in the past.
 */
import fc, { type Arbitrary } from 'fast-check';
import { CheckError, InterruptedError } from '../errors.ts';
import { interruption, unlessInterrupted } from '../interrupt.ts';
import type { Kernels } from '../litmus/kernels.ts';
import { bundledPrograms } from '../litmus/load.ts';
import type { Program } from '../litmus/program.ts';
import { print, writeJson } from '../output.ts';
import { createProgress, type Progress } from '../progress.ts';
import { emptyCoverage } from './coverage.ts';
import { findIn, isFoundIn } from './finding.ts';
import { openLanes } from './lanes.ts';
import type { FuzzCall } from './options.ts';
import { programs } from './programs.ts';
import { reduce } from './reduce.ts';
import { howFast, type Ran, report } from './report.ts';
import { type Difference, firstDifference, runOne, type Search } from './search.ts';

/**
 * @returns the exit code
 * @throws InterruptedError (what random programs have come to by then is told); CheckError if the kernels differ (the program is as small as it
 * gets, and has been saved), or if they answer what the rules of the coverage call impossible
 */
export async function fuzzCommand(call: FuzzCall): Promise<number> {
  const signal = interruption();
  const progress = createProgress(process.stderr, call.quiet);
  const ran: Ran = { began: performance.now(), programs: 0, onLinux: 0 };
  const search: Search = { call, progress, ran, coverage: emptyCoverage(false) };
  progress.watch(() => `${ran.programs} of ${call.programs} programs${howFast(call, ran)}`);
  const lanes = openLanes(call.jobs, async (own, program, number) => {
    if (await runOne(search, own, lanes.first, program, number)) ran.onLinux++;
    ran.programs++;
  });
  try {
    await unlessInterrupted(signal, replayCorpus(lanes.first));
    const isHuge = call.huge > 0 && (await canBeHuge(lanes.first, progress));
    search.coverage = emptyCoverage(isHuge);
    const generated = programs(call.steps, { huge: isHuge ? call.huge : 0, forks: call.forks });
    const found = await firstDifference(search, generated, lanes, signal);
    if (found === null) {
      progress.end();
      return report(call, search.coverage, ran);
    }
    save(call, found.program);
    const telling = unlessInterrupted(signal, tell(call, generated, lanes.first, found, progress));
    throw await telling.catch((error) => {
      if (!(error instanceof InterruptedError)) throw error;
      return new InterruptedError(
        error.signal,
        `what tells the kernels apart is in ${call.save}, not made smaller`,
      );
    });
  } finally {
    lanes.close();
    progress.end();
  }
}

/** The program as fast-check shrinks it; itself if it does not tell the kernels apart once more. */
async function shrunk(
  { seed }: FuzzCall,
  generated: Arbitrary<Program>,
  kernels: Kernels,
  { program, number }: Difference,
): Promise<Program> {
  const property = fc.asyncProperty(generated, async (smaller) => {
    return !(await isFoundIn(kernels, smaller));
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
    const wrong = await findIn(kernels, program);
    if (wrong !== null) throw new CheckError(`a difference of old is back: ${program.name}: ${wrong.text}`);
  }
}

function save({ save, seed }: FuzzCall, program: Program): void {
  writeJson('--save', save, { ...program, name: `found-${seed}`, shows: 'the kernels differ' });
}

/** Makes the program, which is saved already, as small as it gets, and says what it shows. */
async function tell(
  call: FuzzCall,
  generated: Arbitrary<Program>,
  kernels: Kernels,
  found: Difference,
  progress: Progress,
): Promise<CheckError> {
  const { number, finding } = found;
  let { text } = finding;
  const { save: file } = call;
  if (finding.hung) {
    text = `${text}\n(the program is saved as it was found: each run of a smaller one could hang as long)`;
  } else {
    progress.note(`program ${number} tells the kernels apart, and is in ${file}: making it smaller\n${text}`);
    progress.watch(() => `making program ${number} smaller`);
    const smaller = await shrunk(call, generated, kernels, found);
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
