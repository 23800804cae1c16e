/** The smallest heap by bisection: found to the precision that is promised, whatever it is, and no crash is taken for it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { findSmallestHeap, type Trial } from '../../dist/bench/minheap/search.js';

const UNIT = 64 * 1024;
const MOST = 4 * 1024 ** 3;
const bounds = (firstBytes: number) => ({ firstBytes, mostBytes: MOST, unitBytes: UNIT });
const fittingFrom =
  (least: number) =>
  async (bytes: number): Promise<Trial> => ({
    bytes,
    outcome: bytes >= least ? 'fits' : 'out of memory',
    seconds: 1,
  });

it('lies between what fits and what does not, a hundredth or a unit apart', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: MOST }),
      fc.integer({ min: 1, max: 4096 }).map((units) => units * UNIT),
      async (least, first) => {
        const { bytes, failedBytes, trials } = await findSmallestHeap(fittingFrom(least), bounds(first));
        expect(bytes).toBeGreaterThanOrEqual(least);
        expect(failedBytes).toBeLessThan(least);
        expect(bytes - failedBytes).toBeLessThanOrEqual(Math.max(UNIT, 0.01 * bytes));
        expect(bytes % UNIT).toBe(0);
        expect(new Set(trials.map((trial) => trial.bytes)).size).toBe(trials.length);
        expect(trials.length).toBeLessThan(45);
      },
    ),
  );
});

it('one that takes too long, or cannot be opened, is too small', async () => {
  const attempt = async (bytes: number): Promise<Trial> => ({
    bytes,
    outcome: bytes >= 8 * UNIT ? 'fits' : bytes >= 4 * UNIT ? 'too slow' : 'refused',
    seconds: 1,
  });
  expect(await findSmallestHeap(attempt, bounds(16 * UNIT))).toMatchObject({
    bytes: 8 * UNIT,
    failedBytes: 7 * UNIT,
  });
});

it('where the largest does not do, it says so', async () => {
  await expect(findSmallestHeap(fittingFrom(2 * MOST), bounds(UNIT))).rejects.toThrow(
    'it does not fit into the largest heap, 4 GiB: out of memory',
  );
});

it('a crash ends the search', async () => {
  const attempt = async (): Promise<Trial> => {
    throw new Error('mutator 0 died');
  };
  await expect(findSmallestHeap(attempt, bounds(UNIT))).rejects.toThrow('mutator 0 died');
});
