/**
 * What a dense prefix saves: a full heap whose older part is all live and whose younger part is mostly dead, collected with
 * nobody in the way, each mode with the prefix and without, turn about. Medians of all collections but the first two.
 *
 *     node dist/bench/dense-prefix.js [--kernel sim|linux] [heap MiB = 64] [turns = 3]
 */
import { parseArgs } from 'node:util';
import { median } from 'simple-statistics';
import { type CycleRecord, type ModeName, openHeap } from '../gc/index.ts';
import { MODES } from '../gc/modes/index.ts';
import { DENSITY } from '../gc/options.ts';
import type { CompactionData } from './compaction-program.ts';

const MIB = 2 ** 20;
const ROUNDS = 6;
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kernel: { type: 'string', default: 'sim' } },
});
const kernel = values.kernel as 'sim' | 'linux';
const [heapMib = 64, turns = 3] = positionals.map(Number);
const heapBytes = heapMib * MIB;
const DATA: CompactionData = {
  rounds: ROUNDS,
  fullBytes: 0.8 * heapBytes,
  keptBytes: 0.5 * heapBytes,
  liveBytes: 0.55 * heapBytes,
  seed: 1,
  granules: [1, 8],
};

async function cyclesOf(mode: ModeName, densePrefix: number | null): Promise<readonly CycleRecord[]> {
  const heap = await openHeap({ kernel, mode, heapBytes, mutators: 1, populate: true, densePrefix });
  try {
    await heap.spawn(new URL('./compaction-program.js', import.meta.url), DATA).done;
    return heap.cycles.filter(({ number }) => number > 2);
  } finally {
    await heap.close();
  }
}

const of = (cycles: readonly CycleRecord[], figure: (cycle: CycleRecord) => number) =>
  median(cycles.map(figure));
const phaseMs =
  (...names: readonly string[]) =>
  ({ phasesMs }: CycleRecord) =>
    names.reduce((ms, name) => ms + (phasesMs[name] ?? 0), 0);
const pauseMs = ({ pauses }: CycleRecord) => pauses.find(({ name }) => name === 'compaction')?.ms ?? 0;

console.log(
  `${kernel}: ${heapMib} MiB, 5/8 of it old and all live, 1/16 young and live; moved → with a dense prefix`,
);
for (const mode of Object.keys(MODES) as ModeName[]) {
  const [moved, kept]: [CycleRecord[], CycleRecord[]] = [[], []];
  for (let turn = 0; turn < turns; turn++) {
    moved.push(...(await cyclesOf(mode, null)));
    kept.push(...(await cyclesOf(mode, DENSITY)));
  }
  const change = (name: string, figure: (cycle: CycleRecord) => number) => {
    const [before, after] = [of(moved, figure), of(kept, figure)];
    return `${name} ${before.toFixed(2)} → ${after.toFixed(2)} ms (${(after / before).toFixed(2)})`;
  };
  const pages = `${of(kept, (c) => c.pages.prefix)} of ${of(kept, (c) => c.pages.compacted)} pages stay`;
  console.log(
    [
      `${mode.padEnd(13)} ${pages}`,
      change('compact', phaseMs('compact', 'release')),
      change('prepare', phaseMs('prepare')),
      change('pause', pauseMs),
      change('total', ({ totalMs }) => totalMs),
    ].join('   '),
  );
}
