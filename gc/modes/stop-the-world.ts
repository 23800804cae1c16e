/**
 * Stop the world: the same algorithm without userfaults. Old pages move to from-space as in COPY, and all pages are
 * made in their place while the mutators are stopped (ART's fallback mode). What the other modes are measured
 * against, and what is left where there is no userfaultfd.
 */
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { allOrNothing } from '../refusals.ts';
import {
  allBytes,
  dropPrivate,
  movePages,
  privatePair,
  rehearsePrivateFlip,
  reservePrivatePair,
} from './mapping.ts';
import type { MappedThread, MappingMode, ThreadContext } from './mode.ts';

function attach(context: ThreadContext): MappedThread {
  const { kernel, ranges } = context;
  const { heap, heapBytes, nonMovingBytes, spanBytes } = ranges;
  const pair = privatePair(context);
  const living = pair.livingSpace();
  const moving = heapBytes / PAGE_BYTES;
  return {
    ...pair,
    // What does not move stays; then whole units of the page tables can no longer be moved.
    flip() {
      const bytes = nonMovingBytes > 0 ? heapBytes : spanBytes;
      // mremap moves all or nothing.
      allOrNothing(
        () => movePages(kernel, heap, ranges.from as number, bytes),
        () => {},
      );
    },
    rehearseFlip: () => rehearsePrivateFlip(context),
    target: () => living.words,
    slot: (page) => (page < moving ? living.writable(page) : living.readable(page)),
    publish: (_first, pages) => ({ done: pages, errno: 0 }),
    unwatch: () => {},
    releaseNonMoving: (first, end) => dropPrivate(kernel, heap, first, end),
    settle: (old) => pair.settle?.(old, 0),
  };
}

export const stopTheWorldMode: MappingMode = {
  name: 'stw',
  concurrent: false,
  anyonePublishes: false,
  untouchedStay: false,
  updatesInPlace: true,
  features: 0n,
  needs: (r) => ({ memoryBytes: 2 * allBytes(r), addressBytes: 2 * allBytes(r) }),
  reserve: reservePrivatePair,
  attach,
};
