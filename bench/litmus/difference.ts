/** Where two kernels disagree about a program. */
import type { Program } from './program.ts';
import type { Moment, Trace } from './stage.ts';

export interface Difference {
  /** The step, from 0. */
  readonly step: number;
  readonly sim: string;
  readonly linux: string;
}

/** How far two traces go together. */
export interface Comparison {
  /** Steps after which they say the same, from the first one on. */
  readonly agreed: number;
  /** What ends that; null: nothing does, up to where threads raced (stage.ts) or the second trace ends (foresee.ts). */
  readonly difference: Difference | null;
}

/** Whether the kernels say the same of a step. */
export function agree(sim: Moment, linux: Moment): boolean {
  return JSON.stringify(sim) === JSON.stringify(linux);
}

export function compareTraces(sim: Trace, linux: Trace): Comparison {
  let raced = false;
  for (const [step, moment] of linux.entries()) {
    const other = sim[step] as Moment;
    raced ||= moment.race === true && other.race === true;
    if (agree(other, moment)) continue;
    const difference = { step, sim: JSON.stringify(other), linux: JSON.stringify(moment) };
    return { agreed: step, difference: raced ? null : difference };
  }
  return { agreed: linux.length, difference: null };
}

/** The first step after which the two say different things; null: none that a kernel is to blame for. */
export function differenceOf(sim: Trace, linux: Trace): Difference | null {
  return compareTraces(sim, linux).difference;
}

/** The step and what each kernel said, on three lines. */
export function describeDifference({ steps }: Program, { step, sim, linux }: Difference): string {
  return `step ${step}: ${JSON.stringify(steps[step])}\n  sim    ${sim}\n  linux  ${linux}`;
}
