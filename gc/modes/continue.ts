/**
 * CONTINUE: the heap's addresses flip between two shared-memory files; the collector has a permanent alias of each.
 * A page is made through the alias of the incoming file, in its own place, and published by mapping it: no byte is
 * copied. The alias of the outgoing file *is* from-space. A page that nobody touches needs no call at all.
 *
 * The flip is one mmap and one UFFDIO_REGISTER. The mmap alone would drop the heap's page tables entry by entry, in
 * the pause and in proportion to the heap (0.04 ms a MiB, seen on Linux 6.18): they are moved out of the way first,
 * whole page tables at a time, and dropped after the compaction.
 *
 * The incoming file is empty at every flip (its pages were punched out in the course of the collection before), so a
 * touched page is a MISSING fault until it is made and a MINOR fault until it is published.
 *
 * After ART's minor-fault mode, variant F (art-cmc.md, 1.3), which swapped two memfds.
 */
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  UFFD_FEATURE_MINOR_SHMEM,
  UFFD_FEATURE_MISSING_SHMEM,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../uffd/abi.ts';
import { type Kernel, PAGE_BYTES, type PageView } from '../../uffd/kernel.ts';
import { checked, inSteps, mapFile, mapPrivate, movePages } from './mapping.ts';
import type { MappedThread, MappingMode, Ranges, Reservation, ThreadContext } from './mode.ts';

const MISSING_AND_MINOR = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR;
const PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

function reserve(kernel: Kernel, { heapBytes, spanBytes }: Reservation): Ranges {
  const files = [0, 1].map((side) => {
    const fd = checked('memfd_create', kernel.memfd_create(`heap-${side}`, 0));
    checked('ftruncate', kernel.ftruncate(fd, spanBytes), { fd, length: spanBytes });
    return { fd, alias: mapFile(kernel, 0, heapBytes, fd) };
  });
  const [a, b] = files as [(typeof files)[0], (typeof files)[0]];
  const heap = mapFile(kernel, 0, spanBytes, a.fd);
  const retired = mapPrivate(kernel, spanBytes);
  return {
    heap,
    retired,
    heapBytes,
    spanBytes,
    fd0: a.fd,
    fd1: b.fd,
    alias0: a.alias,
    alias1: b.alias,
    stage: mapFile(kernel, 0, PAGE_BYTES, a.fd),
    stageFrom: mapPrivate(kernel, PAGE_BYTES),
  };
}

/** A thread's use of the two files, and their aliases. */
export interface AttachedFiles {
  readonly thread: MappedThread;
  /** The permanent alias of a side's file. */
  readonly alias: (side: number) => PageView;
}

export function attachFiles({ kernel, uffd, ranges, side }: ThreadContext): AttachedFiles {
  const { heap, heapBytes, spanBytes } = ranges;
  const retired = ranges.retired as number;
  const stage = ranges.stage as number;
  const fds = [ranges.fd0 as number, ranges.fd1 as number] as const;
  const aliases = [
    kernel.pageView(ranges.alias0 as number, heapBytes),
    kernel.pageView(ranges.alias1 as number, heapBytes),
  ] as const;
  const current = () => aliases[side() as 0 | 1];
  const other = () => aliases[(1 - side()) as 0 | 1];
  const moveAside = (addr: number, aside: number, length: number) => {
    movePages(kernel, addr, aside, length);
    mapFile(kernel, addr, length, fds[side() as 0 | 1]);
  };
  const thread: MappedThread = {
    livingSpace: current,
    fromSpace: other,
    flip(usedPages) {
      moveAside(heap, retired, spanBytes);
      uffd.register(heap, usedPages * PAGE_BYTES, MISSING_AND_MINOR);
    },
    rehearseFlip(uncounted) {
      moveAside(stage, ranges.stageFrom as number, PAGE_BYTES);
      uncounted.register(stage, PAGE_BYTES, MISSING_AND_MINOR);
      uncounted.unregister(stage, PAGE_BYTES);
    },
    target: () => current().words,
    slot: (page) => current().writable(page),
    publish: (first, pages) => uffd.continue(heap + first * PAGE_BYTES, pages * PAGE_BYTES),
    unwatch(usedPages) {
      uffd.unregister(heap, usedPages * PAGE_BYTES);
      // Older kernels leave minor-fault sleepers asleep at UNREGISTER.
      uffd.wake(heap, usedPages * PAGE_BYTES);
    },
    release(first, end) {
      const fd = fds[(1 - side()) as 0 | 1];
      inSteps(first, end, (offset, length) => {
        checked('fallocate', kernel.fallocate(fd, PUNCH, offset, length), { fd, offset, length });
      });
    },
    settle() {
      // The page tables that the flip has put aside.
      mapPrivate(kernel, spanBytes, retired);
    },
  };
  return { thread, alias: (of) => aliases[of as 0 | 1] };
}

export const continueMode: MappingMode = {
  name: 'continue',
  concurrent: true,
  anyonePublishes: true,
  untouchedStay: true,
  features: UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM,
  needs: ({ heapBytes }) => ({ memoryBytes: 2 * heapBytes, addressBytes: 4 * heapBytes }),
  reserve,
  attach: (context) => attachFiles(context).thread,
};
