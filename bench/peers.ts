/**
 * Our costs beside those of the C program, turn about in one run, so that a busy host disturbs both alike.
 * `node dist/bench/peers.js /path/to/peers [turns]`, where c/uffd_cost has been made.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { median } from 'simple-statistics';
import { MADV_POPULATE_WRITE, MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE } from '../uffd/abi.ts';
import { type Kernel, PAGE_BYTES } from '../uffd/kernel.ts';
import { measureInRounds } from './costs/measure.ts';
import type { Operation } from './costs/operation.ts';
import { OPERATIONS } from './costs/operations.ts';
import { measureRoundTrips } from './costs/round-trips.ts';
import { checked, openStage } from './costs/stage.ts';
import { seededRandom } from './metrics/random.ts';

const BATCHES = [1, 4, 16, 64, 256];
const PAGES = 2048;
const ROUNDS = 5; // of a turn; the C program's repetitions as well
const FAULTS = 256; // of a round
const TURNS = 3;

/** Ours by what the C program calls it. */
const BY_BATCH: Readonly<Record<string, (operation: Operation) => boolean>> = {
  continue: (o) => o.operation === 'UFFDIO_CONTINUE' && o.destination === 'recycled' && o.variant === null,
  copy_shmem: (o) => o.operation === 'UFFDIO_COPY' && o.memory === 'shmem',
  copy_anon: (o) => o.operation === 'UFFDIO_COPY' && o.memory === 'anon',
  zeropage_anon: (o) => o.operation === 'UFFDIO_ZEROPAGE',
  move_anon: (o) => o.operation === 'UFFDIO_MOVE' && o.destination === 'fresh',
};
const ROUND_TRIPS: Readonly<Record<string, string>> = {
  continue: 'UFFDIO_CONTINUE',
  copy_anon: 'UFFDIO_COPY',
  zeropage_anon: 'UFFDIO_ZEROPAGE',
  move_anon: 'UFFDIO_MOVE',
};
const CPUS: Readonly<Record<string, string>> = { 'same-core': 'same', 'other-core': 'split' };

/** What is compared, by name: ns. */
type Figures = ReadonlyMap<string, number>;

/** What the C program prints, as much of it as is read. */
interface CostsInC {
  readonly batch: readonly { readonly op: string; readonly batch: number; readonly median: number }[];
  readonly fault: readonly {
    readonly op: string;
    readonly how: string;
    readonly cpus: string;
    readonly p50: number;
  }[];
}

function batchName(op: string, batch: number): string {
  return `${op}, ${batch} a call`;
}

function roundTripName(op: string, cpus: string): string {
  return `${op}, round trip, ${cpus} CPU${cpus === 'same' ? '' : 's'}`;
}

function measureC(program: string): Figures {
  const mib = (PAGES * PAGE_BYTES) / 2 ** 20;
  const args = ['--mib', `${mib}`, '--reps', `${ROUNDS}`, '--faults', `${ROUNDS * FAULTS}`];
  const costs = JSON.parse(execFileSync(program, args, { encoding: 'utf8' })) as CostsInC;
  return new Map([
    ...costs.batch.map(({ op, batch, median: ns }) => [batchName(op, batch), ns] as const),
    ...costs.fault
      .filter(({ how }) => how === 'thread_blocking_read')
      .map(({ op, cpus, p50 }) => [roundTripName(op, cpus), p50] as const),
  ]);
}

/**
 * Touches a gibibyte and gives it back, as the C program does first: in a virtual machine a page that the guest has
 * not used yet is a fault of the host's.
 */
function haveMemoryBacked(kernel: Kernel): void {
  const bytes = 2 ** 30;
  const addr = kernel.mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  checked('madvise', kernel.madvise(checked('mmap', addr), bytes, MADV_POPULATE_WRITE));
  checked('munmap', kernel.munmap(addr, bytes));
}

async function measureOurs(seed: number): Promise<Figures> {
  const { signal } = new AbortController();
  const onRound = () => {};
  const names = Object.keys(BY_BATCH);
  const operations = names.map((name) => OPERATIONS.find(BY_BATCH[name] as never) as Operation);
  const stage = openStage('linux', PAGES);
  haveMemoryBacked(stage.kernel);
  const { features, kernel } = stage;
  const samples = new Map<string, number>();
  for (const [i, operation] of operations.entries()) {
    for (const batch of BATCHES) {
      // Each by itself, as the C program does it: between other operations, the caches are as those leave them.
      const rounds = { batches: [batch], rounds: ROUNDS, seed, signal, onRound };
      const [ofBatch] = await measureInRounds(stage, [operation], rounds);
      samples.set(batchName(names[i] as string, batch), median([...(ofBatch?.get(batch) ?? [])]));
    }
  }
  kernel.dispose();
  const random = seededRandom(seed);
  const trips = await measureRoundTrips('linux', {
    ...{ rounds: ROUNDS, faults: FAULTS, features, random, signal, onRound },
  });
  const opOf = (operation: string) => names.find((name) => ROUND_TRIPS[name] === operation) as string;
  return new Map([
    ...samples,
    ...trips
      .filter(({ wait }) => wait === 'read')
      .map(
        ({ operation, placement, p50Us }) =>
          [roundTripName(opOf(operation), CPUS[placement] ?? placement), p50Us * 1000] as const,
      ),
  ]);
}

/** How many times C's ours may be: the goals of issue B. null: shown for information. */
function targetOf(name: string): number | null {
  if (name.includes('round trip')) return 1.3;
  if (name.startsWith('zeropage')) return null;
  if (name.endsWith(', 1 a call')) return 1.35;
  return / (64|256) a call$/.test(name) ? 1.05 : null;
}

/** A row: ns of each, the medians over the turns; the median of the turns' ratios, beside what it should be at most. */
function row(name: string, turns: readonly { readonly c: Figures; readonly ours: Figures }[]): string {
  const of = (pick: (turn: (typeof turns)[0]) => number) => median(turns.map(pick));
  const ratio = of(({ c, ours }) => (ours.get(name) as number) / (c.get(name) as number));
  const target = targetOf(name);
  const verdict =
    target === null ? '' : `${`≤ ${target}`.padStart(8)}  ${ratio <= target ? 'met' : 'MISSED'}`;
  const figures = [of(({ c }) => c.get(name) as number), of(({ ours }) => ours.get(name) as number)];
  return `${name.padEnd(40)}${figures.map((ns) => ns.toFixed(0).padStart(10)).join('')}${ratio.toFixed(2).padStart(9)}${verdict}`;
}

const [folder, turnsGiven = `${TURNS}`] = process.argv.slice(2);
const program = join(folder ?? '', 'c', 'uffd_cost');
if (folder === undefined || !existsSync(program) || !(Number(turnsGiven) >= 1)) {
  console.error(
    `usage: node dist/bench/peers.js <folder of the peers> [turns]; ${program} must have been made`,
  );
  process.exit(2);
}
const turns: { c: Figures; ours: Figures }[] = [];
for (let turn = 0; turn < Number(turnsGiven); turn++) {
  console.error(`turn ${turn + 1}/${turnsGiven}`);
  const ours = turn % 2 === 0 ? null : await measureOurs(turn);
  const c = measureC(program);
  turns.push({ c, ours: ours ?? (await measureOurs(turn)) });
}
console.log(`${'ns, medians'.padEnd(40)}${'C'.padStart(10)}${'ours'.padStart(10)}${'ratio'.padStart(9)}`);
for (const name of (turns[0] as (typeof turns)[0]).ours.keys()) console.log(row(name, turns));
