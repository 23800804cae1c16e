/** Pages at the heap's bottom that are dense are not moved, and everything else is as if they had been. */
import { describe, expect, it } from 'vitest';
import type { CycleRecord, HeapOptions } from '../../dist/gc/index.js';
import { fixture, MIB, MODES_HERE, rejection, runProgram, withHeap } from './gc-heaps.ts';

const PAGE_BYTES = 4096;
const HEAP = { heapBytes: 4 * MIB, verify: 'phases' } as const;
/** Each of 256 bytes: 20 a page. */
const NODES = 4000;

/** Rounds, in each of which so many of the first nodes are thinned out, and others are added. */
const run = (options: Partial<HeapOptions>, data: object) =>
  runProgram('layers', { ...HEAP, ...options }, { nodes: NODES, dead: [], added: 500, ...data });

const prefixes = (cycles: readonly CycleRecord[]) => cycles.map(({ pages }) => pages.prefix);
/** The last one that the program asked for: after it nothing has died. */
const last = (cycles: readonly CycleRecord[]) => cycles.at(-2) as CycleRecord;

describe.each(MODES_HERE)('%s', (mode) => {
  it('what lives long is not moved, and its references are updated', async () => {
    const { results, cycles } = await run({ mode }, { rounds: 4 });
    expect(results).toEqual([NODES + 4 * 500]);
    const { pages, deadBytes, ioctls } = last(cycles);
    expect(pages.prefix).toBeGreaterThan(NODES / 20);
    expect(pages.prefix).toBeLessThan(pages.compacted);
    expect(deadBytes).toBeLessThan(0.05 * pages.prefix * PAGE_BYTES);
    // In COPY they are copied like others.
    if (mode === 'copy') expect(ioctls.UFFDIO_COPY?.pages).toBe(pages.compacted + pages.slid);
  });

  it('with mutators that touch it, two GC threads and two fault threads', async () => {
    const threads = { mutators: 2, gcThreads: 2, faultThreads: 2, batch: 3, nonMovingBytes: MIB / 4 };
    const { results, cycles } = await run({ mode, ...threads }, { rounds: 4, nodes: 2000 });
    expect(results).toEqual([2000 + 4 * 500, 2000 + 4 * 500]);
    expect(Math.max(...prefixes(cycles))).toBeGreaterThan(50);
  });

  it('it grows, and ends lower where many have died', async () => {
    const dead = [0, 0, 40, 0, 60, 25, 0, 80, 10, 0]; // of a hundred parts of the nodes, from where on they are thinned
    const { results, cycles } = await run({ mode }, { rounds: dead.length, dead });
    expect(results).toEqual([expect.any(Number)]);
    const seen = new Set(prefixes(cycles));
    expect(seen.size).toBeGreaterThan(2);
    const falls = prefixes(cycles).filter((pages, i, all) => pages < (all[i - 1] ?? 0));
    expect(falls.length).toBeGreaterThan(1);
  });

  it('off: all are moved', async () => {
    const { cycles } = await run({ mode, densePrefix: null }, { rounds: 3 });
    expect(new Set(prefixes(cycles))).toEqual(new Set([0]));
  });

  it('1: only what is wholly live', async () => {
    const { cycles } = await run({ mode, densePrefix: 1 }, { rounds: 4 });
    expect(cycles.map(({ deadBytes }) => deadBytes)).toEqual(cycles.map(() => 0));
  });
});

it('on demand only: a page of it that nobody touches needs no call', async () => {
  const { cycles } = await run({ mode: 'continue', batch: 0 }, { rounds: 4 });
  const { pages } = last(cycles);
  expect(pages.prefix).toBeGreaterThan(100);
  expect(pages.untouched).toBeGreaterThan(0);
});

it('continue: memory does not grow by what is not moved', async () => {
  const peak = async (densePrefix: number | null) =>
    withHeap({ ...HEAP, verify: false, heapBytes: 16 * MIB, densePrefix }, async (heap) => {
      const data = { program: 'layers', nodes: 20_000, dead: [], added: 500, rounds: 4 };
      await heap.spawn(fixture('programs'), data).done;
      await heap.close();
      return heap.memory().peakBytes;
    });
  const [kept, moved] = [await peak(0.95), await peak(null)];
  expect(kept).toBeLessThan(moved + MIB / 4);
});

it.each([0.4, 1.01, Number.NaN])('%s is not a density', async (densePrefix) => {
  const error = await rejection(withHeap({ densePrefix }, async () => {}));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toMatch(/^densePrefix: .* takes a fraction from 0.5 to 1, as 0.95, or null$/);
});
