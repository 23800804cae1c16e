/**
 * The dense prefix: pages at the bottom of the heap that are nearly full of live objects are not moved, as there would be
 * little to gain; only their references are updated. What is dead among them counts as live in this collection's tables:
 * then an object there goes to where it is, by the same arithmetic as any other, and no loop has to know of it. (ART's
 * black-dense prefix, art-cmc.md, 7.4, which it has in its COPY and MOVE modes; to update such pages in place in minor-fault
 * mode was the plan there, and never shipped.)
 *
 * At the end it becomes filler, beside the mutators: nobody reads a dead object but the collector, which would find what
 * it refers to gone. Not before: if the collection is given up, dead objects refer to each other still.
 */
import { recordCrossings } from '../../heap/allocation.ts';
import { nextBit, popcount } from '../../heap/bitmap.ts';
import { CONTROL, type HeapTables, LOG_CHUNK_GRANULES } from '../../heap/layout.ts';
import { fillerHeader, LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import { topPage } from '../../heap/spaces.ts';
import { LOG_PAGE_WORDS, PAGE_WORDS, type PageView } from '../../uffd/kernel.ts';
import { loadAcquire } from '../../uffd/sync.ts';
import type { Maker } from '../maker.ts';
import { layoutAt } from '../page-layout.ts';

const PAGE_CHUNKS = PAGE_GRANULES >>> LOG_CHUNK_GRANULES;

/** What is dead in the prefix is no more than this part of the room there would be without it. */
const DEAD_PART_OF_ROOM = 1 / 8;

/** How many pages at the bottom are not moved: what is dense, as far as the mode can keep it. null: none. */
export function prefixOf({ mode, thread, tables }: Maker, black: Ref, density: number | null): number {
  if (density === null) return 0;
  const [marked, top] = [black >>> LOG_PAGE_GRANULES, topPage(tables)];
  const used = loadAcquire(tables.control, CONTROL.liveGranules) + ((top - marked) << LOG_PAGE_GRANULES);
  const room = (tables.pages << LOG_PAGE_GRANULES) - used;
  const dense = densePages(tables, marked, { density, mostDead: room * DEAD_PART_OF_ROOM });
  return mode.keepsPrefix ? (thread.prefixOf?.(dense, top) ?? dense) : dense;
}

/** What a dense prefix must be like. */
export interface Dense {
  /** The part of it that is live, at the least, and of its last page. */
  readonly density: number;
  /** Granules that are dead, at the most. */
  readonly mostDead: number;
}

/**
 * How many pages at the bottom are dense: as many as can be.
 * @param pages pages that were marked through
 */
export function densePages({ liveness }: HeapTables, pages: number, { density, mostDead }: Dense): number {
  const mayBeDead = (1 - density) * PAGE_GRANULES; // of a page
  let dense = 0;
  let dead = 0;
  for (let page = 0; page < pages && dead <= Math.min(mostDead, mayBeDead * pages); page++) {
    const deadHere = PAGE_GRANULES - liveOn(liveness, page);
    dead += deadHere;
    if (deadHere <= mayBeDead && dead <= Math.min(mostDead, mayBeDead * (page + 1))) dense = page + 1;
  }
  return dense;
}

function liveOn(liveness: Int32Array, page: number): number {
  let live = 0;
  for (let chunk = page * PAGE_CHUNKS; chunk < (page + 1) * PAGE_CHUNKS; chunk++)
    live += popcount(liveness[2 * chunk] as number);
  return live;
}

/** What is dead in a prefix: granules [gaps[i], gaps[i + 1]) for each even i, ascending. */
export type Gaps = Int32Array;

/**
 * Keeps the first `pages` pages where they are: enters all of it in the tables as live, each page made of itself. Answers
 * what is dead there.
 */
export function keepPrefix(space: PageView, tables: HeapTables, pages: number): Gaps {
  const { liveness, firstGranule, firstObject, firstLayout, objectAtPage } = tables;
  const gaps = gapsIn(liveness, pages << LOG_PAGE_GRANULES);
  for (let page = 0; page < pages; page++) {
    const granule = page << LOG_PAGE_GRANULES;
    const object = objectAtPage[page] as Ref; // dead or alive
    firstGranule[page] = granule;
    firstObject[page] = object;
    firstLayout[page] = layoutAt(space, object, granule, 'while preparing');
  }
  for (let chunk = 0; chunk < pages * PAGE_CHUNKS; chunk++) {
    liveness[2 * chunk] = -1;
    liveness[2 * chunk + 1] = chunk << LOG_CHUNK_GRANULES;
  }
  return gaps;
}

function gapsIn(liveness: Int32Array, end: Ref): Gaps {
  let count = 0;
  const each = (use: (from: Ref, to: Ref) => void): void => {
    for (let from = nextDead(liveness, 0, end); from < end; ) {
      const to = nextBit(liveness, 2, from, end);
      use(from, to);
      from = nextDead(liveness, to, end);
    }
  };
  each(() => count++);
  const gaps = new Int32Array(2 * count);
  let at = 0;
  each((from, to) => {
    gaps[at++] = from;
    gaps[at++] = to;
  });
  return gaps;
}

/** Granules that are dead. */
export function deadIn(gaps: Gaps): number {
  return gaps.reduce((sum, granule, i) => (i % 2 === 0 ? sum - granule : sum + granule), 0);
}

/** Makes each gap one filler, and the crossing map tell of it. When the watch has ended: all pages of the heap are there. */
export function fillGaps(space: PageView, { objectAtPage }: HeapTables, gaps: Gaps): void {
  for (let i = 0; i < gaps.length; i += 2) {
    const [from, to] = [gaps[i] as Ref, gaps[i + 1] as Ref];
    for (const [word, value] of fillerHeader(to - from).entries()) {
      const at = 2 * from + word;
      space.words[space.readable(at >>> LOG_PAGE_WORDS) + (at & (PAGE_WORDS - 1))] = value;
    }
    recordCrossings(objectAtPage, from, to);
  }
}

/** The lowest granule at or above `granule` and below `end` that is not live; else `end`. */
function nextDead(liveness: Int32Array, granule: number, end: number): number {
  for (let at = granule; at < end; at = (at & -32) + 32) {
    const dead = ~(liveness[(at >>> LOG_CHUNK_GRANULES) * 2] as number) & (-1 << (at & 31));
    if (dead !== 0) return (at & -32) + 31 - Math.clz32(dead & -dead);
  }
  return end;
}
