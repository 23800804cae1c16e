/**
 * The threads of one placement and way of waiting: a mutator that faults and times it, a fault thread that answers
 * with a page made beforehand, so that the round trip is what is measured; and the thread that ends fault threads, by
 * a last fault of one's own, since a blocked `read` cannot be ended from outside.
 */
import { parentPort, workerData } from 'node:worker_threads';
import {
  attachUserfaultfd,
  type Kernel,
  type KernelHandle,
  MADV_DONTNEED,
  MADV_POPULATE_WRITE,
  MachineGoneError,
  openKernel,
  PAGE_BYTES,
  PAGE_WORDS,
  POLLIN,
  type Userfaultfd,
} from '../../uffd/index.ts';
import { pinThread } from '../../uffd/linux/scheduling.ts';
import { whole } from './operation.ts';
import { checked } from './stage.ts';

/** Pages that fault, registered; and where the answers come from. */
export interface FaultRange {
  readonly operation: 'UFFDIO_CONTINUE' | 'UFFDIO_COPY' | 'UFFDIO_ZEROPAGE' | 'UFFDIO_MOVE';
  readonly memory: 'shmem' | 'anon';
  readonly addr: number;
  /** The one page that COPY copies; pages of the same number that MOVE moves. Else 0. */
  readonly source: number;
}

/** What each of the threads is told. */
export type RoundTripSetup = { readonly handle: KernelHandle } & (
  | {
      readonly role: 'mutator' | 'fault thread';
      readonly fd: number;
      readonly wait: 'read' | 'poll';
      readonly ranges: readonly FaultRange[];
      readonly pages: number;
      /** The page whose fault ends the fault thread. */
      readonly lastPage: number;
      /** The processor to run on, or null: where the scheduler likes. */
      readonly cpu: number | null;
    }
  | { readonly role: 'last fault'; readonly lastPages: readonly number[] }
);

type PairSetup = Exclude<RoundTripSetup, { readonly role: 'last fault' }>;

function serveFaults(kernel: Kernel, { fd, wait, ranges, pages, lastPage }: PairSetup): void {
  const uffd = attachUserfaultfd(kernel, fd);
  for (;;) {
    if (wait === 'poll') kernel.poll(fd, POLLIN, -1);
    const message = uffd.read();
    if (message === null || !('address' in message)) continue;
    const page = message.address - (message.address % PAGE_BYTES);
    if (page === lastPage) {
      whole(uffd.zeropage(page, PAGE_BYTES));
      return;
    }
    for (const range of ranges) {
      if (page >= range.addr && page < range.addr + pages * PAGE_BYTES) answer(uffd, range, page);
    }
  }
}

function answer(uffd: Userfaultfd, { operation, addr, source }: FaultRange, page: number): void {
  if (operation === 'UFFDIO_CONTINUE') whole(uffd.continue(page, PAGE_BYTES));
  else if (operation === 'UFFDIO_COPY') whole(uffd.copy(page, source, PAGE_BYTES));
  else if (operation === 'UFFDIO_MOVE') whole(uffd.move(page, source + (page - addr), PAGE_BYTES));
  else whole(uffd.zeropage(page, PAGE_BYTES));
}

/** Each message names a range: it is emptied, and every page of it touched. The reply is µs of each fault. */
function mutate(kernel: Kernel, { ranges, pages }: PairSetup): void {
  const bytes = pages * PAGE_BYTES;
  const views = ranges.map(({ addr }) => kernel.mutatorView(addr, bytes));
  const samples = new Float64Array(pages);
  const sums = new Int32Array(ranges.length); // or V8 drops the loads
  parentPort?.on('message', (index: number) => {
    const { operation, addr, source } = ranges[index] as FaultRange;
    const view = views[index] as (typeof views)[0];
    checked('madvise', kernel.madvise(addr, bytes, MADV_DONTNEED));
    if (operation === 'UFFDIO_MOVE') checked('madvise', kernel.madvise(source, bytes, MADV_POPULATE_WRITE));
    let sum = 0;
    view.enter();
    for (let page = 0; page < pages; page++) {
      const began = performance.now();
      sum = (sum + view.load(page * PAGE_WORDS)) | 0;
      samples[page] = (performance.now() - began) * 1000;
    }
    view.leave();
    sums[index] = sum;
    parentPort?.postMessage(samples);
  });
}

function lastFaults(kernel: Kernel, lastPages: readonly number[]): void {
  for (const page of lastPages) kernel.load32(page);
}

function run(setup: RoundTripSetup): void {
  if (setup.role !== 'last fault' && setup.cpu !== null) pinThread(setup.cpu);
  const kernel = openKernel(setup.handle);
  if (setup.role === 'last fault') lastFaults(kernel, setup.lastPages);
  else if (setup.role === 'fault thread') serveFaults(kernel, setup);
  else mutate(kernel, setup);
}

try {
  run(workerData as RoundTripSetup);
} catch (error) {
  if (!(error instanceof MachineGoneError)) throw error;
}
