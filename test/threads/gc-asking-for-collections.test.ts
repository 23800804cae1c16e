/** Collections asked for from outside: each begins after it was asked for, and every caller gets a record. */
import { describe, expect, it } from 'vitest';
import {
  expectEveryPageOnce,
  fixture,
  KERNEL,
  MIB,
  MODES_HERE,
  recordsOf,
  rejection,
  sharedWords,
  withHeap,
} from './gc-heaps.ts';

describe.each(MODES_HERE)('%s', (mode) => {
  it('one after the other, without a mutator', async () => {
    await withHeap({ mode }, async (heap) => {
      for (let number = 1; number <= 5; number++) {
        const record = await heap.collect();
        expect(record).toMatchObject({ number, trigger: 'explicit', objects: 1, liveBytes: 8 });
        expectEveryPageOnce(record, mode);
      }
      expect(heap.cycles.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
    });
  });

  it('several asked for at once are one, and every caller gets its record', async () => {
    await withHeap({ mode }, async (heap) => {
      const records = await Promise.all([heap.collect(), heap.collect(), heap.collect()]);
      const numbers = records.map(({ number }) => number);
      // Two, if the first one began before this thread had asked for the others.
      expect([...numbers].sort()).toEqual(numbers);
      expect([1, 2]).toContain(numbers.at(-1));
      expect((await heap.collect()).number).toBe((numbers.at(-1) as number) + 1);
    });
  });

  it('of a heap whose mutator has ended', async () => {
    await withHeap({ mode }, async (heap) => {
      await heap.spawn(fixture('programs'), { program: 'list', length: 1000, collections: 2 }).done;
      const before = heap.cycles.length;
      const record = await heap.collect();
      expect(record.number).toBeGreaterThan(before);
      expectEveryPageOnce(record, mode);
    });
  });

  it('what a mutator waits at safepoints is told with the collection it waited for', async () => {
    await withHeap({ mode }, async (heap) => {
      const words = sharedWords();
      const data = { length: 1200, words, walks: 50_000, litter: 0, pins: false };
      const { done } = heap.spawn(fixture('witness'), data);
      let walks = true;
      const ended = done.finally(() => {
        walks = false;
      });
      while (walks) await heap.collect();
      const { waits } = await ended;
      expect(waits.length).toBeGreaterThan(0);
      for (const { micros, cycle } of waits) {
        expect(micros).toBeGreaterThan(0);
        expect(cycle).toBeGreaterThan(0);
        expect(cycle).toBeLessThanOrEqual(heap.cycles.length);
      }
    });
  });

  it('records name phases and pauses, and their times add up', async () => {
    await withHeap({ mode }, async (heap) => {
      const { phasesMs, pauses, totalMs } = await heap.collect();
      const before = ['mark', 'preclean', 'remark', 'liveness', 'prepare', 'rehearse'];
      const phases = [...before, 'flip', 'compact', 'unwatch', 'release', 'verify'];
      expect(Object.keys(phasesMs).sort()).toEqual([...phases].sort());
      expect([...new Set(pauses.map(({ name }) => name))]).toEqual(['marking', 'compaction']);
      const sum = Object.values(phasesMs).reduce((total, ms) => total + ms, 0);
      expect(sum).toBeLessThanOrEqual(totalMs);
    });
  });
});

describe('what publishing costs', () => {
  const COPY = 'UFFDIO_COPY';
  const CONTINUE = 'UFFDIO_CONTINUE';
  const leave = { program: 'list', length: 3000, collections: 1 };

  it('continue, on demand: nothing for pages that nobody touches', async () => {
    await withHeap({ batch: 0 }, async (heap) => {
      await heap.spawn(fixture('programs'), leave).done;
      const { ioctls, pages, faults, copiedBytes } = await heap.collect();
      expect(pages.compacted).toBeGreaterThan(2);
      expect(pages.untouched).toBe(pages.compacted + pages.slid);
      expect([ioctls[CONTINUE], ioctls[COPY], copiedBytes, faults]).toEqual([
        undefined,
        undefined,
        0,
        { missing: 0, minor: 0 },
      ]);
    });
  });

  it('continue, in batches: no byte is copied', async () => {
    await withHeap({ batch: 4 }, async (heap) => {
      await heap.spawn(fixture('programs'), leave).done;
      const { ioctls, pages, copiedBytes } = await heap.collect();
      const all = pages.compacted + pages.slid;
      for (const one of ['UFFDIO_REGISTER', 'UFFDIO_UNREGISTER'])
        expect(ioctls[one]).toEqual({ calls: 1, pages: all });
      expect(ioctls[CONTINUE]).toEqual({ calls: Math.ceil(all / 4), pages: all });
      expect([ioctls[COPY], copiedBytes]).toEqual([undefined, 0]);
    });
  });

  it.each([0, 1, 4])('copy, batch %i: every byte is copied', async (batch) => {
    await withHeap({ mode: 'copy', batch }, async (heap) => {
      await heap.spawn(fixture('programs'), leave).done;
      const { ioctls, pages, copiedBytes } = await heap.collect();
      const all = pages.compacted + pages.slid;
      expect(ioctls[COPY]).toEqual({ calls: Math.ceil(all / Math.max(1, batch)), pages: all });
      expect(copiedBytes).toBe(all * 4096);
    });
  });

  it('stop the world: no call at all', async () => {
    await withHeap({ mode: 'stw' }, async (heap) => {
      await heap.spawn(fixture('programs'), leave).done;
      expect((await heap.collect()).ioctls).toEqual({});
    });
  });
});

// Rings are the same on both kernels.
it.runIf(KERNEL === 'sim')(
  'more events in one collection than a ring holds: they are read meanwhile',
  async () => {
    const program = new URL('../../dist/bench/compaction-program.js', import.meta.url);
    const data = { rounds: 1, fullBytes: 76 * MIB, liveBytes: 72 * MIB, seed: 1, granules: [200, 250] };
    await withHeap({ heapBytes: 96 * MIB, verify: false, batch: 1, densePrefix: null }, async (heap) => {
      await heap.spawn(program, data).done;
      const [cycle] = await recordsOf(heap);
      // Four events each: claimed, filled, the call, published.
      expect(4 * (cycle?.pages.publishedByCollector ?? 0)).toBeGreaterThan(65_536);
      expect(heap.lostEvents()).toBe(0);
    });
  },
);

it.runIf(KERNEL === 'sim')(
  'more events than a ring holds, while nobody reads them: the run ends and says what was lost',
  async () => {
    await withHeap({ heapBytes: 64 * 4096, verify: false, batch: 1 }, async (heap) => {
      const words = sharedWords();
      heap.spawn(fixture('programs'), { program: 'manyCollections', words, collections: 4000 });
      Atomics.wait(words, 0, 0); // this thread drains the rings: let it not
      const error = await rejection(heap.failure);
      expect(error).toMatchObject({ code: 'EVENTS_LOST' });
      expect(error.message).toMatch(
        /^collection \d+: its event of kind \d+ was lost; the main thread was blocked/,
      );
      expect(heap.lostEvents()).toBeGreaterThan(0);
    });
  },
);
