/**
 * What the simulated memory management unit costs, beside the bare operation, in one run: a mutator's load beside a
 * load from a typed array, and the round trip of a fault beside a ping-pong of two threads, placed alike.
 * `node dist/bench/mmu.js`
 */
import { Worker } from 'node:worker_threads';
import {
  MAP_SHARED,
  openKernel,
  openUserfaultfd,
  PAGE_BYTES,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_MINOR,
} from '../uffd/index.ts';
import { allowedCpus } from '../uffd/linux/scheduling.ts';
import type { Comparison } from './mmu-compare.ts';
import { type Loads, type LoadsSetup, RANDOM_ACCESSES, SEQUENTIAL_ACCESSES } from './mmu-loads.ts';
import type { RoundTripSetup } from './mmu-thread.ts';

const FAULTS = 64; // of a run
const READ_WRITE = PROT_READ | PROT_WRITE;

/** The first message of any of the threads. */
async function answerOf<T>(workers: readonly Worker[]): Promise<T> {
  try {
    return await new Promise<T>((resolve, reject) => {
      for (const worker of workers) worker.once('error', reject).once('message', resolve);
    });
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function measureLoads(pages: LoadsSetup['pages']): Promise<Loads> {
  const workerData: LoadsSetup = { pages };
  return answerOf([new Worker(new URL('./mmu-loads.js', import.meta.url), { workerData })]);
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
  return answerOf<Comparison>(workers).finally(() => kernel.dispose());
}

/** A row: the name, nanoseconds of each, and the ratio beside what it should be at most. */
function row(name: string, { firstMs, secondMs, ratio }: Comparison, each: number, target: number): string {
  const ns = (ms: number) => ((ms * 1e6) / each).toFixed(each === FAULTS ? 0 : 2).padStart(10);
  const verdict = ratio <= target ? 'met' : 'MISSED';
  return `${name.padEnd(28)}${ns(firstMs)}${ns(secondMs)}${ratio.toFixed(2).padStart(9)}${`≤ ${target}`.padStart(8)}  ${verdict}`;
}

const inOrder = await measureLoads('in order');
const inNoOrder = await measureLoads('in no order');
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
console.log(row('load, random over 64 MiB', inNoOrder.random, RANDOM_ACCESSES, 1.5));
console.log(row('load, sequential', inOrder.sequential, SEQUENTIAL_ACCESSES, 1.7));
console.log(row('the same, pages in no order', inNoOrder.sequential, SEQUENTIAL_ACCESSES, 1.7));
for (const { name, placement } of roundTrips) {
  console.log(row(`round trip, ${name}`, await measureRoundTrip(placement), FAULTS, 1.5));
}
