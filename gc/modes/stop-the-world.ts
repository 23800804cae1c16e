/**
 * Stop the world: the same algorithm without userfaults. Old pages move to from-space as in COPY, and all pages are
 * made in their place while the mutators are stopped (ART's fallback mode). What the other modes are measured
 * against, and what is left where there is no userfaultfd.
 */

import { privatePair, rehearsePrivateFlip, reservePrivatePair } from './mapping.ts';
import type { MappedThread, MappingMode, ThreadContext } from './mode.ts';

function attach(context: ThreadContext): MappedThread {
  const pair = privatePair(context);
  const heap = pair.livingSpace();
  return {
    ...pair,
    rehearseFlip: () => rehearsePrivateFlip(context),
    target: () => heap.words,
    slot: (page) => heap.writable(page),
    publish: (_first, pages) => ({ done: pages, errno: 0 }),
    unwatch: () => {},
  };
}

export const stopTheWorldMode: MappingMode = {
  name: 'stw',
  concurrent: false,
  anyonePublishes: false,
  untouchedStay: false,
  features: 0n,
  needs: ({ heapBytes }) => ({ memoryBytes: 2 * heapBytes, addressBytes: 2 * heapBytes }),
  reserve: reservePrivatePair,
  attach,
};
