/** The median of the rounds, with a 95 % interval by percentile bootstrap; and what follows from medians. */
import { median, quantileSorted } from 'simple-statistics';
import { below, type Random } from '../metrics/random.ts';
import type { Estimate } from './schema.ts';

const RESAMPLES = 1000;

/** Of one value or more; a single one is its own interval. */
export function estimate(values: readonly number[], random: Random): Estimate {
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[below(random, values.length)] as number)),
  ).sort((a, b) => a - b);
  return {
    median: median([...values]),
    low95: quantileSorted(medians, 0.025),
    high95: quantileSorted(medians, 0.975),
  };
}
