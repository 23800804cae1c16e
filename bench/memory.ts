/**
 * What memory a collection takes beside what the heap holds: the most there is at a time during the collection of a full
 * heap of which half is live, less what there was before. With nobody in the way, and with a mutator that looks at random
 * objects meanwhile, for whom pages are made out of turn.
 *
 *     node dist/bench/memory.js [--kernel sim|linux] [heap MiB = 64]
 */
import { parseArgs } from 'node:util';
import { type ModeName, openHeap } from '../gc/index.ts';
import { MODES } from '../gc/modes/index.ts';
import type { CompactionData } from './compaction-program.ts';

const MIB = 2 ** 20;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kernel: { type: 'string', default: 'sim' } },
});
const kernel = values.kernel as 'sim' | 'linux';
const heapBytes = (Number(positionals[0] ?? 64) || 64) * MIB;
const DATA: CompactionData = {
  rounds: 1,
  fullBytes: 0.8 * heapBytes,
  liveBytes: 0.4 * heapBytes,
  seed: 1,
  granules: [1, 8],
};

/** Bytes at the most, of a heap that no collection has touched before. */
async function peakOf(mode: ModeName, data: CompactionData): Promise<number> {
  const heap = await openHeap({ kernel, mode, heapBytes, mutators: 1 });
  try {
    await heap.spawn(new URL('./compaction-program.js', import.meta.url), data).done;
    return heap.memory().peakBytes;
  } finally {
    await heap.close();
  }
}

const mib = (bytes: number) => (bytes / MIB).toFixed(1);
console.log(
  `${kernel}: ${mib(heapBytes)} MiB, ${mib(DATA.fullBytes)} in use, ${mib(DATA.liveBytes)} live; in the first collection, MiB`,
);
for (const mode of Object.keys(MODES) as ModeName[]) {
  const held = await peakOf(mode, { ...DATA, rounds: 0 });
  const [asleep, looking] = [await peakOf(mode, DATA), await peakOf(mode, { ...DATA, looks: true })];
  const more = (peak: number) =>
    `${mib(peak - held)} (${((100 * (peak - held)) / heapBytes).toFixed(1)} % of the heap)`;
  console.log(
    `${mode.padEnd(13)} held ${mib(held)}   beside it at the most: mutator asleep ${more(asleep)}, looking ${more(looking)}`,
  );
}
