/**
 * How fast a collection compacts with nobody in its way: live bytes over the time of the compaction phase, on a heap
 * of random-graph objects of which half is live, for each mode, interleaved in one run. And that preparing is in
 * proportion to the bitmap: the same heap with objects eight times as large. And what a second GC thread brings.
 *
 *     node dist/bench/compaction.js [--kernel sim|linux] [heap MiB = 64] [rounds = 12]
 */
import { parseArgs } from 'node:util';
import { quantileSorted } from 'simple-statistics';
import { type CycleRecord, type ModeName, openHeap } from '../gc/index.ts';
import { MODES } from '../gc/modes/index.ts';
import type { CompactionData } from './compaction-program.ts';

const MIB = 2 ** 20;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kernel: { type: 'string', default: 'sim' } },
});
const kernel = values.kernel as 'sim' | 'linux';
const [heapMib = 64, rounds = 12] = positionals.map(Number);
const heapBytes = heapMib * MIB;
const SMALL = [1, 8] as const;
const LARGE = [8, 64] as const;

async function cyclesOf(
  mode: ModeName,
  granules: readonly [number, number],
  gcThreads = 1,
): Promise<readonly CycleRecord[]> {
  const heap = await openHeap({ kernel, mode, heapBytes, mutators: 1, populate: true, gcThreads });
  const data: CompactionData = {
    rounds,
    fullBytes: 0.85 * heapBytes,
    liveBytes: 0.425 * heapBytes,
    seed: 1,
    granules,
  };
  try {
    await heap.spawn(new URL('./compaction-program.js', import.meta.url), data).done;
    return heap.cycles.filter((cycle) => cycle.number > 2); // the first compile and touch what all later ones use
  } finally {
    await heap.close();
  }
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (p: number): string => quantileSorted(sorted, p).toPrecision(4);
  return `${at(0.5).padStart(8)}  [${at(0)} – ${at(1)}]`;
}

console.log(
  `${kernel}: random-graph, ${heapMib} MiB, half live, 1 GC thread, no mutator running; medians [min – max]`,
);
for (const mode of Object.keys(MODES) as ModeName[]) {
  const cycles = await cyclesOf(mode, SMALL);
  const rate = cycles.map((c) => c.liveBytes / 1e6 / ((c.phasesMs.compact as number) / 1000));
  console.log(
    `${mode.padEnd(13)} compact MB/s ${spread(rate)}   compact ms ${spread(cycles.map((c) => c.phasesMs.compact as number))}`,
  );
}
const [small, large] = [await cyclesOf('stw', SMALL), await cyclesOf('stw', LARGE)];
for (const [name, cycles] of [
  ['8–64', small],
  ['64–512', large],
] as const) {
  const objects = Math.round((cycles[0] as CycleRecord).objects);
  console.log(
    `objects of ${name} bytes (${objects} live): prepare ms ${spread(cycles.map((c) => c.phasesMs.prepare as number))}` +
      `   mark ms ${spread(cycles.map((c) => c.phasesMs.mark as number))}`,
  );
}

const TURNS = 3;
const markAndCompact = (cycles: readonly CycleRecord[], phase: 'mark' | 'compact') =>
  cycles.map(({ phasesMs }) => phasesMs[phase] as number);
const median = (values: readonly number[]) =>
  quantileSorted(
    [...values].sort((a, b) => a - b),
    0.5,
  );
for (const mode of Object.keys(MODES) as ModeName[]) {
  const byThreads: CycleRecord[][] = [[], []];
  for (let turn = 0; turn < TURNS; turn++) {
    for (const threads of [1, 2]) byThreads[threads - 1]?.push(...(await cyclesOf(mode, SMALL, threads)));
  }
  const gains = (['mark', 'compact'] as const).map((phase) => {
    const [one, two] = byThreads.map((cycles) => median(markAndCompact(cycles, phase))) as [number, number];
    return `${phase} ${one.toFixed(1)} → ${two.toFixed(1)} ms, ${(one / two).toFixed(2)} ×`;
  });
  console.log(`${mode.padEnd(13)} one GC thread → two: ${gains.join('   ')}`);
}
