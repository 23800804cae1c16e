/**
 * From-space is given back while the compaction goes on, so that both spaces are never there in full: what is in
 * memory at any time is the old objects, a window, and what fault threads have made further down. Compaction goes
 * from the top down and objects only ever move down, so from-space is done with from its top: everything above the
 * source of the lowest page of those at the top that are made (art-cmc.md, 3.6). The pages given back are the next
 * that to-space is given.
 *
 * What the kernel does not let go of is asked for again with the next piece; what is left at the end is owed, and is
 * given back before the next flip: then the file that it lies in must be empty. (With the world stopped, where the heap is
 * its own from-space: it is zeroed, and given back at the end of the next collection.)
 *
 * Invariant: no page that is not made reads from-space at or above `end`. A page is made once it is `processed` or
 * past it; while a fault thread works on one, nothing at or below that page's source is given back.
 */
import { LOG_PAGE_GRANULES } from '../../heap/object.ts';
import { PAGE_WORDS, type PageView } from '../../uffd/kernel.ts';
import { loadAcquire } from '../../uffd/sync.ts';
import { CYCLE, type PageRange } from '../cycle.ts';
import type { Maker } from '../maker.ts';
import { PAGE, stateOf } from '../page-state.ts';
import { ifGranted } from '../patience.ts';
import { type RefusedError, unlessRefused } from '../refusals.ts';
import { roundUpTo } from '../units.ts';
import type { FlipPages } from './flip.ts';

/** Given back at a time, at the least: 1 MiB, as in ART. A call for each page would cost more than the page. */
const RECLAIM_PAGES = 256;

/** Memory is measured anew when it has grown by so much, or by 1/64: measuring takes time, while it grows on. */
const HEIGHT_PAGES = 64;
const LOG_HEIGHT_PART = 6;

/** How far the reclaiming of one collection has come. Only the collector thread looks at it. */
export interface Reclaiming {
  /** Pages there were before. */
  readonly old: number;
  /** Pages of the non-moving space. */
  readonly nonMoving: number;
  /** Old pages below it are the new ones. */
  readonly prefix: number;
  /** To-space pages at and above it are made. */
  madeFrom: number;
  /** From-space pages at and above it have been given back. */
  end: number;
  /** While pages are being given back: a call refused meanwhile must not give them back once more. */
  releasing: boolean;
  /** Pages of both spaces in memory when that was looked at last, at a new height. */
  highest: number;
}

export function beginReclaiming({ used, old, nonMoving, prefix }: FlipPages, unit = 1): Reclaiming {
  const [madeFrom, end] = [roundUpTo(used, unit), roundUpTo(old, unit)];
  return { old, nonMoving, prefix, madeFrom, end, releasing: false, highest: 0 };
}

/**
 * Whether there is more in memory than whenever this was asked before, by so much that it should be measured. Fault
 * threads make pages anywhere, while from-space goes from the top: how high it gets is the mutators' doing.
 */
export function isNewHeight({ cycle }: Maker, progress: Reclaiming): boolean {
  const pages = progress.end + loadAcquire(cycle, CYCLE.made);
  const { highest } = progress;
  if (pages < highest + Math.max(HEIGHT_PAGES, highest >>> LOG_HEIGHT_PART)) return false;
  progress.highest = pages;
  return true;
}

/** Looks how far the pages at the top are made: whether enough of from-space is done with to be worth a call. */
export function canReclaim(maker: Maker, progress: Reclaiming): boolean {
  const { tables, unit } = maker;
  const { pageStates } = tables;
  while (progress.madeFrom > 0 && isMade(stateOf(pageStates, progress.madeFrom - unit)))
    progress.madeFrom -= unit;
  return progress.end - neededPages(maker, progress) >= RECLAIM_PAGES;
}

/** Gives back what is done with; `before` is told from which page on. */
export function reclaim(maker: Maker, progress: Reclaiming, before?: (first: number) => void): void {
  const needed = neededPages(maker, progress);
  before?.(needed);
  release(maker, progress, needed);
}

/**
 * Gives back what is left above the pages that were made, of a heap that is its own from-space: nothing else is over.
 * Answers up to which page it has not been let go of: `owed` next time. Mutators will allocate there, so it is zeroed.
 */
export function reclaimAbove(
  { thread }: Maker,
  progress: Reclaiming,
  { used, owed }: { readonly used: number; readonly owed: number },
  before?: (first: number) => void,
): number {
  const end = Math.max(progress.end, owed);
  before?.(used);
  progress.end = 0; // below is the heap
  if (used >= end || ifGranted(() => thread.release?.(used, end))) return 0;
  zero(thread.livingSpace(), used, end);
  return end;
}

/** Without touching for a store what is zero: it may not be there, and needs no memory then. */
function zero({ words, readable, writable }: PageView, first: number, end: number): void {
  for (let page = first; page < end; page++) {
    const at = readable(page);
    if (words.subarray(at, at + PAGE_WORDS).some((word) => word !== 0)) {
      const to = writable(page);
      words.fill(0, to, to + PAGE_WORDS);
    }
  }
}

function release({ thread }: Maker, progress: Reclaiming, first: number): void {
  progress.releasing = true;
  if (first >= progress.end || ifGranted(() => thread.release?.(first, progress.end))) progress.end = first;
  progress.releasing = false;
}

/** Gives back what is done with, however little: a call was refused for want of memory. */
export function relieve(maker: Maker, progress: Reclaiming, before?: (first: number) => void): void {
  if (progress.releasing) return;
  canReclaim(maker, progress);
  if (neededPages(maker, progress) < progress.end) reclaim(maker, progress, before);
}

/**
 * Gives back all that is left; every page is made. Answers the old pages that the kernel has not let go of and that must
 * be gone by the next flip. (Private memory is mapped over by `settle`, or by that flip.)
 */
export function finishReclaiming(maker: Maker, progress: Reclaiming): PageRange {
  release(maker, progress, progress.prefix);
  // Refused, it stays until the next flip maps over it, in the pause.
  ifGranted(() => maker.thread.settle?.(progress.old, progress.nonMoving));
  const { prefix, end } = progress;
  return { first: prefix, end: maker.thread.incoming === undefined ? prefix : end };
}

/** Gives back what {@link finishReclaiming} has left; before the next flip. Null, or why it cannot be. */
export function payDebt({ thread }: Maker, { first, end }: PageRange): RefusedError | null {
  return unlessRefused(() => {
    if (first < end) thread.release?.(first, end);
    return null;
  });
}

/** `wanted` may be asked for and not made yet. */
function isMade(state: number): boolean {
  return state === PAGE.processed || state === PAGE.publishing || state === PAGE.published;
}

/**
 * From-space pages [0, answer) may still be read once all pages from `madeFrom` on are made; or they are the heap. Whole units:
 * part of one cannot be given back.
 */
function neededPages({ tables, sources, unit }: Maker, { madeFrom, prefix }: Reclaiming): number {
  if (madeFrom <= prefix) return prefix;
  const needed =
    madeFrom >= sources.compactedPages
      ? madeFrom + (sources.blackSlide >>> LOG_PAGE_GRANULES)
      : ((tables.firstGranule[madeFrom] as number) >>> LOG_PAGE_GRANULES) + 1;
  return roundUpTo(needed, unit);
}
