/**
 * The two files of CONTINUE as the collector sees them, which is one thread: which page lies in which file (swaps.ts), what
 * each alias shows, and what a flip maps.
 */
import { type Kernel, PAGE_BYTES } from '../../uffd/kernel.ts';
import { mapFile, movePages } from './mapping.ts';
import type { Ranges, ThreadContext } from './mode.ts';
import { type Run, runsOf, type Swaps, shareSwaps, stayingOf, swapBoth } from './swaps.ts';

/** A mapping of a part of the heap's addresses, that many bytes from its first: of a file, from `offset` on. */
export interface Part {
  readonly at: number;
  readonly bytes: number;
  readonly fd: number;
  readonly offset: number;
}

/** The mappings of what does not move, which is moved aside by itself. */
export function fixedParts({ heapBytes, nonMovingBytes, spanBytes, nonMoving }: Ranges): readonly Part[] {
  if (nonMovingBytes === 0) return [];
  return [{ at: heapBytes, bytes: spanBytes - heapBytes, fd: nonMoving as number, offset: 0 }];
}

/** Pages of the heap's addresses that the two files are mapped at. */
export function filePages({ heapBytes, nonMovingBytes, spanBytes }: Ranges): number {
  return (nonMovingBytes === 0 ? spanBytes : heapBytes) / PAGE_BYTES;
}

/**
 * In how large a heap, in pages in use, pages may stay. The page tables of a heap of one mapping are moved away at once, for
 * each GiB; of several, in a step for each 2 MiB, all in the pause. A step took 1 to 2 µs, and 10 where another processor ran
 * one of our threads, or of V8's, which it interrupts to have its TLB flushed (Linux 6.18): half a millisecond at the most.
 */
const MOST_PAGES_IN_STEPS = 48 * 512;

/** A flip to a side: what is mapped before it, and what it maps. */
export interface FlipPlan {
  readonly to: number;
  readonly old: readonly Part[];
  /** What must be emptied first: what is mapped over goes by that, where it goes at once. */
  readonly emptied: readonly Part[];
  readonly coming: readonly Part[];
}

/** What the collector does with the two files. */
export interface TwoFiles {
  /** How many of the first `most` pages, of so many in use, can stay where they are at the next flip. */
  readonly staying: (most: number, usedPages: number) => number;
  /** So many will: has the incoming side's alias show what the heap will be, and plans the flip. @throws SyscallError */
  readonly ready: (pages: number) => void;
  /** The flip to the side that is current now. */
  readonly plan: () => FlipPlan;
  /** All of the heap but raw data leaves its place, and what is to come there is mapped. What stays is mapped as it was. */
  readonly flip: (plan: FlipPlan) => void;
  /** Undoes it, or a part of it: the page tables put aside are made anew, as mutators touch what the old file has. */
  readonly undo: (plan: FlipPlan) => void;
  readonly flipped: () => void;
  /** Has the window show the heap as it is. */
  readonly showInWindow: () => void;
  /** Pages [first, end) of a side, by the files that they lie in: as it is from the next flip on, or, after it, as it was. */
  readonly partsOf: (side: number, first: number, end: number) => readonly (Run & Part)[];
}

export function trackFiles({ kernel, ranges, side, shared }: ThreadContext): TwoFiles {
  const { heap, heapBytes } = ranges;
  const fds = [ranges.fd0 as number, ranges.fd1 as number] as const;
  // Which pages have changed files: of the heap, of what it will be after the next flip, and of what each alias shows (null:
  // that was refused half way).
  let [swaps, next]: [Swaps, Swaps] = [[], []];
  const shown: [Swaps | null, Swaps | null] = [[], []];
  let inWindow: { readonly side: number; readonly swaps: Swaps } | null = { side: 0, swaps };
  let planned = planTo(1, 0);

  function parts(of: number, runs: readonly Run[]): readonly (Run & Part)[] {
    return runs.map((run) => {
      const [at, bytes] = [run.first * PAGE_BYTES, (run.end - run.first) * PAGE_BYTES];
      return { ...run, at, bytes, fd: fds[(of ^ run.swapped) as 0 | 1], offset: at };
    });
  }

  function planTo(to: number, staying: number): FlipPlan {
    const [fixed, end] = [fixedParts(ranges), filePages(ranges)];
    const old = [...parts(1 - to, runsOf(swaps, 0, end)), ...fixed];
    return {
      to,
      old,
      emptied: kernel.dropsAtOnce ? parts(1 - to, runsOf(swaps, 0, staying)) : old,
      coming: [...parts(to, runsOf(next, staying, end)), ...fixed],
    };
  }

  function show(incoming: 0 | 1): void {
    const [before, pages] = [shown[incoming], heapBytes / PAGE_BYTES];
    const differ = before === null ? [] : runsOf(swapBoth(before, next), 0, pages);
    const changed = before === null ? [{ first: 0, end: pages }] : differ.filter((run) => run.swapped === 1);
    shown[incoming] = null;
    for (const { first, end } of changed)
      for (const part of parts(incoming, runsOf(next, first, end)))
        mapAt(kernel, ranges[`alias${incoming}`] as number, part);
    shown[incoming] = next;
  }

  /** What is mapped there has no pages any more, and is not watched. */
  function empty(part: Part): void {
    if (kernel.dropsAtOnce) mapAt(kernel, heap, part);
    else movePages(kernel, heap + part.at, (ranges.retired as number) + part.at, part.bytes);
  }

  return {
    staying(most, usedPages) {
      // One more mapping takes time in the pause: it must be worth it.
      return stayingOf(swaps, most, most >= usedPages / 2 && usedPages <= MOST_PAGES_IN_STEPS);
    },
    ready(pages) {
      const incoming = (1 - side()) as 0 | 1;
      next = pages > 0 ? swapBoth(swaps, [pages]) : swaps;
      show(incoming);
      planned = planTo(incoming, pages);
    },
    plan: () => (planned.to === side() ? planned : planTo(side(), 0)),
    flip({ emptied, coming }) {
      for (const part of emptied) empty(part);
      for (const part of coming) mapAt(kernel, heap, part);
    },
    undo({ old }) {
      for (const part of old) mapAt(kernel, heap, part);
    },
    flipped() {
      swaps = next;
      shareSwaps(shared, swaps);
    },
    showInWindow() {
      if (inWindow?.side === side() && inWindow.swaps === swaps) return;
      inWindow = null;
      for (const part of parts(side(), runsOf(swaps, 0, heapBytes / PAGE_BYTES)))
        mapInSteps(kernel, ranges.window as number, part);
      inWindow = { side: side(), swaps };
    },
    partsOf: (of, first, end) => parts(of, runsOf(next, first, end)),
  };
}

function mapAt(kernel: Kernel, base: number, { at, bytes, fd, offset }: Part): void {
  mapFile(kernel, base + at, bytes, fd, offset);
}

/** Mapped anew at a time, beside mutators: what was there is dropped entry by entry, and nobody else can map meanwhile. */
const STEP_BYTES = 2 ** 26;

function mapInSteps(kernel: Kernel, base: number, part: Part): void {
  for (let from = 0; from < part.bytes; from += STEP_BYTES) {
    const bytes = Math.min(STEP_BYTES, part.bytes - from);
    mapAt(kernel, base, { ...part, at: part.at + from, offset: part.offset + from, bytes });
  }
}
