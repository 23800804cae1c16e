/** The non-moving space: its objects keep their places, what they refer to moves, and its pages are published. */
import { describe, expect, it } from 'vitest';
import type { CycleRecord } from '../../dist/gc/index.js';
import { DEFAULT_BATCH } from '../../dist/gc/options.js';
import { fixture, MIB, MODES_HERE, recordsOf, rejection, runProgram, withHeap } from './gc-heaps.ts';

const data = { objects: 3000, rounds: 30, collections: 5, large: 0, seed: 1 };
const both = (record: CycleRecord) =>
  record.nonMoving.publishedByCollector + record.nonMoving.publishedByFault;

describe.each(MODES_HERE)('%s', (mode) => {
  const options = { mode, heapBytes: 2 * MIB, nonMovingBytes: MIB };

  it('objects that are pinned among others', async () => {
    const { results, cycles } = await runProgram('pinned', { ...options, mutators: 2 }, data);
    expect(results).toEqual([[], []]);
    expect(cycles.length).toBeGreaterThanOrEqual(5);
  });

  it('objects over several pages, and arrays', async () => {
    const large = { ...data, objects: 500, large: 3000, seed: 4 };
    const sizes = { ...options, heapBytes: 4 * MIB, nonMovingBytes: 2 * MIB };
    expect((await runProgram('pinned', sizes, large)).results).toEqual([[]]);
    expect((await runProgram('pinned', sizes, { ...large, large: 1020 })).results).toEqual([[]]);
  });

  it('two GC threads and two fault threads', async () => {
    const threads = { gcThreads: 2, faultThreads: 2, mutators: 2, batch: 3 };
    expect((await runProgram('pinned', { ...options, ...threads }, data)).results).toEqual([[], []]);
  });

  it('every page is updated once, and published as the mode says', async () => {
    await withHeap(options, async (heap) => {
      await heap.spawn(fixture('programs'), { program: 'pinned', ...data }).done;
      const record = await heap.collect(); // nobody touches a page
      const { nonMoving } = record;
      expect(nonMoving.pages).toBeGreaterThan(10);
      expect(nonMoving.updatedByCollector + nonMoving.updatedByFault).toBe(nonMoving.pages);
      expect(both(record) + nonMoving.untouched).toBe(mode === 'stw' ? 0 : nonMoving.pages);
      expect(nonMoving.copiedBytes).toBe(mode === 'copy' ? nonMoving.pages * 4096 : 0);
      expect(nonMoving.calls).toBe(mode === 'stw' ? 0 : Math.ceil(nonMoving.pages / DEFAULT_BATCH));
      expect(nonMoving.liveBytes).toBeGreaterThan(1000 * 16);
      expect(record.liveBytes).toBeGreaterThan(nonMoving.liveBytes);
    });
  });
});

it('on demand: pages that nobody touches cost no call', async () => {
  await withHeap({ nonMovingBytes: MIB, heapBytes: 2 * MIB, batch: 0 }, async (heap) => {
    await heap.spawn(fixture('programs'), { program: 'pinned', ...data }).done;
    const { nonMoving } = await heap.collect();
    expect(nonMoving).toMatchObject({ untouched: nonMoving.pages, calls: 0, publishedByCollector: 0 });
  });
});

it.each(MODES_HERE)('%s: more is pinned than fits', async (mode) => {
  await withHeap({ mode, nonMovingBytes: 64 * 4096 }, async (heap) => {
    const { done } = heap.spawn(fixture('programs'), { program: 'pinTooMuch' });
    const { cause, message } = await rejection(done);
    expect(cause).toMatchObject({ code: 'HEAP_OUT_OF_MEMORY', heapBytes: 64 * 4096 });
    expect(message).toMatch(
      /non-moving space is 256 KiB, .* live .* \(\d+ bytes free in one piece\), .* 400 bytes more; use larger nonMovingBytes/,
    );
  });
});

it.each(MODES_HERE)('%s: what is dropped is given back, and costs nothing any more', async (mode) => {
  await withHeap({ mode, nonMovingBytes: 4 * MIB }, async (heap) => {
    await heap.spawn(fixture('programs'), { program: 'pinAndDrop', objects: 3000 }).done;
    const before = heap.memory().bytes;
    const records = await recordsOf(heap);
    expect(Math.max(...records.map(({ nonMoving }) => nonMoving.pages))).toBeGreaterThan(250);
    expect(records.at(-1)?.nonMoving).toMatchObject({ pages: 0, liveBytes: 0, copiedBytes: 0 });
    expect(heap.memory().bytes).toBeLessThan(before + MIB);
  });
});

it('mutators that make nothing but pinned garbage find room', async () => {
  const options = { nonMovingBytes: 64 * 1024, mutators: 3, verify: false };
  const { results, cycles } = await runProgram('pinnedGarbage', options, { objects: 6000 });
  expect(results).toEqual([0, 0, 0]);
  expect(cycles.map(({ trigger }) => trigger)).toContain('headroom');
});

it('what is dropped can be pinned again', async () => {
  const { results, cycles } = await runProgram('pinAgain', { nonMovingBytes: 64 * 4096 });
  expect(results).toEqual([[]]);
  expect(cycles.length).toBeGreaterThan(2);
});

it('a heap without such a space', async () => {
  await withHeap({}, async (heap) => {
    const { done } = heap.spawn(fixture('programs'), { program: 'pinned', ...data });
    expect((await rejection(done)).message).toMatch(
      /the heap has no non-moving space; open it with nonMovingBytes/,
    );
    await expect(recordsOf(heap)).rejects.toThrow();
  });
});
