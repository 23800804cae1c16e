/**
 * MOVE: private anonymous memory, and pages that change their address instead of being copied. At the flip the
 * heap's page tables are moved to from-space, as in COPY, and the emptied range is registered for MISSING faults.
 * A page is made in its own place of a *pool*, and published by UFFDIO_MOVE, which moves the page-table entry.
 *
 * The pool is from-space of the collection before: its pages are there already, dead and ours, so that nothing is
 * allocated or zeroed (Linux 6.8; ART's later MOVE mode, art-cmc.md, 5). The two ranges change places at each flip.
 */
import { UFFD_FEATURE_MOVE } from '../../uffd/abi.ts';
import { EEXIST } from '../../uffd/errno.ts';
import { type Kernel, PAGE_BYTES } from '../../uffd/kernel.ts';
import {
  allBytes,
  dropPrivate,
  dropRaw,
  flipPrivate,
  hiddenBytes,
  mapMoved,
  mapPrivate,
  rehearsePrivateFlip,
  reserveStage,
  unwatchAll,
} from './mapping.ts';
import type { MappedThread, MappingMode, Ranges, Reservation, ThreadContext } from './mode.ts';

function reserve(kernel: Kernel, r: Reservation): Ranges {
  const { heapBytes, nonMovingBytes, spanBytes, rawBytes } = r;
  return {
    heap: mapMoved(kernel, spanBytes + rawBytes),
    ...{ heapBytes, nonMovingBytes, spanBytes, rawBytes },
    space0: mapMoved(kernel, spanBytes),
    space1: mapMoved(kernel, spanBytes),
    ...reserveStage(kernel),
  };
}

function attach(context: ThreadContext): MappedThread {
  const { kernel, uffd, ranges, side, prefix } = context;
  const { heap, heapBytes } = ranges;
  const spaces = [ranges.space0 as number, ranges.space1 as number] as const;
  const views = spaces.map((space) => kernel.pageView(space, hiddenBytes(ranges)));
  const living = kernel.pageView(heap, allBytes(ranges));
  const fromSide = () => side() as 0 | 1;
  const poolSide = () => (1 - side()) as 0 | 1;
  const moving = heapBytes / PAGE_BYTES;
  const moves = (page: number) => page >= prefix() && page < moving;
  /** A page that does not move is updated where the flip has put it, and goes back to its address. */
  const sourceOf = (page: number) => (moves(page) ? poolSide() : fromSide());
  /**
   * Linux 6.18 has answered EEXIST for a page that this very call had moved (one of some 100,000; the call took a
   * millisecond, as when the page is locked at first). Nobody else moves a page that this thread publishes: where its source
   * is gone, it is there.
   */
  const isMoved = (to: number, from: number) => kernel.pagemap(to).present && !kernel.pagemap(from).present;
  const viewOf = (of: 0 | 1) => views[of] as (typeof views)[0];
  return {
    livingSpace: () => living,
    fromSpace: () => viewOf(fromSide()),
    flip: (used, nonMoving) => flipPrivate(context, spaces[fromSide()], used, nonMoving),
    rehearseFlip: (uncounted) => rehearsePrivateFlip(context, uncounted),
    target: (page) => viewOf(sourceOf(page)).words,
    slot(page, _batchFirst, isAnew) {
      const view = viewOf(sourceOf(page));
      return isAnew ? view.writable(page) : view.updatable(page);
    },
    publish(first, pages) {
      const most = first < prefix() ? Math.min(pages, prefix() - first) : pages; // those above come from elsewhere
      const at = first * PAGE_BYTES;
      const [to, from] = [heap + at, spaces[sourceOf(first)] + at];
      const outcome = uffd.move(to, from, most * PAGE_BYTES);
      if (outcome.errno !== EEXIST || outcome.done > 0 || !isMoved(to, from)) return outcome;
      uffd.wake(to, PAGE_BYTES); // an error wakes nobody
      return { done: PAGE_BYTES, errno: 0 };
    },
    unwatch: (used, nonMoving) => unwatchAll(uffd, ranges, used, nonMoving),
    releaseNonMoving: dropRaw(kernel, ranges),
    // No release: from-space is the next pool. But for what did not move and has not come back: it is dead.
    settle() {
      dropPrivate(kernel, spaces[fromSide()], moving, hiddenBytes(ranges) / PAGE_BYTES);
      // What the pool has left, and its page tables, would be unmapped in the next pause.
      mapPrivate(kernel, ranges.spanBytes, spaces[poolSide()]);
    },
  };
}

export const moveMode: MappingMode = {
  name: 'move',
  concurrent: true,
  anyonePublishes: true,
  untouchedStay: false,
  updatesInPlace: true,
  keepsPrefix: true,
  features: UFFD_FEATURE_MOVE,
  movesPages: true,
  needs: (r) => {
    const bytes = 3 * hiddenBytes(r) + r.rawBytes;
    return { memoryBytes: bytes, addressBytes: bytes };
  },
  reserve,
  attach,
};
