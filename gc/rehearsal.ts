/**
 * The flip, rehearsed on a heap of two pages, with the mode's real calls on pages set aside. Just before the compaction
 * pause, since marking has driven the flip's code out of the caches, ours, the FFI's and the kernel's alike. And often when
 * the collector starts, while mutators do: a flip is too seldom for V8 to compile it, and interpreted code takes twice the
 * time where each thing that it looks at is a miss of the caches and of the TLB, which the flip's own calls flush.
 *
 * Measured on Linux 6.18: just before the pause, on Zen 3, the flip of 64 MiB took 0.31 ms without, 0.17 with; at the start,
 * on a slower host, medians of three turns each, 0.31 without, 0.24 with (p99 1.7 and 0.5).
 */
import { allocateMetadata, openTables } from '../heap/layout.ts';
import { PAGE_GRANULES } from '../heap/object.ts';
import { setTopPage } from '../heap/spaces.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import type { Userfaultfd } from '../uffd/userfaultfd.ts';
import { allocateCycle, openCycle } from './cycle.ts';
import { createRing, openWriter } from './events.ts';
import { type Maker, makeMaker } from './maker.ts';
import { flip } from './phases/flip.ts';

/** One page of objects that were marked, one of objects allocated since; a root. */
const GEOMETRY = { heapBytes: 2 * PAGE_BYTES, mutators: 1, rootSlots: 1, tlabPages: 1 };
const PLAN = {
  ...{ liveGranules: 1, compactedPages: 1 },
  ...{ prefixPages: 0, prefixGaps: new Int32Array(0), prefixDead: 0 },
};

/** What it takes until V8 has compiled it; 15 to 30 ms on Linux. */
export const REHEARSALS_AT_START = 100;

/**
 * The caches are warm after two or three. In turn with one, medians of the pause on a slower host: on the simulated kernel
 * at 256 MiB 0.17 ms instead of 0.22, at 900 MiB 0.37 instead of 0.42; on Linux at 1 GiB 0.32 instead of 0.36, at 64 MiB
 * the same.
 */
export const REHEARSALS_BEFORE_PAUSE = 3;

/** What rehearses the flip of `maker`'s heap by calls of `uffd`, uncounted; nothing of that heap is touched. */
export function makeRehearsal({ mode, thread, role }: Maker, uffd: Userfaultfd): () => void {
  if (!mode.concurrent) return () => {}; // the pause holds all of the compaction
  const tables = openTables(allocateMetadata(GEOMETRY), GEOMETRY);
  setTopPage(tables, tables.pages);
  tables.roots[0]?.set([1, 0]);
  const miniature = makeMaker({
    ...{ mode, tables, role },
    thread: { ...thread, flip: () => thread.rehearseFlip(uffd) },
    cycle: openCycle(allocateCycle()),
    events: openWriter(createRing(process.hrtime.bigint(), 1)),
  });
  return () => {
    flip(miniature, PLAN, PAGE_GRANULES);
  };
}
