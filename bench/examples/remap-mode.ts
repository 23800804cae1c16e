/**
 * A mode of one's own, as an example: REMAP. What a collector would do on a kernel without UFFDIO_CONTINUE: pages are
 * made in a shared-memory file, as in CONTINUE, and published by mapping the file's page over the heap's with mmap, and
 * UFFDIO_WAKE. Nothing is copied; but each call takes the lock of the whole address space, and splits mappings where
 * CONTINUE only writes page-table entries (Linux allows 65,530 mappings a process: publish in batches).
 *
 *     minorfault compare --modes continue,copy,./node_modules/minorfault/dist/bench/examples/remap-mode.js
 *
 * Until a page is published its place in the heap is private memory that nobody has touched: every fault is MISSING.
 * What can go wrong: a mutator that faults between mmap and WAKE is woken for nothing, and tries again. One that faults
 * before mmap sleeps until WAKE, which needs no registered range.
 */

import {
  allBytes,
  checked,
  type MappedThread,
  type MappingMode,
  MODES,
  mapPrivate,
  type Ranges,
  type ThreadContext,
  watchedParts,
} from 'minorfault/modes';
import {
  type Kernel,
  MAP_FIXED,
  MAP_POPULATE,
  MAP_SHARED,
  PAGE_BYTES,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_MISSING,
} from 'minorfault/uffd';

const IN_PLACE = MAP_SHARED | MAP_FIXED;
/** With its page-table entries, as UFFDIO_CONTINUE does: who has waited for the page does not fault again. */
const PUBLISH = IN_PLACE | MAP_POPULATE;

/** Pages [first, first + pages) of the heap, which lie in one space, become those of their file. */
function mapPages(
  kernel: Kernel,
  ranges: Ranges,
  side: number,
  { first, pages, flags }: { readonly first: number; readonly pages: number; readonly flags: number },
): number {
  const movingPages = ranges.heapBytes / PAGE_BYTES;
  const isMoving = first < movingPages;
  const fd = isMoving ? (ranges[`fd${side}`] as number) : (ranges.nonMoving as number);
  const offset = (isMoving ? first : first - movingPages) * PAGE_BYTES;
  const addr = ranges.heap + first * PAGE_BYTES;
  return kernel.mmap(addr, pages * PAGE_BYTES, PROT_READ | PROT_WRITE, flags, fd, offset);
}

function attach(context: ThreadContext): MappedThread {
  const { kernel, uffd, ranges, side } = context;
  const { heap } = ranges;
  const thread = MODES.continue.attach(context);
  const mapAll = (addr: number, length: number) => {
    const [first, pages] = [(addr - heap) / PAGE_BYTES, length / PAGE_BYTES];
    checked('mmap', mapPages(kernel, ranges, side(), { first, pages, flags: IN_PLACE }), { addr, length });
  };
  return {
    ...thread,
    flip(used, nonMoving) {
      const movingEnd = heap + ranges.heapBytes;
      for (const [addr, length] of watchedParts(ranges, used, nonMoving)) {
        mapPrivate(kernel, length, addr);
        uffd.register(addr, length, UFFDIO_REGISTER_MODE_MISSING);
      }
      // What mutators allocate from now on is in the new file at once.
      const rest = heap + used * PAGE_BYTES;
      if (rest < movingEnd) mapAll(rest, movingEnd - rest);
    },
    rehearseFlip() {
      const stage = ranges.stage as number;
      mapPrivate(kernel, PAGE_BYTES, stage); // the first of the flip's calls, to have its code at hand
    },
    publish(first, pages) {
      const result = mapPages(kernel, ranges, side(), { first, pages, flags: PUBLISH });
      if (result < 0) return { done: 0, errno: -result };
      uffd.wake(heap + first * PAGE_BYTES, pages * PAGE_BYTES);
      return { done: pages * PAGE_BYTES, errno: 0 };
    },
    // Every page with an object has been published. Free ones that do not move are registered yet: all those are the
    // file's now, and whoever was late is woken.
    unwatch(used, nonMoving) {
      if (nonMoving > 0) mapAll(heap + ranges.heapBytes, nonMoving * PAGE_BYTES);
      for (const [addr, length] of watchedParts(ranges, used, nonMoving)) uffd.wake(addr, length);
    },
    settle: () => {}, // nothing was put aside
  };
}

const remapMode: MappingMode = {
  ...MODES.continue,
  name: 'remap',
  untouchedStay: false,
  keepsPrefix: false, // its flip maps one file over all of the heap
  features: 0n,
  needs: (r) => ({ memoryBytes: allBytes(r) + r.heapBytes, addressBytes: 4 * allBytes(r) }),
  attach,
};
export default remapMode;
