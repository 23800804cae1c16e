/**
 * The checker of a collector: asserts invariants at the boundaries that collection.ts calls it at. One a heap that was
 * opened with `verify: 'phases'`; without it nobody asks for any of this. It looks at everything, in the pauses too:
 * figures of such a run are not the collector's.
 */
import { LOG_PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import { topPage } from '../../heap/spaces.ts';
import type { Kernel, PageView } from '../../uffd/kernel.ts';
import type { PageRange } from '../cycle.ts';
import type { Maker } from '../maker.ts';
import { ModeError } from '../modes/load.ts';
import type { FlipPages } from '../phases/flip.ts';
import type { CompactionPlan } from '../phases/prepare.ts';
import { assertClear, assertUnneeded, assertUnwatched, firstUnpublished } from './ended.ts';
import {
  assertFromSpace,
  assertKept,
  assertRaw,
  assertRoots,
  assertTop,
  assertToSpace,
  type Before,
  lookBefore,
} from './flipped.ts';
import { assertCards, assertMarked } from './marked.ts';
import { assertThat } from './named.ts';
import { assertMade, copyOf } from './page.ts';
import { assertPrefix, assertPrepared, type Places } from './prepared.ts';

/** The boundaries, in the order of a collection. @throws InvariantError, each of them */
export interface Checker {
  /** The marking pause has begun. */
  readonly beforeRemark: () => void;
  /** Marking is done, the world is stopped. */
  readonly marked: () => void;
  readonly prepared: (plan: CompactionPlan, black: Ref) => void;
  /** The world is stopped, and the flip is next. */
  readonly beforeFlip: () => void;
  readonly flipped: (pages: FlipPages, black: Ref) => void;
  /** All moving pages are made, the world still stopped since the flip. */
  readonly compacted: (pages: FlipPages) => void;
  /** From-space pages from `first` on are given back next. */
  readonly beforeRelease: (first: number) => void;
  /** All pages are made, and the watch ends next. */
  readonly beforeUnwatch: (pages: FlipPages) => void;
  readonly unwatched: (pages: FlipPages) => void;
  /** The collection has given back what it can; the kernel has not let go of the old pages `owed`. */
  readonly released: (owed: PageRange) => void;
  readonly cleared: () => void;
}

/** @param heap first byte of the heap's range; `uffd` the descriptor */
export function makeChecker(maker: Maker, kernel: Kernel, heap: number, uffd: number): Checker {
  const { tables, thread, mode, cycle } = maker;
  let places: Places = { objects: [], places: [] };
  let before: Before = { targets: [], hashes: new Map() };
  let [prefix, compacted] = [0, 0]; // pages that are not moved, and those up to which objects lie side by side
  let inPlace = 0; // of the first ones, those that are made where they lie
  let released = Infinity; // from-space pages from there on have been given back
  let from: PageView | null = null; // a copy, where pages are made over it

  return {
    beforeRemark: () => assertCards(thread.livingSpace(), tables),
    marked: () => assertMarked(thread.livingSpace(), tables),
    prepared(plan, black) {
      [prefix, compacted] = [plan.prefixPages, plan.compactedPages];
      inPlace = mode.keepsPrefix ? prefix : 0;
      places = assertPrepared(thread.livingSpace(), tables, plan, black);
    },
    beforeFlip() {
      before = lookBefore(thread.livingSpace(), tables, topPage(tables));
      assertKept(thread.livingSpace(), tables);
      assertEmpty(maker, kernel, 'C3', { first: inPlace, end: tables.pages });
    },
    flipped(pages, black) {
      released = Infinity;
      assertTop(tables, pages, compacted, black);
      const slide = (pages.old - pages.used) << LOG_PAGE_GRANULES;
      assertRoots(tables, before, places, { black, slide });
      assertToSpace(kernel, heap, mode, tables, pages);
      assertFromSpace(thread.fromSpace(), tables, before, (page) => isInFromSpace(maker, page));
      if (mode.untouchedStay)
        assertFromSpace(thread.livingSpace(), tables, before, (page) => page < pages.prefix);
      assertRaw(thread.livingSpace(), tables, before);
      if (!mode.concurrent) from = copyOf(thread.fromSpace(), pages.old);
    },
    compacted({ used }) {
      if (from !== null) assertMade(thread.livingSpace(), tables, { ...maker.sources, from }, used);
      from = null;
    },
    beforeRelease(first) {
      const where = () => `from page ${first} on, after all from page ${released} on`;
      assertThat('D6', first <= released, where);
      released = first;
      assertUnneeded(maker, first);
    },
    beforeUnwatch(pages) {
      const page = mode.concurrent ? firstUnpublished(kernel, heap, tables, pages) : -1;
      assertThat('E2', page < 0, () => `page ${page} is published, and mutators do not see it`);
    },
    unwatched(pages) {
      assertUnwatched(kernel, uffd, mode, tables, cycle, pages);
      assertPrefix(thread.livingSpace(), tables, prefix);
    },
    released: ({ first, end }) =>
      assertEmpty(maker, kernel, 'E3', { first: inPlace, end: tables.pages }, { first, end }),
    cleared: () => assertClear(tables),
  };
}

/** Raw data stays where it is, and so does, stopped, all that does not move: from-space does not show it. */
function isInFromSpace({ mode, tables }: Maker, page: number): boolean {
  return page < tables.pages || (mode.concurrent && page < tables.watchedEnd);
}

/** C3 and E3, of modes that say through which addresses to look: pages of the file that will be to-space next. */
function assertEmpty(
  { thread: { incoming } }: Maker,
  kernel: Kernel,
  invariant: 'C3' | 'E3',
  { first, end }: PageRange,
  but: PageRange = { first, end: first },
): void {
  if (incoming === undefined) return;
  const there = kernel.presence(incoming(first), end - first);
  const found = there.findIndex((is, i) => is === 1 && !(first + i >= but.first && first + i < but.end));
  assertThat(invariant, found < 0, () => `page ${first + found} of it is there`);
}

/**
 * What is looked at of a mode that a user has written, in every heap: one whose pages are not there would have mutators
 * read zeros. @throws ModeError
 */
export function makeModeCheck(
  { mode, tables }: Maker,
  kernel: Kernel,
  heap: number,
): Pick<Checker, 'beforeUnwatch'> {
  return {
    beforeUnwatch(pages) {
      const page = mode.concurrent ? firstUnpublished(kernel, heap, tables, pages) : -1;
      if (page < 0) return;
      const what = `publish() said that it had mapped page ${page}, and mutators do not see it`;
      throw new ModeError('MODE_BROKEN', mode.name, what);
    },
  };
}
