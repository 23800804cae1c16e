/** The collector's inner loops run compiled or in JavaScript, and a heap cannot tell. */
import { describe, expect, it } from 'vitest';
import type { ModeName } from '../../dist/gc/index.js';
import { fixture, KERNEL, MIB, MODES_HERE, withHeap } from './gc-heaps.ts';

const data = { seed: 5, epochs: 2, epochBytes: 1_000_000, collectEvery: 2000 };

async function results(options: object): Promise<{ loops: string; results: unknown[] }> {
  const opened = { heapBytes: 8 * MIB, mutators: 2, verify: 'phases', ...options } as const;
  return withHeap(opened, async (heap) => {
    const outcomes = [0, 1].map(() => heap.spawn(fixture('graph'), data).done);
    return { loops: heap.loops, results: (await Promise.all(outcomes)).map(({ result }) => result) };
  });
}

// There is no linear memory on sim.
it.runIf(KERNEL === 'sim')('in JavaScript, where there is no linear memory', async () => {
  expect((await results({ mode: 'continue' })).loops).toBe('js');
});

describe.runIf(KERNEL === 'linux').each(MODES_HERE)('%s', (mode) => {
  it.each([1, 2])('%i gc threads', async (gcThreads) => {
    const auto = await results({ mode, gcThreads });
    const plain = await results({ mode, gcThreads, loops: 'js' });
    expect(auto.results).toEqual(plain.results);
    expect([auto.loops, plain.loops]).toEqual(['wasm', 'js']);
  });
});

describe.runIf(KERNEL === 'linux')('a heap that linear memory has no room for, with all its ranges', () => {
  // Nothing of it is touched but what the objects take.
  const heapBytes = 1800 * MIB;

  const program = new URL('../../dist/bench/compaction-program.js', import.meta.url);
  const filling = { rounds: 3, fullBytes: 3 * MIB, liveBytes: 1.5 * MIB, seed: 5, granules: [1, 8] };
  const ways: readonly (readonly [ModeName, number | null])[] = [
    ...MODES_HERE.map((mode) => [mode, null] as const),
    // Pages of the prefix stay in their file: the window shows two.
    ['continue', 0.95],
  ];
  it.each(ways)('%s, dense prefix %s', async (mode, densePrefix) => {
    const options = { mode, heapBytes, nonMovingBytes: MIB, densePrefix, verify: 'phases' } as const;
    await withHeap(options, async (heap) => {
      const { result } = await heap.spawn(program, filling).done;
      expect(result).toBeGreaterThan(10_000); // objects
      await heap.collect(); // its record comes after those of the collections before it
      expect(heap.cycles.length).toBeGreaterThan(filling.rounds);
      // Sliding in place takes one range, which there is room for.
      expect(heap.loops).toBe(mode === 'stw' ? 'wasm' : 'marking');
    });
  });
});
