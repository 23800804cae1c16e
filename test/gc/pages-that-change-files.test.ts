/** Which file each page lies in, when two files change roles and some pages stay: against a list of pages. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { ThreadContext } from '../../dist/gc/modes/mode.js';
import {
  endOfRun,
  MOST_BOUNDS,
  runsOf,
  SWAP_WORDS,
  type Swaps,
  shareSwaps,
  stayingOf,
  swapBoth,
} from '../../dist/gc/modes/swaps.js';
import { trackFiles } from '../../dist/gc/modes/two-files.js';
import { PAGE_BYTES } from '../../dist/uffd/index.js';

const PAGES = 2000;
const swappedOn = (swaps: Swaps): number[] =>
  runsOf(swaps, 0, PAGES).flatMap(({ first, end, swapped }) => Array<number>(end - first).fill(swapped));

it('a page that stays changes files, and no other', () => {
  let [longest, refused, joined] = [0, 0, 0];
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: PAGES }), { maxLength: 30 }), (wanted) => {
      let swaps: Swaps = [];
      const pages = Array<number>(PAGES).fill(0);
      for (const most of wanted) {
        const staying = stayingOf(swaps, most);
        expect(staying).toBeLessThanOrEqual(most);
        if (staying > 0 && swaps.includes(staying)) joined++;
        if (staying < most - most / 16 - 511) refused++;
        const before = swappedOn(swaps);
        const changed = staying > 0 ? swapBoth(swaps, [staying]) : swaps;
        for (let page = 0; page < staying; page++) pages[page] = 1 - (pages[page] as number);
        expect(swappedOn(changed)).toEqual(pages);
        expect(swappedOn(swapBoth(swaps, changed))).toEqual(
          before.map((was, page) => was ^ (pages[page] as number)),
        );
        swaps = changed;
        expect(swaps.length).toBeLessThanOrEqual(MOST_BOUNDS);
        longest = Math.max(longest, swaps.length);
      }
    }),
  );
  expect(longest).toBe(MOST_BOUNDS);
  expect([refused > 10, joined > 10]).toEqual([true, true]);
});

it('runs of a part', () => {
  expect(runsOf([40, 90], 30, 100)).toEqual([
    { first: 30, end: 40, swapped: 0 },
    { first: 40, end: 90, swapped: 1 },
    { first: 90, end: 100, swapped: 0 },
  ]);
  expect(runsOf([], 7, 7)).toEqual([]);
});

it('a run that is published ends where the file changes', () => {
  const words = new Int32Array(new SharedArrayBuffer(4 * SWAP_WORDS));
  shareSwaps(words, [40]);
  expect([30, 39, 40, 89].map((page) => endOfRun(words, page, 95))).toEqual([40, 40, 95, 95]);
  expect(endOfRun(words, 30, 35)).toBe(35);
  shareSwaps(words, []);
  expect(endOfRun(words, 30, 100)).toBe(100);
});

it('pages stay where the page tables of the heap in use are moved in few steps, and most of it stays', () => {
  const heapBytes = 2 ** 16 * PAGE_BYTES;
  const ranges = { heap: 0, heapBytes, nonMovingBytes: 0, spanBytes: heapBytes, rawBytes: 0, fd0: 3, fd1: 4 };
  const files = trackFiles({
    kernel: { dropsAtOnce: false },
    ranges,
    side: () => 0,
  } as unknown as ThreadContext);
  const MOST = 96 * 256; // pages of 96 MiB
  expect(files.staying(MOST, MOST)).toBeGreaterThan(0.85 * MOST);
  expect(files.staying(MOST / 2, MOST)).toBeGreaterThan(0.4 * MOST);
  expect(files.staying(MOST / 2 - 1, MOST)).toBe(0);
  expect(files.staying(MOST, MOST + 1)).toBe(0);
});
