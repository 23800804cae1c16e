/**
 * What `fuzz` does: random programs on both kernels in lock step, up to the first one that tells them apart; before them
 * those that did so in the past.
 */
import { CheckError } from '../errors.ts';
import { interruption, unlessInterrupted } from '../interrupt.ts';
import type { Kernels } from '../litmus/kernels.ts';
import { bundledPrograms } from '../litmus/load.ts';
import { createProgress, type Progress } from '../progress.ts';
import { emptyCoverage } from './coverage.ts';
import { findIn } from './finding.ts';
import { openLanes } from './lanes.ts';
import type { FuzzCall } from './options.ts';
import { programs } from './programs.ts';
import { howFast, type Ran, report } from './report.ts';
import { firstDifference, runOne, type Search } from './search.ts';
import { tellDifference } from './tell-difference.ts';

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
    throw await tellDifference({ call, generated, kernels: lanes.first, progress, signal }, found);
  } finally {
    lanes.close();
    progress.end();
  }
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
