/** The ratio of medians and its interval: exact where that can be computed, null where it says nothing. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  medianOfMedians,
  pairedRatio,
  ratioOfMedians,
  type Samples,
} from '../../dist/bench/metrics/bootstrap.js';

function slowMedian(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] as number) + (sorted[Math.floor(half)] as number)) / 2;
}

const positive = fc.double({ min: 0.001, max: 1000, noNaN: true });
const samples = fc.array(fc.array(positive, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 });

it('the statistic is the median over invocations of the median within each', () => {
  fc.assert(
    fc.property(samples, (of) => {
      expect(medianOfMedians(of)).toBeCloseTo(slowMedian(of.map(slowMedian)), 9);
    }),
  );
});

it('the interval lies within what the values allow, and the same seed gives the same one', () => {
  fc.assert(
    fc.property(samples, samples, fc.nat(), (over, under, seed) => {
      const result = ratioOfMedians(over, under, seed);
      expect(result).toEqual(ratioOfMedians(over, under, seed));
      expect(result.ratio).toBeCloseTo(
        slowMedian(over.map(slowMedian)) / slowMedian(under.map(slowMedian)),
        9,
      );
      const single = over.flat().length < 2 || under.flat().length < 2;
      expect([result.low95 === null, result.high95 === null]).toEqual([single, single]);
      if (result.low95 === null || result.high95 === null) return;
      const least = Math.min(...over.flat()) / Math.max(...under.flat());
      const most = Math.max(...over.flat()) / Math.min(...under.flat());
      expect(result.low95).toBeGreaterThanOrEqual(least * (1 - 1e-9));
      expect(result.high95).toBeLessThanOrEqual(most * (1 + 1e-9));
      expect(result.low95).toBeLessThanOrEqual(result.high95);
    }),
    { numRuns: 15 },
  );
});

/**
 * All resamples of two invocations with one value each: each of the four draws is equally likely on either side,
 * so the exact quantiles can be written down.
 */
it('agrees with the enumeration of every resample', () => {
  const exact = [1, 2, 2, 3]; // medians of the draws of {1, 3}; the other side is always 1
  const { low95, high95 } = ratioOfMedians([[1], [3]], [[1], [1]], 5);
  expect([low95, high95]).toEqual([Math.min(...exact), Math.max(...exact)]);
});

it('invocations that differ widen the interval more than collections that do', () => {
  const five = [1, 2, 3, 4, 5];
  const under: Samples = five.map(() => [1, 1]);
  const between = ratioOfMedians(
    five.map((value) => Array.from({ length: 20 }, () => value)),
    under,
    1,
  );
  const within = ratioOfMedians(
    five.map(() => Array.from({ length: 20 }, (_, i) => five[i % 5] as number)),
    under,
    1,
  );
  const width = (of: typeof between) => (of.high95 as number) - (of.low95 as number);
  expect(between.ratio).toBe(within.ratio);
  expect(width(between)).toBeGreaterThan(width(within));
});

it('covers the true ratio about 95 times in 100', () => {
  let covered = 0;
  for (let trial = 0; trial < 40; trial++) {
    const noise = (i: number) => 10 + Math.sin((trial * 977 + i * 131) * 12.9898) * 2;
    const side = (offset: number) =>
      Array.from({ length: 5 }, (_, i) => Array.from({ length: 9 }, (_, j) => noise(offset + i * 9 + j)));
    const { low95, high95 } = ratioOfMedians(side(0), side(500), trial);
    if ((low95 as number) <= 1 && 1 <= (high95 as number)) covered++;
  }
  expect(covered).toBeGreaterThanOrEqual(34);
});

describe('null', () => {
  it('if a side has no value', () => {
    const nothing = { ratio: null, low95: null, high95: null };
    expect(ratioOfMedians([], [[1]], 1)).toEqual(nothing);
    expect(ratioOfMedians([[1]], [[], []], 1)).toEqual(nothing);
  });

  it('if the denominator is 0', () => {
    expect(ratioOfMedians([[1, 2]], [[0, 0]], 1)).toEqual({ ratio: null, low95: null, high95: null });
  });

  it('for the interval if a side has a single value', () => {
    expect(ratioOfMedians([[4]], [[2, 2]], 1)).toEqual({ ratio: 2, low95: null, high95: null });
  });
});

describe('sides that were measured in the same invocations', () => {
  it('the statistic is the median of the ratios within each, whatever tells invocations apart', () => {
    const pairs = fc.array(fc.tuple(positive, positive, positive), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(pairs, (of) => {
        const [over, under] = [of.map(([a, , speed]) => [a * speed]), of.map(([, b, speed]) => [b * speed])];
        const { ratio, low95, high95 } = pairedRatio(over, under, 1);
        const ratios = of.map(([a, b]) => a / b);
        expect(ratio).toBeCloseTo(slowMedian(ratios), 9);
        expect(low95).toBeGreaterThanOrEqual(Math.min(...ratios) * (1 - 1e-9));
        expect(high95).toBeLessThanOrEqual(Math.max(...ratios) * (1 + 1e-9));
      }),
      { numRuns: 15 },
    );
  });

  it('what all of an invocation has in common does not widen the interval', () => {
    const speeds = [1, 2, 4, 8];
    const within = (factor: number) => speeds.map((speed) => [1, 1.01, 1.02].map((x) => x * speed * factor));
    const { ratio, low95, high95 } = pairedRatio(within(2), within(1), 3);
    expect(ratio).toBeCloseTo(2, 9);
    expect([low95, high95].every((bound) => bound !== null && Math.abs(bound - 2) < 0.05)).toBe(true);
    const apart = ratioOfMedians(within(2), within(1), 3);
    expect(apart.high95).toBeGreaterThan(3);
  });

  it('values within an invocation widen it, and one of each has none', () => {
    const { low95, high95 } = pairedRatio([[1, 2, 3, 4]], [[1, 1, 1, 1]], 3);
    expect(high95).toBeGreaterThan((low95 ?? NaN) + 1);
    expect(pairedRatio([[3]], [[2]], 3)).toEqual({ ratio: 1.5, low95: null, high95: null });
  });

  it('an invocation without one of the sides is refused', () => {
    expect(() => pairedRatio([[1], []], [[1], [1]], 3)).toThrow('no values of one side');
    expect(() => pairedRatio([[1]], [[1], [1]], 3)).toThrow('1 invocations beside 2');
  });
});
