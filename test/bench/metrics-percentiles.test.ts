/** Percentiles and medians agree with slow versions of their definitions. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { maxOf, medianOf, summarize } from '../../dist/bench/metrics/summary.js';

/** Type 7: on the line through the sorted values at 0 … 1, evenly spaced. */
function slowQuantile(values: readonly number[], quantile: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = quantile * (sorted.length - 1);
  const before = sorted[Math.floor(position)] as number;
  const after = sorted[Math.ceil(position)] as number;
  return before + (after - before) * (position - Math.floor(position));
}

const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 });

it('of any values', () => {
  fc.assert(
    fc.property(values, (stalls) => {
      const summary = summarize(stalls);
      expect(summary.count).toBe(stalls.length);
      expect(summary.p50).toBeCloseTo(slowQuantile(stalls, 0.5), 6);
      expect(summary.p90).toBeCloseTo(slowQuantile(stalls, 0.9), 6);
      expect(summary.p99).toBeCloseTo(slowQuantile(stalls, 0.99), 6);
      expect(summary.p999).toBeCloseTo(slowQuantile(stalls, 0.999), 6);
      expect(summary.max).toBe(Math.max(...stalls));
      expect(medianOf(stalls)).toBeCloseTo(slowQuantile(stalls, 0.5), 6);
      expect(maxOf(stalls)).toBe(Math.max(...stalls));
    }),
  );
});

it('of nothing is null', () => {
  expect(summarize([])).toEqual({ count: 0, p50: null, p90: null, p99: null, p999: null, max: null });
  expect(medianOf([])).toBeNull();
  expect(maxOf([])).toBeNull();
});

it('of more values than a call takes arguments', () => {
  expect(summarize(Array.from({ length: 300_000 }, (_, i) => i))).toMatchObject({
    count: 300_000,
    max: 299_999,
  });
});
