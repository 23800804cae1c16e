/**
 * A thread of bench/mmu.ts: a mutator's load beside a load from a typed array, turn about, over memory whose pages lie
 * in the order of their addresses or in none. Each order is measured in a thread of its own: two views in one would
 * share what V8 compiles for them.
 */
import { parentPort, workerData } from 'node:worker_threads';
import {
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  type MutatorView,
  openKernel,
  PROT_READ,
  PROT_WRITE,
} from '../uffd/index.ts';
import { LOG_PAGE_WORDS, PAGE_WORDS } from '../uffd/kernel.ts';
import { type Comparison, compareTurnAbout } from './mmu-compare.ts';

/** What the thread is told. */
export interface LoadsSetup {
  /** Pages lie in the order in which they were first touched: that of their addresses, or one that jumps about. */
  readonly pages: 'in order' | 'in no order';
}

/** What it answers. */
export interface Loads {
  readonly random: Comparison;
  readonly sequential: Comparison;
}

const LOG_WORDS = 24; // 64 MiB
const WORDS = 1 << LOG_WORDS;
export const SEQUENTIAL_ACCESSES = WORDS;
export const RANDOM_ACCESSES = 1 << 20; // of a run
const PAGES = WORDS / PAGE_WORDS;

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

/** The pages in the order in which they are touched. 7919 is prime to their number. */
function touchOrder({ pages }: LoadsSetup): Int32Array {
  const stride = pages === 'in order' ? 1 : 7919;
  return Int32Array.from({ length: PAGES }, (_, i) => (i * stride) % PAGES);
}

/** For each page the position of its frame, when frames are handed out as the pages are touched. */
function framesOf(order: Int32Array): Int32Array {
  const frames = new Int32Array(PAGES);
  order.forEach((page, i) => {
    frames[page] = i;
  });
  return frames;
}

/** What the bare loop pays for it where the simulated one finds its pages in that order: the processor's own misses. */
function bareByPage(array: Int32Array, frames: Int32Array): number {
  let sum = 0;
  for (let page = 0; page < PAGES; page++) {
    const first = (frames[page] as number) << LOG_PAGE_WORDS;
    sum = (sum + bareSequential(array, first, PAGE_WORDS)) | 0;
  }
  return sum;
}

/**
 * Each page is loaded from first, so that V8 has seen loads that fault, as it has in every program that is worth
 * measuring: a loop with a call that it has never seen taken is compiled worse.
 */
function touch(view: MutatorView, order: Int32Array): void {
  for (const page of order) {
    const word = page << LOG_PAGE_WORDS;
    view.store(word, view.load(word));
  }
  for (let word = 0; word < WORDS; word++) view.store(word, word ^ 0x5555);
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

function measureLoads(setup: LoadsSetup): Loads {
  const kernel = openKernel('sim', { memoryBytes: WORDS * 4, populate: true });
  const addr = kernel.mmap(0, WORDS * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const view = kernel.mutatorView(addr, WORDS * 4);
  const order = touchOrder(setup);
  touch(view, order);
  const array = new Int32Array(new SharedArrayBuffer(WORDS * 4));
  for (let word = 0; word < WORDS; word++) array[word] = word ^ 0x5555;
  const frames = framesOf(order);
  warmUp(array, view);
  let seed = 1;
  const sums = new Int32Array(1);
  const keep = (sum: number): void => {
    sums[0] = sum;
  };
  view.enter();
  const random = compareTurnAbout(25, 5, [
    { name: 'array', run: () => keep(bareRandom(array, seed++, RANDOM_ACCESSES)) },
    { name: 'view', run: () => keep(viewRandom(view, seed++, RANDOM_ACCESSES)) },
  ]);
  const sequential = compareTurnAbout(25, 3, [
    { name: 'array', run: () => keep(bareByPage(array, frames)) },
    { name: 'view', run: () => keep(viewSequential(view, 0, WORDS)) },
  ]);
  view.leave();
  kernel.dispose();
  return { random, sequential };
}

parentPort?.postMessage(measureLoads(workerData as LoadsSetup));
