/**
 * The dense prefix: pages at the bottom of the heap that are nearly full of live objects are not moved, as there would be
 * little to gain; only their references are updated. What is dead among them becomes filler, so that the heap parses, and
 * counts as live in this collection's tables: then an object there goes to where it is, by the same arithmetic as any
 * other, and no loop has to know of it. (ART's black-dense prefix, art-cmc.md, 7.4, which it has in its COPY and MOVE modes;
 * to update such pages in place in minor-fault mode was the plan there, and never shipped.)
 *
 * Filler is written beside the mutators, and into the heap as it is: nobody reads a dead object but the collector.
 */
import { isSet, nextBit, popcount, precedingBit } from '../../heap/bitmap.ts';
import { type HeapTables, LOG_CHUNK_GRANULES } from '../../heap/layout.ts';
import { fillerHeader, LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import type { PageView } from '../../uffd/kernel.ts';
import { LOG_PAGE_WORDS, PAGE_WORDS } from '../../uffd/kernel.ts';
import { layoutAt } from '../page-layout.ts';

const PAGE_CHUNKS = PAGE_GRANULES >>> LOG_CHUNK_GRANULES;

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

/**
 * Keeps the first `pages` pages where they are: fills what is dead there, and enters it all in the tables as live, each page
 * made of itself. Answers how many granules are dead.
 */
export function keepPrefix(space: PageView, tables: HeapTables, pages: number): number {
  const { liveness, markBits, firstGranule, firstObject, firstLayout, objectAtPage } = tables;
  const end: Ref = pages << LOG_PAGE_GRANULES;
  for (let page = 0; page < pages; page++) {
    const granule = page << LOG_PAGE_GRANULES;
    firstGranule[page] = granule;
    if (isSet(liveness, granule, 2)) firstObject[page] = precedingBit(markBits, granule);
  }
  let dead = 0;
  for (let gap = nextDead(liveness, 0, end); gap < end; gap = nextDead(liveness, gap, end)) {
    const next = nextBit(liveness, 2, gap, end);
    fill(space, gap, next);
    for (let page = (gap + PAGE_GRANULES - 1) >>> LOG_PAGE_GRANULES; page << LOG_PAGE_GRANULES < next; page++)
      firstObject[page] = gap;
    dead += next - gap;
    gap = next;
  }
  for (let page = 0; page < pages; page++) {
    const object = firstObject[page] as Ref;
    firstLayout[page] = layoutAt(space, object, page << LOG_PAGE_GRANULES, 'while preparing');
    objectAtPage[page] = object;
  }
  for (let chunk = 0; chunk < pages * PAGE_CHUNKS; chunk++) {
    liveness[2 * chunk] = -1;
    liveness[2 * chunk + 1] = chunk << LOG_CHUNK_GRANULES;
  }
  return dead;
}

/** The lowest granule at or above `granule` and below `end` that is not live; else `end`. */
function nextDead(liveness: Int32Array, granule: number, end: number): number {
  for (let at = granule; at < end; at = (at & -32) + 32) {
    const dead = ~(liveness[(at >>> LOG_CHUNK_GRANULES) * 2] as number) & (-1 << (at & 31));
    if (dead !== 0) return (at & -32) + 31 - Math.clz32(dead & -dead);
  }
  return end;
}

/** Makes granules [from, to) one filler. */
function fill(space: PageView, from: Ref, to: Ref): void {
  for (const [i, word] of fillerHeader(to - from).entries()) {
    const at = 2 * from + i;
    space.words[space.updatable(at >>> LOG_PAGE_WORDS) + (at & (PAGE_WORDS - 1))] = word;
  }
}
