/**
 * COPY: private anonymous memory. At the flip the heap's page tables are moved to from-space (mremap with
 * MREMAP_DONTUNMAP) and the emptied range is registered for MISSING faults. A page is made in a buffer of its
 * thread, and published by UFFDIO_COPY, which allocates a page and copies the buffer's bytes into it. Every page
 * must be published so, touched or not, and every page of the non-moving space must be copied twice for its references.
 *
 * After ART's COPY mode (art-cmc.md, 1.5 and 3.6).
 */
import { type Kernel, PAGE_BYTES } from '../../uffd/kernel.ts';
import {
  dropRaw,
  flipPrivate,
  hiddenBytes,
  mapPrivate,
  placeForView,
  privatePair,
  rehearsePrivateFlip,
  reservePrivatePair,
  unwatchAll,
} from './mapping.ts';
import type { MappedThread, MappingMode, Ranges, Reservation, ThreadContext } from './mode.ts';

function bufferBytes({ threads, batch }: Reservation): number {
  return threads * batch * PAGE_BYTES;
}

function reserve(kernel: Kernel, r: Reservation): Ranges {
  const bytes = bufferBytes(r);
  return {
    ...reservePrivatePair(kernel, r),
    buffers: mapPrivate(kernel, bytes, placeForView(kernel, bytes)),
    batch: r.batch,
  };
}

function attach(context: ThreadContext): MappedThread {
  const { kernel, uffd, ranges, maker } = context;
  const { heap } = ranges;
  const bytes = (ranges.batch as number) * PAGE_BYTES;
  const buffer = (ranges.buffers as number) + maker * bytes;
  const view = kernel.pageView(buffer, bytes);
  const pair = privatePair(context);
  return {
    ...pair,
    flip: (used, nonMoving) => flipPrivate(context, ranges.from as number, used, nonMoving),
    rehearseFlip: (uncounted) => rehearsePrivateFlip(context, uncounted),
    target: () => view.words,
    slot: (page, batchFirst) => view.writable(page - batchFirst),
    publish: (first, pages, batchFirst) =>
      uffd.copy(heap + first * PAGE_BYTES, buffer + (first - batchFirst) * PAGE_BYTES, pages * PAGE_BYTES),
    releaseNonMoving: dropRaw(kernel, ranges),
    unwatch: (used, nonMoving) => unwatchAll(uffd, ranges, used, nonMoving),
  };
}

export const copyMode: MappingMode = {
  name: 'copy',
  concurrent: true,
  anyonePublishes: false,
  untouchedStay: false,
  updatesInPlace: false,
  features: 0n,
  movesPages: true,
  needs: (r) => ({
    memoryBytes: 2 * hiddenBytes(r) + r.rawBytes + bufferBytes(r),
    addressBytes: 2 * hiddenBytes(r) + r.rawBytes + bufferBytes(r),
  }),
  reserve,
  attach,
};
