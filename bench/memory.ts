/**
 * What memory a collection takes beside what the heap holds: the most there is at a time during the collection of a full
 * heap of which half is live, less what there was before. With nobody in the way, and with a mutator that looks at random
 * objects meanwhile, for whom pages are made out of turn. Medians of some turns, modes interleaved, and the most of all.
 *
 *     node dist/bench/memory.js [--kernel sim|linux] [heap MiB = 64] [turns = 5]
 */
import { parseArgs } from 'node:util';
import { median } from 'simple-statistics';
import { type ModeName, openHeap } from '../gc/index.ts';
import { MODES } from '../gc/modes/index.ts';
import type { CompactionData } from './compaction-program.ts';

const MIB = 2 ** 20;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kernel: { type: 'string', default: 'sim' } },
});
const kernel = values.kernel as 'sim' | 'linux';
const [heapMib = 64, turns = 5] = positionals.map(Number);
const heapBytes = heapMib * MIB;
const DATA: CompactionData = {
  rounds: 1,
  // Below three quarters, when a collection would begin by itself.
  fullBytes: 0.6 * heapBytes,
  liveBytes: 0.3 * heapBytes,
  seed: 1,
  granules: [1, 8],
};

/** Bytes at the most, of a heap that no collection has touched before. */
async function peakOf(mode: ModeName, data: CompactionData): Promise<number> {
  const heap = await openHeap({ kernel, mode, heapBytes, mutators: 1 });
  try {
    await heap.spawn(new URL('./compaction-program.js', import.meta.url), data).done;
    const early = heap.cycles.filter(({ trigger }) => trigger !== 'explicit').length;
    if (early > 0) throw new Error('a collection began while the heap was being filled: take a larger heap');
    return heap.memory().peakBytes;
  } finally {
    await heap.close();
  }
}

const mib = (bytes: number) => (bytes / MIB).toFixed(1);
const WAYS = ['asleep', 'looking'] as const;
/** Bytes beside those that the heap holds: of each mode, for each way, one a turn. */
const beside = new Map<string, Record<(typeof WAYS)[number], number[]>>();
console.log(
  `${kernel}: ${mib(heapBytes)} MiB, ${mib(DATA.fullBytes)} in use, ${mib(DATA.liveBytes)} live; in the first collection, ` +
    `beside what the heap holds, MiB (% of the heap): median, most of ${turns} turns`,
);
const modes = Object.keys(MODES) as ModeName[];
for (const mode of modes) beside.set(mode, { asleep: [], looking: [] });
for (let turn = 0; turn < turns; turn++) {
  for (const mode of modes) {
    const held = await peakOf(mode, { ...DATA, rounds: 0 });
    for (const way of WAYS)
      beside.get(mode)?.[way].push((await peakOf(mode, { ...DATA, looks: way === 'looking' })) - held);
  }
}
const share = (bytes: number) => `${mib(bytes)} (${((100 * bytes) / heapBytes).toFixed(1)} %)`;
for (const [mode, ways] of beside) {
  const told = WAYS.map(
    (way) => `mutator ${way} ${share(median(ways[way]))}, ${share(Math.max(...ways[way]))}`,
  );
  console.log(`${mode.padEnd(13)} ${told.join('   ')}`);
}
