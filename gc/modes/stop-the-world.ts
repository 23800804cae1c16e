/**
 * Stop the world: the same algorithm without userfaults, in one space. Objects slide down in place while the mutators
 * are stopped, page by page in ascending order, each once nobody else needs what it covers (phases/compact.ts). One that is
 * made from what lies at its own place is made in a buffer of its thread, and copied. What the other modes are measured against, and what is left where there is no
 * userfaultfd.
 *
 * Deviation from ART, whose fallback moves the old pages to from-space and makes new ones: that takes a fresh page for
 * each, which costs more than the making.
 */
import { type Kernel, PAGE_BYTES, PAGE_WORDS } from '../../uffd/kernel.ts';
import { allBytes, dropPrivate, hiddenBytes, mapViewed } from './mapping.ts';
import type { MappedThread, MappingMode, Ranges, Reservation, ThreadContext } from './mode.ts';

/** @param mapHeap maps so many bytes for the heap */
export function reserveStopped(
  kernel: Kernel,
  r: Reservation,
  mapHeap: typeof mapViewed = mapViewed,
): Ranges {
  const { heapBytes, nonMovingBytes, spanBytes, rawBytes } = r;
  return {
    ...{ heapBytes, nonMovingBytes, spanBytes, rawBytes },
    heap: mapHeap(kernel, allBytes(r)),
    buffers: mapViewed(kernel, r.threads * PAGE_BYTES),
  };
}

function attach({ kernel, ranges, maker, prefix }: ThreadContext): MappedThread {
  const { heap, heapBytes } = ranges;
  const space = kernel.pageView(heap, allBytes(ranges));
  const buffer = kernel.pageView((ranges.buffers as number) + maker * PAGE_BYTES, PAGE_BYTES);
  const moving = heapBytes / PAGE_BYTES;
  let inBuffer = -1; // the page that is made, and not yet in its place
  const isBuffered = (page: number, isAnew: boolean) => page >= prefix() && page < moving && !isAnew;
  return {
    livingSpace: () => space,
    fromSpace: () => space,
    flip: () => {},
    rehearseFlip: () => {},
    target: (page, isAnew) => (isBuffered(page, isAnew) ? buffer : space).words,
    slot(page, _batchFirst, isAnew) {
      if (isAnew) return space.writable(page);
      if (!isBuffered(page, isAnew)) return space.readable(page);
      inBuffer = page;
      return buffer.writable(0);
    },
    publish(page, pages) {
      if (page === inBuffer) {
        const made = buffer.readable(0);
        space.words.set(buffer.words.subarray(made, made + PAGE_WORDS), space.writable(page));
        inBuffer = -1; // not before: it may have to be tried again
      }
      return { done: pages * PAGE_BYTES, errno: 0 };
    },
    unwatch: () => {},
    release: (first, end) => dropPrivate(kernel, heap, first, end),
    releaseNonMoving: (first, end) => dropPrivate(kernel, heap, first, end),
  };
}

export const stopTheWorldMode: MappingMode = {
  name: 'stw',
  concurrent: false,
  anyonePublishes: false,
  untouchedStay: false,
  updatesInPlace: true,
  keepsPrefix: true,
  features: 0n,
  needs: (r) => {
    const buffers = r.threads * PAGE_BYTES;
    return { memoryBytes: hiddenBytes(r) + r.rawBytes + buffers, addressBytes: allBytes(r) + buffers };
  },
  reserve: (kernel, r) => reserveStopped(kernel, r),
  attach,
};
