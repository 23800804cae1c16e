/**
 * Random small heaps under random settings: graphs must survive, each page be made once, and the heap be sound after
 * every collection. `STRESS_ROUNDS=500 STRESS_SEED=1 npx vitest run test/threads/gc-stress.test.ts` runs more of it.
 */
import { expect, it } from 'vitest';
import type { HeapOptions } from '../../dist/gc/index.js';
import { expectEveryPageOnce, fixture, MIB, MODE_NAMES, recordsOf, withHeap } from './gc-heaps.ts';

const ROUNDS = Number(process.env.STRESS_ROUNDS ?? 9);
const FIRST_SEED = Number(process.env.STRESS_SEED ?? Date.now() % 1_000_000);

/** Everything a round does follows from its seed; only the schedule does not. */
function settingOf(seed: number) {
  const random = (what: number, below: number) =>
    (Math.imul(seed * 65_599 + what * 40_503, 0x9e3779b1) >>> 8) % below;
  const mutators = 1 + random(1, 3);
  const heapBytes = (1 + random(2, 4)) * MIB;
  const options: HeapOptions = {
    mode: MODE_NAMES[seed % MODE_NAMES.length] ?? 'continue',
    heapBytes,
    mutators,
    gcThreads: 1 + random(3, 2),
    faultThreads: 1 + random(4, 2),
    batch: [0, 1, 3, 16][random(5, 4)] ?? 0,
    verify: true,
  };
  const epochBytes = Math.floor(heapBytes / 3 / mutators);
  return { options, data: { seed, epochs: 2, epochBytes, collectEvery: 10 + random(6, 150) } };
}

const seeds = Array.from({ length: ROUNDS }, (_, i) => FIRST_SEED + i);

it.each(seeds)('seed %i', async (seed) => {
  const { options, data } = settingOf(seed);
  const shown = JSON.stringify({ options, data });
  await withHeap(options, async (heap) => {
    const done = Array.from({ length: options.mutators }, () => heap.spawn(fixture('graph'), data).done);
    await Promise.all(done).catch((error) => {
      throw new Error(`${shown}: ${error.message}`, { cause: error });
    });
    for (const cycle of await recordsOf(heap)) expectEveryPageOnce(cycle, options.mode ?? 'continue');
    expect(heap.lostEvents(), shown).toBe(0);
  });
});
