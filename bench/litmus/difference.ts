/** Where two kernels disagree about a program. */
import type { Program } from './program.ts';
import type { Moment, Trace } from './stage.ts';

export interface Difference {
  /** The step, from 0. */
  readonly step: number;
  readonly sim: string;
  readonly linux: string;
}

/** The first step after which the two say different things; null: none. The second trace may be shorter (foresee.ts). */
export function differenceOf(sim: Trace, linux: Trace): Difference | null {
  for (const [step, moment] of linux.entries()) {
    const other = sim[step] as Moment;
    const [one, two] = [JSON.stringify(other), JSON.stringify(moment)];
    if (one === two) continue;
    return isRace(moment) && isRace(other) ? null : { step, sim: one, linux: two };
  }
  return null;
}

/** The step and what each kernel said, on three lines. */
export function describeDifference({ steps }: Program, { step, sim, linux }: Difference): string {
  return `step ${step}: ${JSON.stringify(steps[step])}\n  sim    ${sim}\n  linux  ${linux}`;
}

/** Threads that have woken at once race: what they find, and leave, is not the kernel's to say. */
function isRace({ woke = {} }: Moment): boolean {
  return Object.keys(woke).length > 1;
}
