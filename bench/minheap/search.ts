/** The smallest heap that the same work fits into, by bisection. */
import { formatBytes } from '../../heap/errors.ts';
import { CheckError } from '../errors.ts';

/**
 * How a run in a heap ended; `refused`: so small a heap cannot be opened. What is none of these, as a thread that dies, ends the
 * search.
 */
export type Outcome = 'fits' | 'out of memory' | 'too slow' | 'refused';

export interface Trial {
  readonly bytes: number;
  readonly outcome: Outcome;
  readonly seconds: number;
}

export interface SmallestHeap {
  readonly bytes: number;
  /** The largest heap that was found too small: the smallest one is between the two. */
  readonly failedBytes: number;
  readonly trials: readonly Trial[];
}

export interface Bounds {
  /** What is tried first. */
  readonly firstBytes: number;
  readonly mostBytes: number;
  /** Heaps are multiples of it. */
  readonly unitBytes: number;
}

/** The two ends of what is searched differ by so much of the upper one at the end, or by a unit. */
const PRECISION = 0.01;

/**
 * Doubles the first heap until the work fits, and then halves what is between.
 * @throws CheckError if the largest does not do, and whatever `attempt` throws
 */
export async function findSmallestHeap(
  attempt: (bytes: number) => Promise<Trial>,
  { firstBytes, mostBytes, unitBytes }: Bounds,
): Promise<SmallestHeap> {
  const trials: Trial[] = [];
  const fits = async (bytes: number): Promise<boolean> => {
    const trial = await attempt(bytes);
    trials.push(trial);
    return trial.outcome === 'fits';
  };
  let [low, high] = [0, firstBytes];
  while (!(await fits(high))) {
    if (high === mostBytes)
      throw new CheckError(
        `it does not fit into the largest heap, ${formatBytes(mostBytes)}: ${trials.at(-1)?.outcome}`,
      );
    [low, high] = [high, Math.min(2 * high, mostBytes)];
  }
  while (high - low > Math.max(unitBytes, high * PRECISION)) {
    const middle = Math.round((low + high) / 2 / unitBytes) * unitBytes;
    if (await fits(middle)) high = middle;
    else low = middle;
  }
  return { bytes: high, failedBytes: low, trials };
}
