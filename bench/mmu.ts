/**
 * What the simulated memory management unit costs, beside the bare operation, in one run: a mutator's load beside a
 * load from a typed array, and the round trip of a fault beside a ping-pong of two threads, placed alike.
 * `node dist/bench/mmu.js`
 */
import { Worker } from 'node:worker_threads';
import {
  type Kernel,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  type MutatorView,
  openKernel,
  openUserfaultfd,
  PAGE_BYTES,
  PAGE_WORDS,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_MINOR,
} from '../uffd/index.ts';
import { allowedCpus } from '../uffd/linux/affinity.ts';
import { type Comparison, compareTurnAbout } from './mmu-compare.ts';
import type { RoundTripSetup } from './mmu-thread.ts';

const LOG_WORDS = 24; // 64 MiB
const WORDS = 1 << LOG_WORDS;
const ACCESSES = 1 << 20; // of a run at random
const FAULTS = 64; // of a run
const READ_WRITE = PROT_READ | PROT_WRITE;

// Four loops from four pieces of source: two functions made from one share their type feedback, and with it what
// V8 compiles into them. The sums keep the loads from being dropped.
function bareRandom(array: Int32Array, seed: number, count: number): number {
  let sum = 0;
  for (let i = 0, x = seed | 0; i < count; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    sum = (sum + (array[x >>> (32 - LOG_WORDS)] as number)) | 0;
  }
  return sum;
}

function viewRandom(view: MutatorView, seed: number, count: number): number {
  const { load } = view;
  let sum = 0;
  for (let i = 0, x = seed | 0; i < count; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    sum = (sum + load(x >>> (32 - LOG_WORDS))) | 0;
  }
  return sum;
}

function bareSequential(array: Int32Array, from: number, count: number): number {
  let sum = 0;
  for (let word = from | 0, end = (from + count) | 0; word < end; word++) {
    sum = (sum + (array[word] as number)) | 0;
  }
  return sum;
}

function viewSequential(view: MutatorView, from: number, count: number): number {
  const { load } = view;
  let sum = 0;
  for (let word = from | 0, end = (from + count) | 0; word < end; word++) sum = (sum + load(word)) | 0;
  return sum;
}

/**
 * 64 MiB whose frames are in no order: its pages are touched at a stride that is prime to their number. Each is
 * loaded from first, so that V8 has seen loads that fault, as it has in every program that is worth measuring: a
 * loop with a call it has never seen taken is compiled worse.
 */
function shuffledMemory(kernel: Kernel): MutatorView {
  const addr = kernel.mmap(0, WORDS * 4, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const view = kernel.mutatorView(addr, WORDS * 4);
  const pages = WORDS / PAGE_WORDS;
  for (let i = 0; i < pages; i++) {
    const word = ((i * 7919) % pages) * PAGE_WORDS;
    view.store(word, view.load(word));
  }
  for (let word = 0; word < WORDS; word++) view.store(word, word ^ 0x5555);
  return view;
}

/** Many short calls: a loop that is compiled in its first long run (on-stack replacement) is compiled worse. */
function warmUp(array: Int32Array, view: MutatorView): void {
  for (let i = 0; i < 20_000; i++) {
    bareRandom(array, i, 32);
    viewRandom(view, i, 32);
    bareSequential(array, i, 32);
    viewSequential(view, i, 32);
  }
}

function measureLoads(): readonly [random: Comparison, sequential: Comparison] {
  const kernel = openKernel('sim', { memoryBytes: WORDS * 4, populate: true });
  const view = shuffledMemory(kernel);
  const array = new Int32Array(new SharedArrayBuffer(WORDS * 4));
  for (let word = 0; word < WORDS; word++) array[word] = word ^ 0x5555;
  warmUp(array, view);
  let seed = 1;
  const sums = new Int32Array(1);
  const keep = (sum: number): void => {
    sums[0] = sum;
  };
  view.enter();
  const random = compareTurnAbout(25, 5, [
    { name: 'array', run: () => keep(bareRandom(array, seed++, ACCESSES)) },
    { name: 'view', run: () => keep(viewRandom(view, seed++, ACCESSES)) },
  ]);
  const sequential = compareTurnAbout(15, 3, [
    { name: 'array', run: () => keep(bareSequential(array, 0, WORDS)) },
    { name: 'view', run: () => keep(viewSequential(view, 0, WORDS)) },
  ]);
  view.leave();
  kernel.dispose();
  return [random, sequential];
}

/** The mutator runs on one processor, the thread that answers on another; or each where the scheduler likes. */
interface Placement {
  readonly mutator: number | null;
  readonly other: number | null;
}

async function measureRoundTrip({ mutator, other }: Placement): Promise<Comparison> {
  const kernel = openKernel('sim', { memoryBytes: 1 << 20 });
  const uffd = openUserfaultfd(kernel);
  const file = kernel.memfd_create('round-trip', 0);
  kernel.ftruncate(file, FAULTS * PAGE_BYTES);
  kernel.fallocate(file, 0, 0, FAULTS * PAGE_BYTES);
  const addr = kernel.mmap(0, FAULTS * PAGE_BYTES, READ_WRITE, MAP_SHARED, file, 0);
  uffd.register(addr, FAULTS * PAGE_BYTES, UFFDIO_REGISTER_MODE_MINOR);
  const words = new Int32Array(new SharedArrayBuffer(128));
  const shared = { handle: kernel.handle(), fd: uffd.fd, addr, pages: FAULTS, words, rounds: 100 };
  const workers = (['echo', 'handler', 'mutator'] as const).map((role) => {
    const workerData: RoundTripSetup = { ...shared, role, cpu: role === 'mutator' ? mutator : other };
    return new Worker(new URL('./mmu-thread.js', import.meta.url), { workerData });
  });
  try {
    return await new Promise<Comparison>((resolve, reject) => {
      for (const worker of workers) worker.once('error', reject).once('message', resolve);
    });
  } finally {
    kernel.dispose();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** A row: the name, nanoseconds of each, and the ratio beside what it should be at most. */
function row(name: string, { firstMs, secondMs, ratio }: Comparison, each: number, target: number): string {
  const ns = (ms: number) => ((ms * 1e6) / each).toFixed(each === FAULTS ? 0 : 2).padStart(10);
  const verdict = ratio <= target ? 'met' : 'MISSED';
  return `${name.padEnd(28)}${ns(firstMs)}${ns(secondMs)}${ratio.toFixed(2).padStart(9)}${`≤ ${target}`.padStart(8)}  ${verdict}`;
}

const [random, sequential] = measureLoads();
const cpus = allowedCpus();
const roundTrips =
  cpus?.[0] !== undefined
    ? [
        { name: 'same CPU', placement: { mutator: cpus[0], other: cpus[0] } },
        { name: 'another CPU', placement: { mutator: cpus[0], other: cpus[1] ?? cpus[0] } },
      ]
    : [{ name: 'unpinned', placement: { mutator: null, other: null } }];
console.log(
  `${'ns, medians'.padEnd(28)}${'bare'.padStart(10)}${'simulated'.padStart(10)}${'ratio'.padStart(9)}`,
);
console.log(row('load, random over 64 MiB', random, ACCESSES, 1.5));
console.log(row('load, sequential', sequential, WORDS, 1.7));
for (const { name, placement } of roundTrips) {
  console.log(row(`round trip, ${name}`, await measureRoundTrip(placement), FAULTS, 1.5));
}
