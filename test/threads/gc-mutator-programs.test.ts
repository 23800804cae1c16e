/** What the mutator API promises, over a real heap: lists, arrays over many pages, the stack, in every mode. */
import { describe, expect, it } from 'vitest';
import { MIB, MODES_HERE, runProgram } from './gc-heaps.ts';

describe.each(MODES_HERE)('%s', (mode) => {
  it('a list keeps its values through collections', async () => {
    const { results, cycles } = await runProgram('list', { mode }, { length: 6000, collections: 12 });
    expect(results).toEqual([6000]);
    expect(cycles.length).toBeGreaterThanOrEqual(12);
  });

  it('an array of 240 KiB refers to objects that refer to it', async () => {
    const { results } = await runProgram(
      'array',
      { mode, heapBytes: 3 * MIB },
      { length: 30_000, collections: 4 },
    );
    expect(results).toEqual([[]]);
  });

  it('the shadow stack keeps what is on it', async () => {
    expect((await runProgram('stack', { mode }, { depth: 5000 })).results).toEqual([[]]);
  });

  it('an empty heap is collected', async () => {
    const { results, cycles } = await runProgram('nothing', { mode, heapBytes: 4096 }, { collections: 5 });
    expect(results).toEqual([5]);
    expect(cycles[0]).toMatchObject({
      objects: 1,
      liveBytes: 8,
      freedBytes: 0,
      pages: { compacted: 1, slid: 0 },
    });
  });

  it('a heap that is full to its last page is collected', async () => {
    // Two granules each; before the first collection the nil object has a page of its own.
    const objects = 63 * 256;
    const { results, cycles } = await runProgram(
      'full',
      { mode, heapBytes: 64 * 4096 },
      { objects, collections: 3 },
    );
    expect(results).toEqual([0]);
    expect(cycles.at(-1)).toMatchObject({
      objects: objects + 1,
      freedBytes: 0,
      pages: { compacted: 64, slid: 0 },
    });
  });
});
