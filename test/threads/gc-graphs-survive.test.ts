/** Graphs of objects of all sizes come through many collections, in every mode and with any number of threads. */
import { describe, expect, it } from 'vitest';
import type { HeapOptions, ModeName } from '../../dist/gc/index.js';
import {
  ALL_MODES,
  expectEveryPageOnce,
  fixture,
  KERNEL,
  MIB,
  MODE_NAMES,
  recordsOf,
  turnAbout,
  withHeap,
} from './gc-heaps.ts';

interface Setting {
  readonly mode: ModeName;
  readonly batch: number;
  readonly gcThreads: number;
  readonly faultThreads: number;
}

/** Threads with each batch: one kernel tries those that the other does not. */
const threadsWith = (batch: number) => (ALL_MODES ? [1, 2] : [(KERNEL === 'sim') === (batch === 1) ? 1 : 2]);
const settings: Setting[] = MODE_NAMES.flatMap((mode) =>
  [0, 1, 16].flatMap((batch) =>
    threadsWith(batch).map((threads) => ({ mode, batch, gcThreads: threads, faultThreads: threads })),
  ),
);

describe.each(turnAbout(settings))(
  '$mode, batch $batch, $gcThreads gc and $faultThreads fault threads',
  (setting) => {
    it('two mutators', async () => {
      const options: HeapOptions = { ...setting, heapBytes: 2 * MIB, mutators: 2, verify: true };
      const seed = settings.indexOf(setting) + 1;
      await withHeap(options, async (heap) => {
        const data = { seed, epochs: 2, epochBytes: 300_000, collectEvery: 60 };
        const done = [0, 1].map(() => heap.spawn(fixture('graph'), data).done);
        for (const { result } of await Promise.all(done)) {
          expect((result as { checks: number }).checks).toBeGreaterThan(1000);
        }
        const cycles = await recordsOf(heap);
        for (const cycle of cycles) expectEveryPageOnce(cycle, setting.mode);
        expect(cycles.length).toBeGreaterThan(4);
        expect(heap.lostEvents()).toBe(0);
      });
    });
  },
);
