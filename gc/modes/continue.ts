/**
 * CONTINUE: the heap's addresses flip between two shared-memory files; the collector has a permanent alias of each.
 * A page is made through the alias of the incoming file, in its own place, and published by mapping it: no byte is
 * copied. The alias of the outgoing file *is* from-space. A page that nobody touches needs no call at all.
 *
 * The flip is one mmap and one UFFDIO_REGISTER. The mmap alone would drop the heap's page tables entry by entry, in
 * the pause and in proportion to the heap (0.04 ms a MiB, seen on Linux 6.18): they are moved out of the way first,
 * whole page tables at a time, and dropped after the compaction. (Not where a kernel drops them at once, as sim does.)
 *
 * What does not move has a file of its own, which stays. Its part of the heap's addresses is mapped anew in the same
 * way, so that its pages fault too, as MINOR ones; they are updated through the alias and published by CONTINUE. Raw data
 * is at the end of that file, and stays mapped.
 *
 * The incoming file is empty at every flip (its pages were punched out in the course of the collection before), so a
 * touched page is a MISSING fault until it is made and a MINOR fault until it is published.
 *
 * Pages of the dense prefix stay in their file, while the files change their roles (swaps.ts): at the flip only their page
 * tables are moved away, and the incoming alias shows them too. So they are updated in place, and published as others are.
 * An alias is mapped anew, where it must be, when its side is about to take over and nobody looks at it.
 *
 * Where linear memory has no room for both aliases (heaps from about 1.4 GiB on), they lie elsewhere, and a third one lies
 * there, the *window*: it shows the living file, and is mapped anew before each marking, which then runs compiled.
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
import { allOrNothing } from '../refusals.ts';
import { roundUpTo } from '../units.ts';
import {
  allBytes,
  checked,
  inSteps,
  mapFile,
  mapPrivate,
  movePages,
  placesForViews,
  unwatchAll,
  watchedParts,
} from './mapping.ts';
import type { MappedThread, MappingMode, Ranges, Reservation, ThreadContext } from './mode.ts';
import { endOfRun } from './swaps.ts';
import { filePages, fixedParts, type TwoFiles, trackFiles } from './two-files.ts';

export const MISSING_AND_MINOR = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR;
const PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;

function reserve(kernel: Kernel, r: Reservation): Ranges {
  const { heapBytes, nonMovingBytes, spanBytes, rawBytes } = r;
  const fixedBytes = spanBytes - heapBytes + rawBytes;
  const fds = [0, 1].map((side) => makeFile(kernel, `heap-${side}`, spanBytes)) as [number, number];
  const nonMoving = nonMovingBytes === 0 ? -1 : makeFile(kernel, 'non-moving', fixedBytes);
  const aliasOf = (fd: number, place = 0): number => {
    if (nonMoving < 0) return mapFile(kernel, place, heapBytes, fd);
    const alias = mapPrivate(kernel, allBytes(r), place);
    mapFile(kernel, alias, heapBytes, fd);
    mapFile(kernel, alias + heapBytes, allBytes(r) - heapBytes, nonMoving);
    return alias;
  };
  const places = placesForViews(kernel, allBytes(r), 2, r.tablesBytes);
  const [place0, place1] = places.length === 2 ? places : [];
  const heap = mapFile(kernel, 0, spanBytes + rawBytes, fds[0]);
  const ranges = {
    ...{ heap, heapBytes, nonMovingBytes, spanBytes, rawBytes, nonMoving },
    retired: mapPrivate(kernel, spanBytes),
    ...{ fd0: fds[0], fd1: fds[1], alias0: aliasOf(fds[0], place0), alias1: aliasOf(fds[1], place1) },
    window: places.length === 1 ? aliasOf(fds[0], places[0]) : 0,
    stage: mapFile(kernel, 0, PAGE_BYTES, fds[0]),
    stageFrom: mapPrivate(kernel, PAGE_BYTES),
  };
  mapFile(kernel, heap, filePages(ranges) * PAGE_BYTES, fds[0]);
  for (const { at, bytes, fd } of fixedParts(ranges)) mapFile(kernel, heap + at, bytes, fd);
  if (rawBytes > 0) mapFile(kernel, heap + spanBytes, rawBytes, nonMoving, spanBytes - heapBytes);
  return ranges;
}

export function makeFile(kernel: Kernel, name: string, length: number, flags = 0): number {
  const fd = checked('memfd_create', kernel.memfd_create(name, flags));
  checked('ftruncate', kernel.ftruncate(fd, length), { fd, length });
  return fd;
}

/** A thread's use of the two files, and their aliases. */
export interface AttachedFiles {
  readonly thread: MappedThread;
  readonly files: TwoFiles;
  /** The permanent alias of a side. */
  readonly alias: (side: number) => PageView;
}

/** How the files are used. */
export interface FileUse {
  /** {@link MappingMode.unitPages} */
  readonly unitPages: number;
  /** UFFDIO_REGISTER_MODE_* */
  readonly watch: number;
}

const SMALL_PAGES: FileUse = { unitPages: 1, watch: MISSING_AND_MINOR };

export function attachFiles(
  context: ThreadContext,
  { unitPages, watch }: FileUse = SMALL_PAGES,
): AttachedFiles {
  const { kernel, uffd, ranges, side, shared } = context;
  const { heap, heapBytes, spanBytes } = ranges;
  const [retired, stage] = [ranges.retired as number, ranges.stage as number];
  const files = trackFiles(context);
  const aliases = [
    kernel.pageView(ranges.alias0 as number, allBytes(ranges)),
    kernel.pageView(ranges.alias1 as number, allBytes(ranges)),
  ] as const;
  const window = ranges.window ? kernel.pageView(ranges.window, allBytes(ranges)) : null;
  const current = () => aliases[side() as 0 | 1];
  const other = () => aliases[(1 - side()) as 0 | 1];
  const moving = heapBytes / PAGE_BYTES;
  const thread: MappedThread = {
    livingSpace: current,
    ...(window === null ? {} : { markingSpace: () => window, beginMarking: files.showInWindow }),
    fromSpace: other,
    prefixOf: files.staying,
    ready: (_compactedPages, prefixPages) => files.ready(prefixPages),
    flip(used, nonMoving) {
      const parts = watchedParts(ranges, roundUpTo(used, unitPages), nonMoving);
      const plan = files.plan();
      allOrNothing(
        () => {
          files.flip(plan);
          for (const [addr, length] of parts) uffd.register(addr, length, watch);
        },
        () => {
          for (const [addr, length] of parts) uffd.unregister(addr, length);
          files.undo(plan);
        },
      );
      files.flipped();
    },
    rehearseFlip(uncounted) {
      if (!kernel.dropsAtOnce) movePages(kernel, stage, ranges.stageFrom as number, PAGE_BYTES);
      mapFile(kernel, stage, PAGE_BYTES, ranges.fd0 as number);
      uncounted.register(stage, PAGE_BYTES, MISSING_AND_MINOR);
      uncounted.unregister(stage, PAGE_BYTES);
    },
    incoming: (page) => (ranges[`alias${1 - side()}`] as number) + page * PAGE_BYTES,
    target: () => current().words,
    slot: (page, _batchFirst, isAnew) => (isAnew ? current().writable(page) : current().updatable(page)),
    publish(first, pages) {
      // A call takes pages of one mapping.
      const end = first < moving ? endOfRun(shared, first, first + pages) : first + pages;
      return uffd.continue(heap + first * PAGE_BYTES, (end - first) * PAGE_BYTES);
    },
    unwatch: (used, nonMoving) => unwatchAll(uffd, ranges, roundUpTo(used, unitPages), nonMoving),
    release(first, end) {
      for (const { at, bytes, fd } of files.partsOf(1 - side(), first, end).toReversed()) {
        const punch = (offset: number, length: number): void => {
          checked('fallocate', kernel.fallocate(fd, PUNCH, offset, length), { fd, offset, length });
        };
        inSteps(at / PAGE_BYTES, (at + bytes) / PAGE_BYTES, punch, unitPages);
      }
    },
    releaseNonMoving(first, end) {
      const [fd, offset, length] = [
        ranges.nonMoving as number,
        (first - moving) * PAGE_BYTES,
        (end - first) * PAGE_BYTES,
      ];
      checked('fallocate', kernel.fallocate(fd, PUNCH, offset, length), { fd, offset, length });
    },
    settle() {
      // The page tables that the flip has put aside.
      mapPrivate(kernel, spanBytes, retired);
    },
  };
  return { thread, files, alias: (of) => aliases[of as 0 | 1] };
}

export const continueMode: MappingMode = {
  name: 'continue',
  concurrent: true,
  anyonePublishes: true,
  untouchedStay: true,
  updatesInPlace: true,
  keepsPrefix: true,
  features: UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM,
  movesPages: true,
  needs: (r) => ({ memoryBytes: allBytes(r) + r.heapBytes, addressBytes: 4 * allBytes(r) }),
  reserve,
  attach: (context) => attachFiles(context).thread,
};
