/** What a program shows that tells the kernels apart. */
import { compareTraces, describeDifference } from '../litmus/difference.ts';
import type { Kernels } from '../litmus/kernels.ts';
import type { Program } from '../litmus/program.ts';
import { addTo, type Coverage } from './coverage.ts';

export interface Finding {
  /** In a line or two. */
  readonly text: string;
  /** It did not come to its end. */
  readonly died: boolean;
  /** It had to be ended: to run it once more takes long. */
  readonly hung: boolean;
}

/** What tells the kernels apart, or null. The steps that they agree in are counted. */
export async function findIn(
  kernels: Kernels,
  program: Program,
  coverage?: Coverage,
): Promise<Finding | null> {
  const outcome = await kernels.compare(program);
  if ('died' in outcome) return { text: outcome.died, died: true, hung: outcome.hung };
  if ('skipped' in outcome) return null;
  const [sim, linux] = outcome.traces;
  const { agreed, difference } = compareTraces(sim, linux);
  if (coverage !== undefined) addTo(coverage, program, sim, outcome.cells, agreed);
  if (difference === null) return null;
  return { text: describeDifference(program, difference), died: false, hung: false };
}

/** Whether the simulated kernel says that it hits a cell that was not hit yet; or dies of it. */
export async function fillsGap(
  kernels: Kernels,
  program: Program,
  { cells, hits }: Coverage,
): Promise<boolean> {
  const foreseen = await kernels.foresee(program);
  if ('died' in foreseen) return true;
  return foreseen.cells.flat().some((key) => cells.has(key) && !hits.has(key));
}

/** Whether it shows something in one of two runs: of a difference that threads race for not every run tells. */
export async function isFoundIn(kernels: Kernels, program: Program): Promise<boolean> {
  return (await findIn(kernels, program)) !== null || (await findIn(kernels, program)) !== null;
}
