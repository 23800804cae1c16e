/** Heaps for the tests of real threads, and what must hold of every collection. */
import { beforeEach, expect } from 'vitest';
import {
  type CycleRecord,
  type Heap,
  type HeapOptions,
  type ModeName,
  openHeap,
} from '../../dist/gc/index.js';
import { MODES } from '../../dist/gc/modes/index.js';
import { chooseKernel } from '../../dist/uffd/open.js';

export const MIB = 1 << 20;
export const MODE_NAMES: readonly ModeName[] = ['continue', 'continue-warm', 'copy', 'move', 'stw'];

/** The kernel that this project of the tests is about (vitest.config.ts). */
export const KERNEL = process.env.MINORFAULT_KERNEL === 'linux' ? 'linux' : 'sim';
/** Whether every test shall try every mode: `npm run test:all`. */
export const ALL_MODES = process.env.MINORFAULT_MODES === 'all';
const { kernel: available, why } = chooseKernel('auto', MODES.move.features);
/**
 * For tests in which it does not matter how a page comes to be published, which gc-graphs-survive and gc-stress try in
 * each mode on each kernel: in place and by another file's page on the real one, where that is, by MOVE and not at all on the
 * simulated. What names no mode is in CONTINUE, on both.
 */
const HERE: readonly ModeName[] = KERNEL === 'linux' ? ['continue', 'copy'] : ['move', 'stw'];
const alone: readonly ModeName[] = available === 'sim' ? ['continue', 'copy'] : [];
export const MODES_HERE = MODE_NAMES.filter((mode) => ALL_MODES || [...HERE, ...alone].includes(mode));
/**
 * Rows that differ in what is above the kernel alone: each is tried on one, turn about, where both are, and on both by
 * `npm run test:all`.
 */
export const turnAbout = <Row>(rows: readonly Row[]): readonly Row[] =>
  rows.filter((_, i) => ALL_MODES || available === 'sim' || (i % 2 === 0) === (KERNEL === 'linux'));
/** Whether a flip of the mode moves page tables: on sim two files only change places (Kernel.dropsAtOnce). */
export const asksForMoves = (mode: string): boolean => KERNEL === 'linux' || !mode.startsWith('continue');
const isHere = KERNEL === 'sim' || available === 'linux';
if (!isHere) console.warn(`SKIPPED: the collector's tests on the real kernel: ${why}`);

beforeEach((context) => {
  context.skip(!isHere, why);
});

export const fixture = (name: string) => new URL(`../fixtures/${name}.mjs`, import.meta.url);

/** Words that threads can meet in. */
export const sharedWords = (count = 8) => new Int32Array(new SharedArrayBuffer(4 * count));

/** Opens a heap of 1 MiB for one mutator unless said, and closes it whatever happens. */
export async function withHeap<T>(
  options: Partial<HeapOptions>,
  use: (heap: Heap) => Promise<T>,
): Promise<T> {
  const heap = await openHeap({ kernel: KERNEL, heapBytes: MIB, mutators: 1, verify: true, ...options });
  try {
    return await use(heap);
  } finally {
    await heap.close();
  }
}

/** Runs a program of fixtures/programs.mjs in every mutator of a heap, and checks the collections' records. */
export async function runProgram(
  program: string,
  options: Partial<HeapOptions>,
  data: object = {},
): Promise<{ readonly results: readonly unknown[]; readonly cycles: readonly CycleRecord[] }> {
  return withHeap(options, async (heap) => {
    const mutators = Array.from({ length: options.mutators ?? 1 }, () =>
      heap.spawn(fixture('programs'), { program, ...data }),
    );
    const outcomes = await Promise.all(mutators.map(({ done }) => done));
    await recordsOf(heap);
    for (const cycle of heap.cycles) expectEveryPageOnce(cycle, options.mode ?? 'continue');
    return { results: outcomes.map(({ result }) => result), cycles: heap.cycles };
  });
}

/** A mutator hears of the end of a collection before its record is there: one more, and all before it are. */
export async function recordsOf(heap: Heap): Promise<readonly CycleRecord[]> {
  await heap.collect();
  return heap.cycles;
}

/** Every page of a collection was made by one thread and published by one (D2); nothing was counted twice. */
export function expectEveryPageOnce({ number, pages }: CycleRecord, mode: string): void {
  const all = pages.compacted + pages.slid;
  const made = pages.filledByCollector + pages.filledByFault;
  const published = pages.publishedByCollector + pages.publishedByFault;
  expect(made, `collection ${number}: pages made of ${all}`).toBe(all);
  if (mode === 'stw') {
    expect([published, pages.untouched, pages.filledByFault]).toEqual([0, 0, 0]);
  } else {
    expect(published + pages.untouched, `collection ${number}: pages published or untouched`).toBe(all);
  }
  if (mode === 'copy' || mode === 'move')
    expect(published, `collection ${number}: pages published`).toBe(all);
}

/** The error that a promise rejects with. */
export async function rejection(
  promise: Promise<unknown>,
): Promise<Error & { code?: unknown; cause?: unknown }> {
  try {
    const value = await promise;
    throw new TypeError(`no error, but ${JSON.stringify(value)}`);
  } catch (error) {
    return error as Error;
  }
}
