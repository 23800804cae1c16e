/** The large-object space: its objects keep their places, arrays of references are updated page by page, raw data costs nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { CycleRecord, HeapOptions } from '../../dist/gc/index.js';
import { DEFAULT_BATCH } from '../../dist/gc/options.js';
import { TRIES, TRIES_STOPPED } from '../../dist/gc/patience.js';
import { REHEARSALS_BEFORE_PAUSE } from '../../dist/gc/rehearsal.js';
import { ENOMEM } from '../../dist/uffd/errno.js';
import {
  asksForMoves,
  fixture,
  MIB,
  MODES_HERE,
  recordsOf,
  rejection,
  sharedWords,
  withHeap,
} from './gc-heaps.ts';

const run = (options: Partial<HeapOptions>, program: string, data: object = {}) =>
  withHeap(options, async (heap) => {
    const mutators = Array.from({ length: options.mutators ?? 1 }, () =>
      heap.spawn(fixture('large-programs'), { program, ...data }),
    );
    const outcomes = await Promise.all(mutators.map(({ done }) => done));
    return { results: outcomes.map(({ result }) => result), cycles: await recordsOf(heap) };
  });

const GRAPH = { small: 2000, large: 24, rounds: 20, collections: 5, seed: 1 };

describe.each(MODES_HERE)('%s', (mode) => {
  const options = { mode, heapBytes: 2 * MIB, largeBytes: 2 * MIB, verify: 'phases' } as const;

  it('arrays of references over several pages and raw ones, replaced and repointed beside collections', async () => {
    const { results } = await run({ ...options, mutators: 2, largeBytes: 4 * MIB }, 'graph', GRAPH);
    expect(results).toMatchObject([{ wrong: [] }, { wrong: [] }]);
  });

  it('two GC threads, two fault threads, odd batches, and pinned objects below', async () => {
    const threads = { gcThreads: 2, faultThreads: 2, mutators: 2, batch: 3, nonMovingBytes: MIB / 2 };
    const { results } = await run({ ...options, ...threads, largeBytes: 4 * MIB }, 'graph', GRAPH);
    expect(results).toMatchObject([{ wrong: [] }, { wrong: [] }]);
  });

  it('on demand only', async () => {
    const { results } = await run({ ...options, batch: 0 }, 'graph', GRAPH);
    expect(results).toMatchObject([{ wrong: [] }]);
  });

  it('raw arrays cost no page work', async () => {
    const data = { arrays: 20, references: 0, words: 12_000 }; // 12 pages each
    const { cycles } = await run(options, 'keep', data);
    const { large, nonMoving, pages, ioctls } = cycles.at(-1) as CycleRecord;
    expect(large).toEqual({
      pages: 0,
      liveBytes: 0,
      rawPages: 20 * 12,
      rawBytes: 20 * (12_000 + 1) * 4 + 20 * 4,
    });
    expect(nonMoving).toEqual({
      ...{ pages: 0, liveBytes: 0, publishedByCollector: 0, publishedByFault: 0, untouched: 0 },
      ...{ updatedByCollector: 0, updatedByFault: 0, calls: 0, copiedBytes: 0 },
    });
    // Pages are counted of what is registered, published and let go of alike.
    for (const [name, { pages: each }] of Object.entries(ioctls))
      expect(each, name).toBeLessThanOrEqual(pages.compacted + pages.slid);
  });

  it('each page of an array of references is updated once, and published as the mode says', async () => {
    const data = { arrays: 10, references: 5000, words: 0 }; // 5 pages each
    const { cycles } = await run(options, 'keep', data);
    const { large, nonMoving } = cycles.at(-1) as CycleRecord; // nobody touches a page
    expect(large).toEqual({ pages: 50, liveBytes: 10 * (5000 + 4) * 4, rawPages: 0, rawBytes: 0 });
    expect(nonMoving.pages).toBe(50);
    expect(nonMoving.updatedByCollector).toBe(50);
    const published = nonMoving.publishedByCollector + nonMoving.publishedByFault;
    expect(published + nonMoving.untouched).toBe(mode === 'stw' ? 0 : 50);
    expect(nonMoving.copiedBytes).toBe(mode === 'copy' ? 50 * 4096 : 0);
    expect(nonMoving.calls).toBe(mode === 'stw' ? 0 : Math.ceil(50 / DEFAULT_BATCH));
  });

  it.each([
    ['raw', 0, 12_000],
    ['of references', 11_000, 1000],
  ])(
    '%s: the pages of dead arrays are given back one by one, and read as zeros when they are used again',
    async (_, references, words) => {
      const large = { ...options, largeBytes: 4 * MIB };
      await withHeap(large, async (heap) => {
        const steps = sharedWords(2);
        const arrays = 60; // of 12 pages
        const { done } = heap.spawn(fixture('large-programs'), {
          ...{ program: 'drop', arrays, references, words, steps },
        });
        done.catch(() => {});
        const memory: number[] = [];
        for (const step of [1, 2, 3, 4]) {
          while (Atomics.load(steps, 0) < step) await Promise.race([sleep(1), done]);
          memory.push(heap.memory().bytes);
          Atomics.store(steps, 1, step);
          Atomics.notify(steps, 1);
        }
        expect((await done).result).toEqual([]);
        const [full, dropped, still, again] = memory as [number, number, number, number];
        const given = 40 * 12 * 4096; // two of three
        expect(full - dropped).toBeGreaterThan(given - MIB / 4);
        expect(full - dropped).toBeLessThan(given + MIB / 4);
        expect(Math.abs(still - dropped)).toBeLessThan(MIB / 16);
        expect(Math.abs(again - full)).toBeLessThan(MIB / 4);
        const records = await recordsOf(heap);
        expect(records.slice(1, 3).map(({ releasedPages }) => releasedPages)).toEqual([40 * 12, 0]);
        expect(heap.memory().bytes).toBeLessThan(full + MIB / 4);
      });
    },
  );

  it.each([
    ['raw', 0, 12_000],
    ['of references', 12_000, 0],
  ])('%s: more than fits', async (_, references, words) => {
    const { results } = await run({ ...options, largeBytes: 64 * 4096 }, 'fill', { references, words });
    const kept = 5; // 12 pages each, of 64
    expect(results).toMatchObject([
      { kept, code: 'HEAP_OUT_OF_MEMORY', heapBytes: 64 * 4096, liveBytes: kept * 12 * 4096 },
    ]);
    const [{ message, askedBytes, again }] = results as [
      { message: string; askedBytes: number; again: number },
    ];
    expect(message).toMatch(
      /the large-object space is 256 KiB, 240 KiB of it live .* \(16 KiB free in one piece\), .* asked for 46.8\d KiB more; use larger largeBytes/,
    );
    expect(again).toBe(askedBytes);
  });

  it('garbage of both kinds, by several mutators', async () => {
    const garbage = { arrays: 120, references: 3000, words: 4000 };
    // Three live arrays of 10 pages: however they lie, there is room for one more.
    const few = { ...options, mutators: 3, largeBytes: 67 * 4096, verify: true };
    const { results, cycles } = await run(few, 'garbage', garbage);
    expect(results).toEqual([[], [], []]);
    expect(cycles.map(({ trigger }) => trigger)).toContain('headroom');
    expect((await run(few, 'garbage', { ...garbage, references: 0 })).results).toEqual([[], [], []]);
  });

  it('slots of a large array that are stored to while it is marked', async () => {
    const { results } = await run(options, 'stores', { slots: 20_000, collections: 6, seed: 3 });
    expect(results).toEqual([[]]);
  });
});

describe('the kernel refuses', () => {
  const spaces = {
    heapBytes: 2 * MIB,
    largeBytes: 8 * MIB,
    nonMovingBytes: MIB / 2,
    verify: 'phases',
  } as const;
  const graph = (options: Partial<HeapOptions>) =>
    withHeap(options, async (heap) => {
      const { result } = await heap.spawn(fixture('large-programs'), { program: 'graph', ...GRAPH }).done;
      expect(result).toMatchObject({ wrong: [] });
      await heap.collect();
      return { cycles: heap.cycles, givenUp: heap.givenUp };
    });

  it.each(MODES_HERE.filter((mode) => mode !== 'stw'))('%s: collections are given up', async (mode) => {
    // At the first flip; in the middle of it, where it moves two parts.
    const call = asksForMoves(mode) ? 'mremap' : 'mmap';
    const after = REHEARSALS_BEFORE_PAUSE + (mode === 'copy' || mode === 'move' ? 0 : 1);
    const refuse = [{ call, errno: ENOMEM, after, times: TRIES_STOPPED } as const];
    const { givenUp, cycles } = await graph({ ...spaces, mode, refuse });
    expect(givenUp.length).toBeGreaterThan(0);
    expect(cycles.length).toBeGreaterThan(2);
  });

  it.each(MODES_HERE)('%s: free pages stay, and are zeroed by who allocates there', async (mode) => {
    const refuse = (['madvise', 'fallocate'] as const).map((call) => {
      return { call, errno: ENOMEM, times: 2 * TRIES };
    });
    const { cycles } = await graph({ ...spaces, mode, refuse });
    expect(cycles.some(({ refused }) => (refused.ENOMEM ?? 0) > 0)).toBe(true);
  });
});

it('what a program computes is the same in all modes', async () => {
  const sums = new Set<unknown>();
  for (const mode of MODES_HERE) {
    const { results } = await run({ mode, largeBytes: 2 * MIB, heapBytes: 2 * MIB }, 'graph', GRAPH);
    sums.add((results as [{ sum: number }])[0].sum);
  }
  // And where large objects move.
  const moving = { largeBytes: 8 * MIB, largeObjectBytes: 2 ** 30, heapBytes: 4 * MIB };
  sums.add(((await run(moving, 'graph', { ...GRAPH, isLarge: false })).results as [{ sum: number }])[0].sum);
  expect(sums.size).toBe(1);
});

it('the threshold: from so many bytes on objects keep their places, of whatever kind', async () => {
  const sizes = [
    [0, 3067],
    [0, 3071],
    [0, 3072],
    [100, 2966],
    [100, 2971],
    [1030, 2034],
    [1030, 2038],
  ];
  const { results } = await run({ largeBytes: MIB }, 'sizes', { sizes });
  expect(results).toEqual([[false, true, true, false, true, false, true]]);
  const options = { largeBytes: MIB, largeObjectBytes: 8192 };
  expect(
    (
      await run(options, 'sizes', {
        sizes: [
          [0, 2000],
          [0, 2047],
        ],
      })
    ).results,
  ).toEqual([[false, true]]);
});

it.each([
  [{ largeBytes: 1000 }, /largeBytes: 0.244140625 pages of 4096 bytes is out of range/],
  [{ largeBytes: -4096 }, /largeBytes: -1 pages/],
  [
    { largeBytes: MIB, largeObjectBytes: 100 },
    /largeObjectBytes: 100 bytes is out of range; it takes .* from 4096/,
  ],
  [{ largeBytes: 2 ** 34 }, /largeBytes: \d+ pages/],
])('bad sizes: %o', async (options, message) => {
  expect((await rejection(withHeap(options, async () => {}))).message).toMatch(message);
});
