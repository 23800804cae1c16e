/**
 * Durations by size, in buckets that grow with them: each doubling has as many, so that what is told of a value is within 3 % of
 * it, however long it is (the idea of HdrHistogram, Gil Tene).
 */

/** Buckets of a doubling. */
const PARTS = 32;

/** Least value of a bucket, in µs, and how many values were in it; in the order of values. */
export type Histogram = readonly (readonly [us: number, count: number])[];

/** @param values in µs; what is 0 or less counts as 0 */
export function histogramOf(values: readonly number[]): Histogram {
  const counts = new Map<number, number>();
  for (const value of values) {
    const least = leastOf(value);
    counts.set(least, (counts.get(least) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a - b);
}

/** The least value of the bucket that a value is in. */
function leastOf(value: number): number {
  if (!(value > 0)) return 0;
  const doubling = 2 ** Math.floor(Math.log2(value));
  return doubling * (1 + Math.floor((value / doubling - 1) * PARTS) / PARTS);
}

/** All counts together. */
export function merged(histograms: readonly Histogram[]): Histogram {
  const counts = new Map<number, number>();
  for (const [least, count] of histograms.flat()) counts.set(least, (counts.get(least) ?? 0) + count);
  return [...counts].sort(([a], [b]) => a - b);
}
