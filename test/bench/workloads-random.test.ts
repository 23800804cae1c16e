/** Random numbers are the same everywhere, and distributed as they should be. */
import { chiSquaredDistributionTable, mean, variance } from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import { createRandom, hash32, mix32, shuffle } from '../../dist/bench/workloads/random.js';
import { createZipf } from '../../dist/bench/workloads/zipf.js';

const SAMPLES = 100_000;
const sample = (next: () => number) => Array.from({ length: SAMPLES }, next);

/** Sum of (observed − expected)² / expected, for counts of the numbers 0 … n − 1. */
function chiSquared(observed: readonly number[], expected: readonly number[]): number {
  const counts = expected.map(() => 0);
  for (const value of observed) counts[value]!++;
  return counts.reduce((sum, count, i) => sum + (count - expected[i]!) ** 2 / expected[i]!, 0);
}
/** What chi squared exceeds once in 200 times, by the degrees of freedom of our bins. */
const LIMIT = { 10: chiSquaredDistributionTable[9][0.005], 20: chiSquaredDistributionTable[19][0.005] };

describe('createRandom', () => {
  it('gives the sequence that it gave when this was written', () => {
    const random = createRandom(1, 2, 3);
    expect([random.next(), random.next(), random.next()]).toEqual([1526524019, 2908137114, 3539183694]);
  });

  it('gives other sequences for other seeds, and for the same seeds in another order', () => {
    const firsts = [[], [0], [1], [0, 0], [1, 2], [2, 1], [2 ** 31]].map((seeds) =>
      createRandom(...seeds).next(),
    );
    expect(new Set(firsts).size).toBe(firsts.length);
  });

  it('is uniform', () => {
    const random = createRandom(5);
    const floats = sample(random.float);
    expect(Math.min(...floats.slice(0, 1000))).toBeGreaterThanOrEqual(0);
    expect(mean(floats)).toBeCloseTo(1 / 2, 2);
    expect(variance(floats)).toBeCloseTo(1 / 12, 2);
    expect(
      chiSquared(
        sample(() => random.below(10)),
        Array(10).fill(SAMPLES / 10),
      ),
    ).toBeLessThan(LIMIT[10]);
  });

  it('stays below n', () => {
    const random = createRandom(6);
    for (const n of [1, 2, 3, 1000, 2 ** 32]) {
      for (let i = 0; i < 1000; i++) {
        const value = random.below(n);
        expect(Number.isInteger(value) && value >= 0 && value < n).toBe(true);
      }
    }
  });
});

it('mix32 is one to one', () => {
  const outputs = new Set(Array.from({ length: SAMPLES }, (_, i) => mix32(i - SAMPLES / 2)));
  expect(outputs.size).toBe(SAMPLES);
  expect(hash32(1, 2)).not.toBe(hash32(2, 1));
});

it('shuffle keeps every number and moves most', () => {
  const numbers = Uint32Array.from({ length: 1000 }, (_, i) => i);
  shuffle(numbers, createRandom(7));
  expect(numbers.filter((value, i) => value === i).length).toBeLessThan(10);
  expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
});

describe('createZipf', () => {
  it.each([0, 0.5, 0.99, 1, 1.5, 3])('has the probabilities of the law with exponent %d', (skew) => {
    const n = 20 as const;
    const weights = Array.from({ length: n }, (_, i) => (i + 1) ** -skew);
    const total = weights.reduce((sum, weight) => sum + weight);
    const ranks = sample(createZipf(n, skew, createRandom(8)));
    const expected = weights.map((weight) => (SAMPLES * weight) / total);
    expect(
      chiSquared(
        ranks.map((rank) => rank - 1),
        expected,
      ),
    ).toBeLessThan(LIMIT[n]);
  });

  it('gives ranks from 1 to n for any n', () => {
    for (const n of [1, 2, 1e6, 2 ** 31 - 1]) {
      const next = createZipf(n, 0.99, createRandom(9));
      for (let i = 0; i < 1000; i++) {
        const rank = next();
        expect(Number.isInteger(rank) && rank >= 1 && rank <= n).toBe(true);
      }
    }
  });
});
