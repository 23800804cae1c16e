/**
 * CONTINUE, warm: as CONTINUE, but both files keep their pages, and the aliases their page tables, from one
 * collection to the next. To make a page then takes no allocation, no zeroing by the kernel and no fault, at twice
 * the memory. ART never tried it (art-cmc.md, 5): its aim was a small resident set.
 *
 * The incoming file holds what was left in it two collections ago. Pages are made whole, so what must be zero is
 * only what mutators will allocate from: it is zeroed before the pause, through the alias, beside the mutators.
 */
import { PAGE_BYTES, PAGE_WORDS } from '../../uffd/kernel.ts';
import { type AttachedFiles, attachFiles, continueMode } from './continue.ts';
import type { MappedThread, MappingMode, ThreadContext } from './mode.ts';

/** The thread's use of the two files, but that they keep their pages. */
export function keepWarm(context: ThreadContext, { thread, files, alias }: AttachedFiles): MappedThread {
  const pages = context.ranges.heapBytes / PAGE_BYTES;
  // Pages of each file that have been written; only the collector, which is one thread, looks at it.
  const written = new Map<number, number>();
  return {
    ...thread,
    ready(compactedPages, prefixPages) {
      thread.ready?.(compactedPages, prefixPages);
      const incoming = 1 - context.side();
      const { words, writable } = alias(incoming);
      for (const { first, end, fd } of files.partsOf(incoming, compactedPages, pages)) {
        for (let page = first; page < Math.min(end, written.get(fd) ?? 0); page++) {
          const at = writable(page);
          words.fill(0, at, at + PAGE_WORDS);
        }
      }
    },
    incoming: undefined,
    release: undefined,
    settle(oldPages, nonMovingPages) {
      // First: what follows may be refused.
      for (const { end, fd } of files.partsOf(1 - context.side(), context.prefix(), oldPages))
        written.set(fd, Math.max(written.get(fd) ?? 0, end));
      thread.settle?.(oldPages, nonMovingPages);
    },
  };
}

export const continueWarmMode: MappingMode = {
  ...continueMode,
  name: 'continue-warm',
  attach: (context) => keepWarm(context, attachFiles(context)),
};
