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
  mapViewed,
  privatePair,
  rehearsePrivateFlip,
  reservePrivatePair,
  unwatchAll,
} from './mapping.ts';
import type { MappedThread, MappingMode, Reservation, ThreadContext } from './mode.ts';

export function bufferBytes({ threads, batch }: Reservation): number {
  return threads * batch * PAGE_BYTES;
}

/** The buffers of all threads that make pages. */
export function reserveBuffers(kernel: Kernel, r: Reservation): { buffers: number; batch: number } {
  return { buffers: mapViewed(kernel, bufferBytes(r)), batch: r.batch };
}

/** How a page is made in the thread's buffer, and published from there. */
export function attachBuffer({
  kernel,
  uffd,
  ranges,
  maker,
}: ThreadContext): Pick<MappedThread, 'target' | 'slot' | 'publish'> {
  const { heap } = ranges;
  const bytes = (ranges.batch as number) * PAGE_BYTES;
  const buffer = (ranges.buffers as number) + maker * bytes;
  const view = kernel.pageView(buffer, bytes);
  return {
    target: () => view.words,
    slot: (page, batchFirst) => view.writable(page - batchFirst),
    publish: (first, pages, batchFirst) =>
      uffd.copy(heap + first * PAGE_BYTES, buffer + (first - batchFirst) * PAGE_BYTES, pages * PAGE_BYTES),
  };
}

function attach(context: ThreadContext): MappedThread {
  const { kernel, uffd, ranges } = context;
  return {
    ...privatePair(context),
    ...attachBuffer(context),
    flip: (used, nonMoving) => flipPrivate(context, ranges.from as number, used, nonMoving),
    rehearseFlip: (uncounted) => rehearsePrivateFlip(context, uncounted),
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
  reserve: (kernel, r) => ({ ...reservePrivatePair(kernel, r), ...reserveBuffers(kernel, r) }),
  attach,
};
