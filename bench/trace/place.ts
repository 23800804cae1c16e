/** Where the events of a run lie in a timeline: their process, and their times. */

export interface Place {
  readonly pid: number;
  /** When the run's heap was opened, in ms from when the first one was. */
  readonly openedMs: number;
}

/**
 * Steps of a timeline in a µs, 125 ns each: the finest that are whole ns, as Perfetto counts, and that binary fractions hold,
 * so that begin and duration of a slice add up to exactly its end. DevTools adds them, and drops a slice that then ends
 * after the one around it.
 */
const STEPS = 8;
export const STEP_US = 1 / STEPS;

/** In µs: what is within another slice stays so, since rounding keeps the order. */
export function micros({ openedMs }: Place, ms: number): number {
  return Math.round((openedMs + ms) * 1000 * STEPS) / STEPS;
}
