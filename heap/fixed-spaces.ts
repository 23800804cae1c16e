/**
 * Where the spaces lie whose objects keep their places. They follow the moving space in the same numbering of granules and
 * pages, so that a reference into one is like any other, and cards, mark bits and page states serve them all:
 *
 *     [ moving | non-moving | large, with references | … | large, raw data ]
 *       watched at the flip, as far as it is in use         never watched
 *
 * The large-object space is in two parts, since what has no references need not be seen by a collection at all: neither
 * hidden from the mutators at the flip, nor updated, nor published. Each part has addresses for all of the space, and
 * what they take together is bounded: so nobody must say how much of it will be raw. Addresses cost nothing. The second
 * one begins where what the flip moves has ended, in units of what the kernel moves.
 */
import { PAGE_BYTES } from '../uffd/kernel.ts';
import { CONTROL } from './control.ts';
import type { HeapGeometry } from './layout.ts';
import { LOG_PAGE_GRANULES } from './object.ts';

/**
 * A space whose objects keep their places, or a part of one. What is in use is told by two bitmaps, a bit a *unit*; control
 * word nonMovingSide says which of them is true.
 */
export interface FixedSpace {
  readonly name: 'non-moving space' | 'large-object space';
  /** Pages [first, end). */
  readonly first: number;
  readonly end: number;
  /** log2 of the granules of a unit: 0, or those of a page where objects have pages of their own. */
  readonly logUnit: number;
  /** Granules that may be in use, of all parts that share the word `used`. */
  readonly capacity: number;
  readonly use: readonly [Int32Array, Int32Array];
  /** Index of its control words, which are told of at CONTROL.nonMovingLock and those after it. */
  readonly words: Readonly<Record<FixedWord, number>>;
}

/** The non-moving space, the large-object space's part with references, and its part for raw data: may be empty. */
export type FixedSpaces = readonly [pinned: FixedSpace, large: FixedSpace, raw: FixedSpace];

type FixedWord = 'lock' | 'top' | 'kept' | 'used' | 'startAt' | 'next' | 'live' | 'run' | 'pageRun';

/** Pages of each space, and the numbers at which they end: of all that may hold references, and of all. */
export function pageNumbers({ heapBytes, nonMovingBytes = 0, largeBytes = 0, rawPage }: HeapGeometry) {
  const [moving, pinned, large] = [heapBytes, nonMovingBytes, largeBytes].map(
    (bytes) => bytes / PAGE_BYTES,
  ) as [number, number, number];
  const watched = moving + pinned + large;
  const raw = rawPage ?? watched;
  return { moving, pinned, large, watched, raw, end: large === 0 ? watched : raw + large };
}

/** The spaces whose objects keep their places, in the order of their pages. */
export function fixedSpaces(geometry: HeapGeometry, use: readonly [Int32Array, Int32Array]): FixedSpaces {
  const { moving, pinned, large, watched, raw } = pageNumbers(geometry);
  const [pinnedWords, largeWords] = [pinned << (LOG_PAGE_GRANULES - 5), Math.ceil(large / 32)];
  const part = (first: number, words: number): FixedSpace['use'] =>
    use.map((side) => side.subarray(first, first + words)) as [Int32Array, Int32Array];
  const ofLarge = {
    ...({ name: 'large-object space', logUnit: LOG_PAGE_GRANULES } as const),
    capacity: large << LOG_PAGE_GRANULES,
  };
  return [
    {
      ...({ name: 'non-moving space', first: moving, end: moving + pinned, logUnit: 0 } as const),
      ...{ capacity: pinned << LOG_PAGE_GRANULES, use: part(0, pinnedWords), words: PINNED_WORDS },
    },
    {
      ...ofLarge,
      first: moving + pinned,
      end: watched,
      use: part(pinnedWords, largeWords),
      words: LARGE_WORDS,
    },
    {
      ...ofLarge,
      first: raw,
      end: raw + large,
      use: part(pinnedWords + largeWords, largeWords),
      words: RAW_WORDS,
    },
  ];
}

const PINNED_WORDS: FixedSpace['words'] = {
  ...{ lock: CONTROL.nonMovingLock, used: CONTROL.nonMovingUsed, startAt: CONTROL.nonMovingStartAt },
  ...{ top: CONTROL.nonMovingTop, kept: CONTROL.nonMovingKept, next: CONTROL.nonMovingNext },
  ...{ live: CONTROL.nonMovingLive, run: CONTROL.nonMovingRun, pageRun: CONTROL.nonMovingPageRun },
};
const LARGE_SHARED = { lock: CONTROL.largeLock, used: CONTROL.largeUsed, startAt: CONTROL.largeStartAt };
const LARGE_WORDS: FixedSpace['words'] = {
  ...LARGE_SHARED,
  ...{ top: CONTROL.largeTop, kept: CONTROL.largeKept, next: CONTROL.largeNext, live: CONTROL.largeLive },
  ...{ run: CONTROL.largeRun, pageRun: CONTROL.largeRun },
};
const RAW_WORDS: FixedSpace['words'] = {
  ...LARGE_SHARED,
  ...{ top: CONTROL.rawTop, kept: CONTROL.rawKept, next: CONTROL.rawNext, live: CONTROL.rawLive },
  ...{ run: CONTROL.rawRun, pageRun: CONTROL.rawRun },
};
