/** Medians and percentiles. Quantiles interpolate between the two nearest values (type 7: R's and numpy's default). */
import { median, quantileSorted } from 'simple-statistics';
import type { StallSummary } from '../results.ts';

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}

/** The median, or null of no values. */
export function medianOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : median([...values]);
}

/** The largest value, or null of none. A loop: there may be more values than a call takes arguments. */
export function maxOf(values: readonly number[]): number | null {
  return values.reduce<number | null>((max, value) => (max === null || value > max ? value : max), null);
}

/** Count, percentiles and maximum; all but the count are null if there is no value. */
export function summarize(values: readonly number[]): StallSummary {
  const sorted = ascending(values);
  const at = (quantile: number) => (sorted.length === 0 ? null : quantileSorted(sorted, quantile));
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) };
}
