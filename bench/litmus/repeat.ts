/** A program run many times on one kernel: which outcomes there were, and how often. */
import { createRandom } from '../workloads/random.ts';
import { differenceOf } from './difference.ts';
import { foreseeInStep } from './foresee.ts';
import { EXPECTED, outcomeOf, verdictOf } from './outcome.ts';
import type { Program } from './program.ts';
import type { Foreseen, Stage, Trace } from './stage.ts';

export interface Repeated {
  /** Outcome → runs. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Of a program without a race: what its first run said. */
  readonly trace: Trace | null;
}

/** How far threads of a race are held up: turns of a loop of some ten nanoseconds. */
const MOST_TURNS = 2000;

/**
 * @param foreseen what the simulator says of a program without a race, on a kernel that would end the process
 * @param seed of the delays
 */
export function repeat(
  stage: Stage,
  program: Program,
  { runs, seed, foreseen }: { readonly runs: number; readonly seed: number; readonly foreseen: Trace | null },
): Repeated {
  const outcomes: Record<string, number> = {};
  const random = createRandom(seed);
  const turns = (): number => Math.floor(random.float() ** 2 * MOST_TURNS);
  let trace: Trace | null = null;
  for (let run = 0; run < runs; run++) {
    let outcome: string;
    if (program.race === undefined) {
      const before = foreseen === null ? undefined : foreseeInStep(foreseen);
      const found = stage.run(program, before);
      trace ??= found;
      outcome = changed(trace, found) ?? verdict(program, found, before);
    } else outcome = outcomeOf(program, stage.race(program, turns));
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  return { outcomes, trace };
}

/** As if all runs had been one after the other. */
export function together(parts: readonly Repeated[]): Repeated {
  const outcomes: Record<string, number> = {};
  const trace = parts[0]?.trace ?? null;
  for (const part of parts) {
    const other = trace !== null && part.trace !== null ? changed(trace, part.trace) : null;
    for (const [outcome, runs] of Object.entries(part.outcomes))
      outcomes[other ?? outcome] = (outcomes[other ?? outcome] ?? 0) + runs;
  }
  return { outcomes, trace };
}

/** A program in lock step has one outcome. */
function changed(first: Trace, now: Trace): string | null {
  const difference = differenceOf(first, now);
  return difference === null ? null : `step ${difference.step}: not what the first run said`;
}

/** Nor is it as expected where the program ended as something else was foreseen, and more was expected of it. */
function verdict({ steps }: Program, found: Trace, foreseen: Foreseen | undefined): string {
  const said = verdictOf(steps, found);
  const left = steps.slice(found.length, foreseen?.end);
  if (said !== EXPECTED || left.every(({ expect }) => expect === undefined)) return said;
  return `step ${found.length - 1}: not what the simulator said, and the steps after it were not run`;
}
