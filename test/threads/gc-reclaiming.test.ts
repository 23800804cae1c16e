/** From-space is given back while pages are made: both spaces are never in memory in full, and nothing is lost. */
import { describe, expect, it } from 'vitest';
import type { CycleRecord, ModeName } from '../../dist/gc/index.js';
import { DEFAULT_BATCH } from '../../dist/gc/options.js';
import { fixture, MIB, MODES_HERE, recordsOf, withHeap } from './gc-heaps.ts';

const PAGE_BYTES = 4096;
const GIVING_BACK: readonly ModeName[] = ['continue', 'copy', 'stw'];
/** What is given back at a time, and the batches that two threads have under way. */
const WINDOW_BYTES = MIB + 2 * DEFAULT_BATCH * PAGE_BYTES;
const compactionProgram = new URL('../../dist/bench/compaction-program.js', import.meta.url);

/** The objects of a collection and what was free between them: from-space, all of it given back. */
const oldBytesOf = ({ pages, freedBytes }: CycleRecord) =>
  (pages.compacted + pages.slid) * PAGE_BYTES + freedBytes;

const settings = GIVING_BACK.filter((mode) => MODES_HERE.includes(mode)).flatMap((mode) =>
  [1, 2].map((gcThreads) => ({ mode, gcThreads })),
);

// With a second compactor the window is as wide as the scheduler lets one of them lag behind.
it.each(GIVING_BACK)('%s takes no more memory than the old objects and a window', async (mode) => {
  // Large enough that no collection begins by itself: the mutator would allocate beside it.
  await withHeap({ mode, gcThreads: 1, heapBytes: 32 * MIB }, async (heap) => {
    const data = { rounds: 2, fullBytes: 12 * MIB, liveBytes: 6 * MIB, seed: 1, granules: [1, 8] };
    await heap.spawn(compactionProgram, data).done;
    const cycles = await recordsOf(heap);
    const oldBytes = Math.max(...cycles.map(oldBytesOf));
    await heap.close();
    const { bytes, peakBytes } = heap.memory();
    expect(oldBytes).toBeGreaterThan(12 * MIB);
    // In place there is nothing beside the heap but a buffer, and not even what filler has covered untouched.
    expect(peakBytes).toBeGreaterThan(mode === 'stw' ? 0.95 * oldBytes : oldBytes);
    expect(peakBytes).toBeLessThan(oldBytes + (mode === 'stw' ? 64 * 1024 : WINDOW_BYTES));
    expect(bytes).toBeLessThan(8 * MIB);
  });
});

// Pages at the bottom are made from what lies above them: from-space is needed to its top until the last ones.
it.each(['continue', 'copy'] as const)('%s, from the bottom up: both spaces are in memory', async (mode) => {
  await withHeap({ mode, order: 'up', heapBytes: 32 * MIB }, async (heap) => {
    const data = { rounds: 2, fullBytes: 12 * MIB, liveBytes: 6 * MIB, seed: 1, granules: [1, 8] };
    await heap.spawn(compactionProgram, data).done;
    const oldBytes = Math.max(...(await recordsOf(heap)).map(oldBytesOf));
    await heap.close();
    expect(heap.memory().peakBytes).toBeGreaterThan(oldBytes + 5 * MIB);
  });
});

describe.each(settings)('$mode, $gcThreads gc threads', ({ mode, gcThreads }) => {
  it('gives back nothing that is still to be read, with mutators allocating', async () => {
    await withHeap({ mode, gcThreads, heapBytes: 12 * MIB, mutators: 2, batch: 4 }, async (heap) => {
      const data = { seed: gcThreads, epochs: 4, epochBytes: 4_000_000, collectEvery: 8000 };
      await Promise.all([0, 1].map(() => heap.spawn(fixture('graph'), data).done));
      const cycles = await recordsOf(heap);
      expect(Math.max(...cycles.map(oldBytesOf))).toBeGreaterThan(3 * MIB); // several pieces
      expect(cycles.some(({ pages }) => pages.slid > 0)).toBe(true);
    });
  });
});
