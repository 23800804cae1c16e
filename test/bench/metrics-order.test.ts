/** Seeded randomness: a shuffle keeps the items, repeats with its seed, and favours no order. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { below, seededRandom, shuffled } from '../../dist/bench/metrics/random.js';

it('a shuffle is a permutation, and the same one for the same seed', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.nat(), (items, seed) => {
      const order = shuffled(items, seededRandom(seed));
      expect([...order].sort()).toEqual([...items].sort());
      expect(order).toEqual(shuffled(items, seededRandom(seed)));
    }),
  );
});

it('every order of three comes about as often', () => {
  const random = seededRandom(1);
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = shuffled(['a', 'b', 'c'], random).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  expect(counts.size).toBe(6);
  for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

it('below gives every integer below its limit', () => {
  const random = seededRandom(2);
  const drawn = new Set(Array.from({ length: 1000 }, () => below(random, 7)));
  expect([...drawn].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
});
