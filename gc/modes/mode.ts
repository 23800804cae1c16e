/**
 * A mapping mode is a small strategy, one file each behind this interface: how the flip is mapped, where a page is
 * made, how made pages are published, how old memory is released. A collection's phases know nothing else of it.
 */
import type { Kernel, PageView } from '../../uffd/kernel.ts';
import type { SharedWords } from '../../uffd/sync.ts';
import type { PageOutcome, Userfaultfd } from '../../uffd/userfaultfd.ts';

/** Addresses, descriptors and sizes that a mode reserved: numbers, so that they can be posted to any thread. */
export type Ranges = Readonly<Record<string, number>> & {
  /** First byte of the range that mutators use. */
  readonly heap: number;
  /** Bytes of the moving space, which it begins with, and of what does not move and may hold references: it follows. */
  readonly heapBytes: number;
  readonly nonMovingBytes: number;
  /** Addresses of that part of the range, and of each that its pages are moved to: both, and more that holds no object. */
  readonly spanBytes: number;
  /** Bytes of the range from there on: raw data, which no flip hides. */
  readonly rawBytes: number;
};

/** What a mode reserves for. */
export interface Reservation {
  /** Bytes of the moving space, and of what does not move and may hold references, which follows it. */
  readonly heapBytes: number;
  readonly nonMovingBytes: number;
  /** Addresses for each range that is moved at the flip: whole units of what the kernel moves at a time. */
  readonly spanBytes: number;
  /** Bytes for raw data, which mutators have at all times, and the collector can read: they follow the first of those. */
  readonly rawBytes: number;
  /** Threads that make pages: compactors and fault threads. */
  readonly threads: number;
  /** Pages that a thread makes before it publishes. */
  readonly batch: number;
  /** Bytes of linear memory that the heap's tables and one marker take, if there is any: what a view needs beside it. */
  readonly tablesBytes: number;
}

/** What one thread does for a mode. `maker` numbers the threads that make pages. */
export interface ThreadContext {
  readonly kernel: Kernel;
  /** Of a mode that is not concurrent there is none: its calls fail. */
  readonly uffd: Userfaultfd;
  readonly ranges: Ranges;
  readonly maker: number;
  /** Which of two files or sides holds the heap now: 0 or 1; the flip changes it. */
  readonly side: () => number;
  /** How many pages at the heap's bottom are made where they lie, in this collection: 0 unless the mode `keepsPrefix`. */
  readonly prefix: () => number;
  /** Words that the mode's threads share, and nobody else uses: {@link MODE_WORDS} of them. */
  readonly shared: SharedWords;
}

/** Words that a mode has for itself. */
export const MODE_WORDS = 16;

/** A mode, as one thread uses it. Page numbers count from the heap's base. */
export interface MappedThread {
  /** All objects between two collections, readable without a userfault. */
  readonly livingSpace: () => PageView;
  /**
   * The same for marking, where compiled code reaches it, if that is elsewhere; and what has it show the heap as it is, for
   * the collector to call before each marking.
   */
  readonly markingSpace?: (() => PageView) | undefined;
  readonly beginMarking?: (() => void) | undefined;
  /** The old objects, between the flip and the release. */
  readonly fromSpace: () => PageView;
  /**
   * In the compaction pause, world stopped: to-space takes the heap's addresses, empty and (if it is) watched. The first
   * `prefix()` pages stay what they are, and leave the mutators' sight. So many
   * pages that do not move leave the mutators' sight too, with what is on them, and are watched. Raw data stays. If the
   * kernel refuses, what was done is undone (`allOrNothing`), and the collection is given up; any other error is the heap's
   * end.
   */
  readonly flip: (usedPages: number, nonMovingPages: number) => void;
  /**
   * Before the flip: an address at which the page of the memory that to-space is made in can be looked at, where that
   * must be empty by then. The checker looks, and no collection flips before all of `release` has been granted.
   */
  readonly incoming?: ((page: number) => number) | undefined;
  /**
   * The calls of a flip, on pages set aside, with a userfaultfd whose calls nobody counts: many times before the first
   * collection, and a few before each compaction pause (rehearsal.ts).
   */
  readonly rehearseFlip: (uffd: Userfaultfd) => void;
  /** The words in which this thread makes that page, until the next flip; `isAnew` as in {@link slot}. */
  readonly target: (page: number, isAnew: boolean) => Int32Array;
  /**
   * Index in {@link target} of the first word of `page`, made as part of a batch that begins with `batchFirst`. `isAnew`:
   * the whole page will be written, and what it holds may be lost; else it is one to be updated (one of the prefix, too), or
   * (with the world stopped) one that is made from what lies at its own place, among others.
   */
  readonly slot: (page: number, batchFirst: number, isAnew: boolean) => number;
  /**
   * Before the pause, while the heap is still where it was: readies what of to-space, above so many pages, must be
   * zero at the flip and is not; and the first `prefixPages`, which will be in to-space what they are now. Absent where
   * nothing is to do.
   */
  readonly ready?: (compactedPages: number, prefixPages: number) => void;
  /**
   * Of a mode that `keepsPrefix`: how many of the first `most` pages, of so many in use, it can leave where they are
   * (default: all).
   */
  readonly prefixOf?: (most: number, usedPages: number) => number;
  /** Maps made pages into the heap and wakes who waits for them; a batch may be published in parts. */
  readonly publish: (first: number, pages: number, batchFirst: number) => PageOutcome;
  /**
   * Ends the watch: everything still asleep in the range tries again. Of the pages that do not move some are free, and were
   * neither made nor published unless somebody touched them: from now on mutators can use them, whatever they hold.
   */
  readonly unwatch: (usedPages: number, nonMovingPages: number) => void;
  /**
   * Gives the memory of old pages [first, end) back, which nobody reads any more. It comes in pieces from the top
   * down, down to page 0 (or the end of the prefix), and begins while pages further down are still being read; with the world stopped it comes once,
   * at the end, for the pages above all that were made. Absent where they are kept. What the kernel refuses to let go of is
   * asked for once more: also before the next flip, or, with the world stopped, at the end of the next collection; until
   * then it has been zeroed there.
   */
  readonly release?: ((first: number, end: number) => void) | undefined;
  /**
   * Gives the memory of free pages [first, end) back, which do not move or are raw data's: mutators then read zeros there.
   * It comes after the watch. Absent: such memory is kept.
   */
  readonly releaseNonMoving?: (first: number, end: number) => void;
  /**
   * After the last of it: gives back whatever else the flip has put aside. There were so many old pages, and so many
   * that do not move and were watched.
   */
  readonly settle?: (oldPages: number, nonMovingPages: number) => void;
}

/** A mode, as the collector's policy sees it. */
export interface MappingMode {
  readonly name: string;
  /**
   * false: pages are made while the world is stopped, and nobody faults. They are made one by one from the bottom up, and
   * each is published once all are made that are made from what lies at its own place: from-space may be the heap itself.
   */
  readonly concurrent: boolean;
  /** Whether any thread can publish a page that another has made. */
  readonly anyonePublishes: boolean;
  /** Whether a page that is made and not published is in the heap when the watch ends; if not, all are published. */
  readonly untouchedStay: boolean;
  /**
   * Whether a page that does not move is updated where it lies, and what `slot` names is that page as it was; if not, it is copied from from-space, and published as a moved one.
   */
  readonly updatesInPlace: boolean;
  /**
   * Whether pages at the heap's bottom can stay what they are while all else is flipped (phases/dense-prefix.ts): then `slot`
   * names such a page as it was. If not (default), they are made anew, like others, of themselves. A mode built upon
   * `continue` that has a `flip` or a `publish` of its own must say false: there a run of pages can lie in two files.
   */
  readonly keepsPrefix?: boolean;
  /**
   * So many pages are published together, and given back together, from multiples of that on (default 1): those of a huge page
   * (modes/huge.ts). They are made one by one, and have one state, that of the first (page-state.ts).
   */
  readonly unitPages?: number;
  /** Huge pages that it takes of the kernel's pool, for a heap of so many bytes (default: none). */
  readonly poolPages?: (heapBytes: number) => number;
  /** UFFD_FEATURE_* that the mode needs. */
  readonly features: bigint;
  /** Whether it calls mremap with MREMAP_DONTUNMAP, which not every Linux has (default false). */
  readonly movesPages?: boolean;
  /** Physical memory and addresses that the simulated machine needs, in bytes. */
  readonly needs: (r: Reservation) => { memoryBytes: number; addressBytes: number };
  /** Maps all ranges, once. @throws SyscallError */
  readonly reserve: (kernel: Kernel, r: Reservation) => Ranges;
  readonly attach: (context: ThreadContext) => MappedThread;
}
