/**
 * Which of two files each page lies in, where pages keep their places in a collection that flips the files: as a rule a page
 * of the living heap lies in the file of the side that is living. A page that stays where it is has *changed files* with
 * its counterpart of the other side. Those that do are always the first ones, up to some page: so it is enough to note
 * these bounds. Below a bound all pages have changed files, once for each bound above them.
 *
 * Bounds are few, since each makes one more mapping of everything: at the most MOST_BOUNDS.
 */
import { loadAcquire, type SharedWords, storeRelease } from '../../uffd/sync.ts';

/** The bounds, ascending: pages. */
export type Swaps = readonly number[];

/** With one, the flip of 64 MiB took 0.12 ms more than with none; with two 0.18 (Linux 6.18, a nested virtual machine). */
export const MOST_BOUNDS = 1;
/** Fewer pages are moved in less time than it takes to map them otherwise. */
const LEAST_PAGES = 16;
/** Of the pages that can stay: so many do, as a rule; and so many are enough, if that makes no new bound. */
const LASTING = 7 / 8;
const ENOUGH = 3 / 4;
/** Pages of one page table, which is moved away in one step where all of them are of one mapping. */
const TABLE_PAGES = 512;

/** Pages [first, end), which all have changed files, or none of them. */
export interface Run {
  readonly first: number;
  readonly end: number;
  /** 1 if they have. */
  readonly swapped: 0 | 1;
}

/** Both, one after the other. Of the same two it is what they differ in. */
export function swapBoth(one: Swaps, other: Swaps): Swaps {
  const [left, right] = [
    one.filter((page) => !other.includes(page)),
    other.filter((page) => !one.includes(page)),
  ];
  return [...left, ...right].sort((a, b) => a - b);
}

/** Pages [first, end) in runs, ascending. */
export function runsOf(swaps: Swaps, first: number, end: number): readonly Run[] {
  const cuts = [first, ...swaps.filter((page) => page > first && page < end), end];
  return cuts.slice(1).flatMap((next, i): Run[] => {
    const from = cuts[i] as number;
    const above = swaps.filter((page) => page > from).length;
    return from < next ? [{ first: from, end: next, swapped: (above & 1) as 0 | 1 }] : [];
  });
}

/**
 * How many pages, of the first `most`, can stay where they are: nearly all of them if there may be one more bound; or up to
 * a bound there is, which goes then: also if that is nearly as many.
 */
export function stayingOf(swaps: Swaps, most: number, mayAdd = true): number {
  const bound = swaps.findLast((page) => page <= most) ?? 0;
  if (!mayAdd || swaps.length >= MOST_BOUNDS || bound >= most * ENOUGH) return bound;
  if (most < LEAST_PAGES) return 0;
  const pages = Math.floor(most * LASTING); // so that as many may stay the next time
  return pages < TABLE_PAGES ? pages : pages - (pages % TABLE_PAGES);
}

/** How many words {@link shareSwaps} needs. */
export const SWAP_WORDS = 1 + MOST_BOUNDS;

/** Tells the other threads, before they publish anything of this collection. */
export function shareSwaps(words: SharedWords, swaps: Swaps): void {
  for (const [i, page] of swaps.entries()) storeRelease(words, 1 + i, page);
  storeRelease(words, 0, swaps.length);
}

/** The first page of [page + 1, end) that lies in another file than the one below it, or `end`: by any thread. */
export function endOfRun(words: SharedWords, page: number, end: number): number {
  const bounds = loadAcquire(words, 0);
  for (let i = 1; i <= bounds; i++) {
    const bound = loadAcquire(words, i);
    if (bound > page) return Math.min(bound, end);
  }
  return end;
}
