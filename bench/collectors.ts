/**
 * Our collections beside those of the C program of the peers, in one run, turn about: the same-shaped graph (a heap full of
 * objects of 8 to 64 bytes, of which a random half is live), no mutator running. With --others also V8 and the JVM.
 *
 *     node dist/bench/collectors.js <folder of the peers> [heap MiB = 64] [turns = 3] [--gc-threads 2] [--others]
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { median } from 'simple-statistics';
import { openHeap } from '../gc/index.ts';
import type { CompactionData } from './compaction-program.ts';

const MIB = 2 ** 20;
/** Of our heap is filled as much as the C program's heap has: a heap that fills up to its end collects by itself. */
const FULL = 0.85;
const CYCLES = 4;
const MODES = {
  continue: ['--mode', 'continue'],
  'continue-warm': ['--mode', 'continue', '--release', '0'],
  copy: ['--mode', 'copy'],
  move: null,
  stw: ['--mode', 'stw'],
} as const;

/** What of one collection is compared. */
interface Collection {
  /** Live bytes, in MB, over the compaction phase, in s. */
  readonly compactMbS: number;
  /** Live objects a µs of marking. */
  readonly markM: number;
  readonly totalMs: number;
}

async function ours(mode: string, mib: number, gcThreads: number): Promise<readonly Collection[]> {
  const heapBytes = Math.ceil((mib / FULL) * 256) * 4096;
  const heap = await openHeap({ kernel: 'linux', mode, heapBytes, mutators: 1, gcThreads });
  const data: CompactionData = {
    ...{ rounds: CYCLES + 1, fullBytes: mib * MIB, liveBytes: (mib * MIB) / 2 },
    ...{ seed: 1, granules: [1, 8] },
  };
  try {
    await heap.spawn(new URL('./compaction-program.js', import.meta.url), data).done;
    const asked = heap.cycles.filter(({ trigger }) => trigger === 'explicit').slice(1);
    return asked.map(({ liveBytes, objects, phasesMs, totalMs }) => ({
      compactMbS: liveBytes / 1e3 / (phasesMs.compact as number),
      markM: objects / 1e3 / (phasesMs.mark as number),
      totalMs,
    }));
  } finally {
    await heap.close();
  }
}

function inC(program: string, mode: readonly string[], mib: number, seed: number): readonly Collection[] {
  const args = ['--heap-mib', mib, '--mutators', 0, '--cycles', CYCLES + 1, '--seed', seed, ...mode].map(
    String,
  );
  const { cycles } = JSON.parse(execFileSync(program, args, { encoding: 'utf8' })) as {
    cycles: { compact_mb_s: number; live_objects: number; mark_us: number; total_us: number }[];
  };
  return cycles.slice(1).map((c) => ({
    ...{ compactMbS: c.compact_mb_s, markM: c.live_objects / c.mark_us, totalMs: c.total_us / 1e3 },
  }));
}

/** Medians in ms of the full collections of V8 and of the JVM's collectors, by their names. */
function others(folder: string, mib: number): Map<string, number> {
  const lines = [
    execFileSync(process.execPath, [join(folder, 'v8', 'fullgc.mjs'), '1', `${mib}`], { encoding: 'utf8' }),
    execFileSync(join(folder, 'jvm', 'run.sh'), ['1', `${mib}`], { encoding: 'utf8' }),
  ].flatMap((text) => text.trim().split('\n'));
  const runs = lines.map(
    (line) => JSON.parse(line) as { config?: string; collector?: string; cycles: { gc_us: number }[] },
  );
  return new Map(
    runs.map(({ config, collector, cycles }) => [
      config === undefined ? `JVM ${collector}` : `V8 ${config}`,
      median(cycles.slice(1).map(({ gc_us }) => gc_us / 1e3)),
    ]),
  );
}

interface Turn {
  readonly c: readonly Collection[];
  readonly ours: readonly Collection[];
}

/** One row for a mode: ours, C's, and the median of the turns' ratios. */
function row(mode: string, turns: readonly Turn[]): string {
  const cell = (pick: (c: Collection) => number, digits: number) => {
    const of = (side: keyof Turn) =>
      turns.map((turn) => (turn[side].length ? median(turn[side].map(pick)) : NaN));
    const [mine, peers] = [of('ours'), of('c')];
    const ratio = median(mine.map((value, i) => value / (peers[i] as number)));
    const shown = (value: number, places: number) => (Number.isNaN(value) ? '–' : value.toFixed(places));
    const texts = [median(mine), median(peers)].map((value) => shown(value, digits).padStart(8));
    return `${texts.join('')}${shown(ratio, 2).padStart(7)}  `;
  };
  return `${mode.padEnd(15)}${cell((c) => c.compactMbS, 0)}${cell((c) => c.markM, 2)}${cell((c) => c.totalMs, 1)}`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'gc-threads': { type: 'string', default: '1' }, others: { type: 'boolean', default: false } },
});
const [folder = '', mibGiven = '64', turnsGiven = '3'] = positionals;
const program = join(folder, 'c', 'compact');
const [mib, turns, gcThreads] = [mibGiven, turnsGiven, values['gc-threads']].map(Number) as [
  number,
  number,
  number,
];
if (!existsSync(program) || !(mib >= 1 && turns >= 1 && gcThreads >= 1)) {
  console.error(
    `usage: node dist/bench/collectors.js <folder of the peers> [heap MiB] [turns] [--gc-threads n] [--others]; ${program} must have been made`,
  );
  process.exit(2);
}
const rows = new Map<string, Turn[]>(Object.keys(MODES).map((mode) => [mode, []]));
const rest = new Map<string, number[]>();
for (let turn = 1; turn <= turns; turn++) {
  console.error(`turn ${turn}/${turns}`);
  for (const [mode, args] of Object.entries(MODES)) {
    const c = args === null ? [] : inC(program, args, mib, turn);
    rows.get(mode)?.push({ c, ours: await ours(mode, mib, gcThreads) });
  }
  if (values.others)
    for (const [name, ms] of others(folder, mib)) rest.set(name, [...(rest.get(name) ?? []), ms]);
}
const head = ['compact MB/s', 'mark M objects/s', 'collection ms'].map((name) =>
  name.padStart(23).padEnd(25),
);
console.log(
  `linux, ${mib} MiB of objects, half live, ${gcThreads} GC threads; medians of ${turns} turns; ours, C, ratio`,
);
console.log(`${''.padEnd(15)}${head.join('')}`);
for (const [mode, all] of rows) console.log(row(mode, all));
for (const [name, ms] of rest) console.log(`${name.padEnd(65)}${median(ms).toFixed(1).padStart(8)}`);
