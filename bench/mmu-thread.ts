/**
 * The threads of bench/mmu.ts. The mutator measures two round trips to another thread, turn about: a fault that is
 * answered by CONTINUE, and a bare ping-pong by wait and notify, which is the least that a round trip can cost.
 */
import { parentPort, workerData } from 'node:worker_threads';
import {
  attachUserfaultfd,
  type Kernel,
  type KernelHandle,
  MADV_DONTNEED,
  MachineGoneError,
  openKernel,
  PAGE_BYTES,
  PAGE_WORDS,
} from '../uffd/index.ts';
import { pinThread } from '../uffd/linux/scheduling.ts';
import { loadAcquire, type SharedWords, sleepWhile, storeRelease, wake } from '../uffd/sync.ts';
import { compareTurnAbout } from './mmu-compare.ts';

/** What each of the threads is told. */
export interface RoundTripSetup {
  readonly role: 'mutator' | 'handler' | 'echo';
  readonly handle: KernelHandle;
  readonly fd: number;
  /** A range registered MINOR, every page of it cached. */
  readonly addr: number;
  readonly pages: number;
  /** PING and PONG. */
  readonly words: SharedWords;
  readonly rounds: number;
  /** The processor to run on, or null: where the scheduler likes. */
  readonly cpu: number | null;
}

const PING = 0;
const PONG = 16; // in a cache line of its own

/** A blocking read, then CONTINUE, again and again. */
function handle(kernel: Kernel, { fd }: RoundTripSetup): void {
  const uffd = attachUserfaultfd(kernel, fd);
  for (;;) {
    const message = uffd.read();
    if (message !== null && 'address' in message) uffd.continue(message.address, PAGE_BYTES);
  }
}

function echo({ words }: RoundTripSetup): void {
  for (let turn = 1; ; turn = (turn + 1) | 0) {
    while (loadAcquire(words, PING) !== turn) sleepWhile(words, PING, (turn - 1) | 0);
    storeRelease(words, PONG, turn);
    wake(words, PONG);
  }
}

function mutate(kernel: Kernel, { addr, pages, words, rounds }: RoundTripSetup): void {
  const view = kernel.mutatorView(addr, pages * PAGE_BYTES);
  let turn = 0;
  const pingPong = () => {
    for (let i = 0; i < pages; i++) {
      turn = (turn + 1) | 0;
      storeRelease(words, PING, turn);
      wake(words, PING);
      while (loadAcquire(words, PONG) !== turn) sleepWhile(words, PONG, (turn - 1) | 0);
    }
  };
  const faults = () => {
    for (let page = 0; page < pages; page++) view.load(page * PAGE_WORDS);
  };
  const forget = () => {
    kernel.madvise(addr, pages * PAGE_BYTES, MADV_DONTNEED);
  };
  view.enter();
  const contenders = [
    { name: 'ping-pong', run: pingPong },
    { name: 'fault', before: forget, run: faults },
  ] as const;
  const comparison = compareTurnAbout(rounds, 4, contenders, WARM_UP_RUNS);
  view.leave();
  parentPort?.postMessage(comparison);
}

/** As many as it takes V8 to compile both sides of a fault. */
const WARM_UP_RUNS = 1500;

const setup = workerData as RoundTripSetup;
if (setup.cpu !== null) pinThread(setup.cpu);
try {
  if (setup.role === 'echo') echo(setup);
  else if (setup.role === 'handler') handle(openKernel(setup.handle), setup);
  else mutate(openKernel(setup.handle), setup);
} catch (error) {
  if (!(error instanceof MachineGoneError)) throw error;
}
