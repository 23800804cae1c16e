/** Where two kernels disagree about a program. */
import type { Program } from './program.ts';
import type { Moment, Trace } from './stage.ts';

export interface Difference {
  /** The step, from 0. */
  readonly step: number;
  readonly sim: string;
  readonly linux: string;
}

/**
 * The first step after which the two say different things; null: none up to where threads raced (stage.ts). The second trace
 * may be shorter (foresee.ts).
 */
export function differenceOf(sim: Trace, linux: Trace): Difference | null {
  let raced = false;
  for (const [step, moment] of linux.entries()) {
    const other = sim[step] as Moment;
    const [one, two] = [JSON.stringify(other), JSON.stringify(moment)];
    raced ||= moment.race === true && other.race === true;
    if (one !== two) return raced ? null : { step, sim: one, linux: two };
  }
  return null;
}

/** The step and what each kernel said, on three lines. */
export function describeDifference({ steps }: Program, { step, sim, linux }: Difference): string {
  return `step ${step}: ${JSON.stringify(steps[step])}\n  sim    ${sim}\n  linux  ${linux}`;
}
