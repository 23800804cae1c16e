/** The collector's inner loops run compiled or in JavaScript, and a heap cannot tell. */
import { describe, expect, it } from 'vitest';
import { fixture, KERNEL, MIB, MODE_NAMES, withHeap } from './gc-heaps.ts';

const data = { seed: 5, epochs: 2, epochBytes: 2_000_000, collectEvery: 4000 };

async function results(options: object): Promise<{ loops: string; results: unknown[] }> {
  const opened = { heapBytes: 8 * MIB, mutators: 2, verify: 'phases', ...options } as const;
  return withHeap(opened, async (heap) => {
    const outcomes = [0, 1].map(() => heap.spawn(fixture('graph'), data).done);
    return { loops: heap.loops, results: (await Promise.all(outcomes)).map(({ result }) => result) };
  });
}

describe.each(MODE_NAMES)('%s', (mode) => {
  it.each([1, 2])('%i gc threads', async (gcThreads) => {
    const auto = await results({ mode, gcThreads });
    const plain = await results({ mode, gcThreads, loops: 'js' });
    expect(auto.results).toEqual(plain.results);
    expect([auto.loops, plain.loops]).toEqual([KERNEL === 'linux' ? 'wasm' : 'js', 'js']);
  });
});

it('a heap that linear memory has no room for is collected in JavaScript', async () => {
  // Nothing of it is touched but what the objects take.
  const heapBytes = 1800 * MIB;
  await withHeap({ mode: 'copy', heapBytes, verify: false, kernel: KERNEL }, async (heap) => {
    const { result } = await heap.spawn(fixture('graph'), { ...data, epochs: 1 }).done;
    expect(result).toBeDefined();
    expect(heap.loops).toBe('js');
  });
});
