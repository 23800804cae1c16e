/** Options that make no heap are refused in one line that says which, and what it takes. */
import { afterAll, expect, it } from 'vitest';
import { openHeap } from '../../dist/gc/index.js';
import { fixture, KERNEL, MIB, rejection, withHeap } from './gc-heaps.ts';
import { workersLeft } from './worker-watch.ts';

afterAll(() => expect(workersLeft()).toBe(0));

const RANGES: readonly (readonly [string, object, RegExp])[] = [
  ['heapBytes', { heapBytes: 0 }, /^heapBytes: 0 pages/],
  ['heapBytes', { heapBytes: -4096 }, /^heapBytes: -1 pages/],
  [
    'heapBytes',
    { heapBytes: 5000 },
    /^heapBytes: 1\.\d+ pages of 4096 bytes is out of range; it takes a whole number/,
  ],
  ['heapBytes', { heapBytes: Number.NaN }, /^heapBytes: NaN pages/],
  ['mutators', { mutators: 0 }, /^mutators: 0 threads is out of range; it takes a whole number from 1 to/],
  ['mutators', { mutators: 65 }, /^mutators: 65/],
  ['mutators', { mutators: 1.5 }, /^mutators: 1\.5/],
  ['gcThreads', { gcThreads: 0 }, /^gcThreads: 0/],
  ['faultThreads', { faultThreads: 0 }, /^faultThreads: 0/],
  ['batch', { batch: -1 }, /^batch: -1/],
  ['batch', { batch: 5000 }, /^batch: 5000/],
  ['rootSlots', { rootSlots: 0 }, /^rootSlots: 0/],
  ['utilization', { utilization: 0 }, /^utilization: 0 is out of range; it takes a fraction between 0 and 1/],
  ['utilization', { utilization: 1 }, /^utilization: 1 is/],
  ['minFreeBytes', { minFreeBytes: 0 }, /^minFreeBytes: 0 bytes is out of range/],
  ['minFreeBytes', { minFreeBytes: 2 * MIB }, /^minFreeBytes: 2097152 bytes/],
  ['maxFreeBytes', { minFreeBytes: 8192, maxFreeBytes: 4096 }, /^maxFreeBytes: 4096 .* from 8192 to/],
  ['loops', { loops: 'c' as 'js' }, /^loops: c is unknown; it takes auto or js/],
  ['order', { order: 'left' as 'up' }, /^order: left is unknown; it takes down or up/],
  ['periodMs', { periodMs: 0 }, /^periodMs: 0 ms/],
  [
    'mode',
    { mode: 'warm' },
    /^mode warm is unknown; known are continue, continue-warm, copy, move, stw, and a module of yours/,
  ],
  ['mode', { mode: 'toString' }, /^mode toString is unknown/],
];

it.each(RANGES)('%s: %o', async (_, options, says) => {
  const error = await rejection(openHeap({ kernel: KERNEL, heapBytes: MIB, mutators: 1, ...options }));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toMatch(says);
  expect(error.message).not.toContain('\n');
});

it('a heap larger than this Node can map, with the limit', async () => {
  const error = await rejection(openHeap({ kernel: KERNEL, heapBytes: 2 ** 34, mutators: 1 }));
  expect(error.message).toMatch(/GiB/);
  expect(error.message).not.toContain('\n');
});

it('more mutators than the heap was opened for', async () => {
  await withHeap({ mutators: 2 }, async (heap) => {
    const spawn = () => heap.spawn(fixture('programs'), { program: 'nothing', collections: 1 });
    const done = [spawn(), spawn()].map((mutator) => mutator.done);
    expect(spawn).toThrow('spawn: the heap was opened for 2 mutators; open it with more');
    await Promise.all(done);
    expect(spawn).toThrow(RangeError);
  });
});
