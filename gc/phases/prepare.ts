/**
 * Preparing the compaction: one pass over the live bitmap, in proportion to the bitmap and not to the objects,
 * computes the offset vector (live granules below each chunk) and, for each to-space page, which granule lands on
 * it first and which object that belongs to. Of these objects the headers are read, one a page. After it every page can
 * be made alone.
 */
import { nthBit, popcount, precedingBit } from '../../heap/bitmap.ts';
import { type HeapTables, LOG_CHUNK_GRANULES } from '../../heap/layout.ts';
import { LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import type { PageView } from '../../uffd/kernel.ts';
import type { LivenessLoops } from '../compiled.ts';
import { layoutAt } from '../page-layout.ts';
import { resetStates } from '../page-state.ts';
import { deadIn, type Gaps, keepPrefix } from './dense-prefix.ts';

/** What to-space will look like. */
export interface CompactionPlan {
  /** Live granules, and those of the prefix that are not: compacted objects fill [0, liveGranules). */
  readonly liveGranules: number;
  /** To-space pages that hold them. */
  readonly compactedPages: number;
  /** Of these, the first so many are what they were: the dense prefix. */
  readonly prefixPages: number;
  /** What is dead there, and how many granules that is. */
  readonly prefixGaps: Gaps;
  readonly prefixDead: number;
}

/**
 * @param blackBegin first granule that was not marked through; a page's first
 * @param prefixPages pages that are not moved
 */
export function prepare(
  space: PageView,
  tables: HeapTables,
  blackBegin: number,
  prefixPages = 0,
  compiled: LivenessLoops | null = null,
): CompactionPlan {
  const { firstGranule, firstObject, firstLayout } = tables;
  const prefixGaps = keepPrefix(space, tables, prefixPages);
  const before = prefixPages << LOG_PAGE_GRANULES;
  const chunks = [before >>> LOG_CHUNK_GRANULES, blackBegin >>> LOG_CHUNK_GRANULES] as const;
  const liveGranules =
    compiled === null
      ? placeLive(tables, ...chunks, before, prefixPages)
      : compiled.placeLive(...chunks, before, prefixPages);
  const compactedPages = (liveGranules + PAGE_GRANULES - 1) >>> LOG_PAGE_GRANULES;
  for (let page = prefixPages; page < compactedPages; page++) {
    const [object, granule] = [firstObject[page] as Ref, firstGranule[page] as Ref];
    firstLayout[page] = layoutAt(space, object, granule, 'while preparing');
  }
  resetStates(tables.pageStates, tables.watchedEnd);
  return { liveGranules, compactedPages, prefixPages, prefixGaps, prefixDead: deadIn(prefixGaps) };
}

/**
 * Writes for chunks [first, end) how many live granules are below each, `before` of them below the first; and for each
 * to-space page, `firstPage` being the next, what lands on it first. Answers how many live granules there are.
 */
function placeLive(
  { liveness, markBits, firstGranule, firstObject, objectAtPage }: HeapTables,
  first: number,
  end: number,
  before: number,
  firstPage: number,
): number {
  let live = before;
  let page = firstPage;
  for (let chunk = first; chunk < end; chunk++) {
    const bits = liveness[2 * chunk] as number;
    liveness[2 * chunk + 1] = live;
    if (bits === 0) continue;
    const next = live + popcount(bits);
    const boundary = page << LOG_PAGE_GRANULES;
    // A chunk has at most 32 live granules, so at most one page begins among them.
    if (boundary < next) {
      const granule = (chunk << LOG_CHUNK_GRANULES) + nthBit(bits, boundary - live);
      const object = precedingBit(markBits, granule);
      firstGranule[page] = granule;
      firstObject[page] = object;
      // The crossing map of to-space. Nobody reads the old one: allocation writes it above blackBegin only.
      objectAtPage[page] = boundary - (granule - object);
      page++;
    }
    live = next;
  }
  return live;
}

/** Clears what marking and preparing wrote, for the next collection. */
export function clearLiveness(tables: HeapTables, blackBegin: number): void {
  const chunks = blackBegin >>> LOG_CHUNK_GRANULES;
  tables.markBits.fill(0, 0, chunks);
  tables.liveness.fill(0, 0, 2 * chunks);
}
