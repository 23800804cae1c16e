/**
 * The round trip of one fault, touch to resume: a mutator and a fault thread, placed on one processor or on two,
 * waiting by a blocking `read` or by `poll`. All of them live at once, and take turns.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { quantileSorted } from 'simple-statistics';
import {
  MADV_POPULATE_WRITE,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  O_CLOEXEC,
  O_NONBLOCK,
  PROT_READ,
  PROT_WRITE,
  UFFD_FEATURE_MINOR_SHMEM,
  UFFD_FEATURE_MOVE,
  UFFD_USER_MODE_ONLY,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../uffd/abi.ts';
import { type Kernel, PAGE_BYTES } from '../../uffd/kernel.ts';
import { allowedCpus } from '../../uffd/linux/scheduling.ts';
import { openKernel } from '../../uffd/open.ts';
import { openUserfaultfd, type Userfaultfd } from '../../uffd/userfaultfd.ts';
import { type Random, shuffled } from '../metrics/random.ts';
import type { FaultRange, RoundTripSetup } from './round-trip-thread.ts';
import type { KernelName, RoundTrip } from './schema.ts';
import { checked } from './stage.ts';

const READ_WRITE = PROT_READ | PROT_WRITE;
const WARM_UP_ROUNDS = 3;

type Wait = RoundTrip['wait'];

/** Where the two threads run. */
export interface Placement {
  readonly name: RoundTrip['placement'];
  readonly mutator: number | null;
  readonly faultThread: number | null;
}

/** One processor, and two where there are two; anywhere, where threads cannot be placed. */
export function placements(cpus: readonly number[] | null): readonly Placement[] {
  if (cpus === null || cpus[0] === undefined) return [{ name: 'unpinned', mutator: null, faultThread: null }];
  const [first, second] = cpus;
  const same: Placement = { name: 'same-core', mutator: first, faultThread: first };
  return second === undefined ? [same] : [same, { name: 'other-core', mutator: first, faultThread: second }];
}

/** Two threads, and what they work on. */
interface Pair {
  readonly placement: Placement;
  readonly wait: Wait;
  readonly ranges: readonly FaultRange[];
  readonly lastPage: number;
  readonly mutator: Worker;
  readonly faultThread: Worker;
}

export interface RoundTripOptions {
  readonly rounds: number;
  /** Of a round. */
  readonly faults: number;
  readonly features: bigint;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onRound: (round: number, rounds: number) => void;
}

export async function measureRoundTrips(name: KernelName, options: RoundTripOptions): Promise<RoundTrip[]> {
  const bytes = options.faults * PAGE_BYTES;
  const kernel = openKernel(name, { memoryBytes: 64 * bytes, populate: true });
  const pairs: Pair[] = [];
  try {
    for (const placement of placements(allowedCpus())) {
      for (const wait of ['read', 'poll'] as const) pairs.push(startPair(kernel, placement, wait, options));
    }
    const trips = pairs.flatMap((pair) =>
      pair.ranges.map((range, index) => ({ pair, range, index, samples: [] as number[] })),
    );
    const { rounds, random, signal, onRound } = options;
    for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
      onRound(Math.max(0, round), rounds);
      for (const { pair, index, samples } of shuffled(trips, random)) {
        signal.throwIfAborted();
        const us = await faultOnce(pair, index);
        if (round >= 0) samples.push(...us);
      }
    }
    return trips.map(({ pair, range, samples }) => describe(name, pair, range, samples));
  } finally {
    await endPairs(kernel, pairs);
  }
}

function startPair(
  kernel: Kernel,
  placement: Placement,
  wait: Wait,
  { faults, features }: RoundTripOptions,
): Pair {
  const flags = O_CLOEXEC | UFFD_USER_MODE_ONLY | (wait === 'poll' ? O_NONBLOCK : 0);
  const wanted = UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_MOVE;
  const uffd = openUserfaultfd(kernel, { flags, features: features & wanted });
  const ranges = mapRanges(kernel, uffd, faults * PAGE_BYTES, features);
  const lastPage = mapPrivate(kernel, PAGE_BYTES);
  uffd.register(lastPage, PAGE_BYTES, UFFDIO_REGISTER_MODE_MISSING);
  const shared = { handle: kernel.handle(), fd: uffd.fd, wait, ranges, pages: faults, lastPage };
  const start = (role: 'mutator' | 'fault thread', cpu: number | null) =>
    startThread({ ...shared, role, cpu });
  return {
    ...{ placement, wait, ranges, lastPage },
    mutator: start('mutator', placement.mutator),
    faultThread: start('fault thread', placement.faultThread),
  };
}

function mapRanges(kernel: Kernel, uffd: Userfaultfd, bytes: number, features: bigint): FaultRange[] {
  const file = checked('memfd_create', kernel.memfd_create('minorfault-round-trips', 0));
  checked('ftruncate', kernel.ftruncate(file, bytes));
  checked('fallocate', kernel.fallocate(file, 0, 0, bytes));
  const shared = checked('mmap', kernel.mmap(0, bytes, READ_WRITE, MAP_SHARED, file, 0));
  uffd.register(shared, bytes, UFFDIO_REGISTER_MODE_MINOR);
  const missing = () => {
    const addr = mapPrivate(kernel, bytes);
    uffd.register(addr, bytes, UFFDIO_REGISTER_MODE_MISSING);
    return addr;
  };
  const page = mapPrivate(kernel, PAGE_BYTES);
  checked('madvise', kernel.madvise(page, PAGE_BYTES, MADV_POPULATE_WRITE));
  const ranges: FaultRange[] = [
    { operation: 'UFFDIO_CONTINUE', memory: 'shmem', addr: shared, source: 0 },
    { operation: 'UFFDIO_COPY', memory: 'anon', addr: missing(), source: page },
    { operation: 'UFFDIO_ZEROPAGE', memory: 'anon', addr: missing(), source: 0 },
  ];
  if ((features & UFFD_FEATURE_MOVE) === 0n) return ranges;
  const source = mapPrivate(kernel, bytes);
  return [...ranges, { operation: 'UFFDIO_MOVE', memory: 'anon', addr: missing(), source }];
}

function mapPrivate(kernel: Kernel, bytes: number): number {
  return checked('mmap', kernel.mmap(0, bytes, READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

function startThread(workerData: RoundTripSetup): Worker {
  const worker = new Worker(new URL('./round-trip-thread.js', import.meta.url), {
    workerData,
    name: workerData.role,
  });
  worker.on('error', () => {}); // told by whoever waits for it
  return worker;
}

/** µs of each fault of a range. @throws what ended either thread */
async function faultOnce({ mutator, faultThread }: Pair, index: number): Promise<Float64Array> {
  const done = new AbortController();
  const { signal } = done;
  const died = (worker: Worker) =>
    Promise.race([
      once(worker, 'error', { signal }).then(([error]) => Promise.reject(error)),
      once(worker, 'exit', { signal }).then(() => Promise.reject(new Error('a thread ended early'))),
    ]);
  try {
    mutator.postMessage(index);
    const [us] = await Promise.race([once(mutator, 'message', { signal }), died(mutator), died(faultThread)]);
    return us as Float64Array;
  } finally {
    done.abort();
  }
}

/** Every thread has ended when this settles, whatever state it was in. */
async function endPairs(kernel: Kernel, pairs: readonly Pair[]): Promise<void> {
  const alive = pairs.filter(({ faultThread }) => faultThread.threadId !== -1);
  if (alive.length > 0) {
    const lastPages = alive.map(({ lastPage }) => lastPage);
    const last = startThread({ handle: kernel.handle(), role: 'last fault', lastPages });
    await new Promise((resolve) => last.once('exit', resolve));
  }
  // A mutator whose fault thread has died sleeps in its fault until now.
  kernel.dispose();
  await Promise.all(
    pairs.flatMap(({ mutator, faultThread }) => [mutator.terminate(), faultThread.terminate()]),
  );
  kernel.dispose(); // and gives the descriptors back
}

function describe(kernel: KernelName, { placement, wait }: Pair, range: FaultRange, us: number[]): RoundTrip {
  const sorted = us.sort((a, b) => a - b);
  const at = (quantile: number) => quantileSorted(sorted, quantile);
  return {
    ...{ kernel, operation: range.operation, memory: range.memory, placement: placement.name, wait },
    faults: sorted.length,
    ...{ p50Us: at(0.5), p90Us: at(0.9), p99Us: at(0.99), maxUs: at(1) },
  };
}
