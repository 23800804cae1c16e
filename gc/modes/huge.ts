/**
 * The modes on huge pages (hugetlb): what is mapped, published and given back is 2 MiB, at multiples of that. The tables of the
 * heap stay by 4 KiB: a huge page is made of 512 pages, one by one, and published once all of them are made.
 *
 * - `continue`, `continue-warm`, `copy`: two files of huge pages, with the collector's aliases, as CONTINUE has on small ones. The flip maps one
 *   in the place of the other: there are few entries to drop, so page tables need not be moved aside first (and cannot be:
 *   MREMAP_DONTUNMAP is refused on hugetlb). So `copy` has files too, and not the private memory it has on small pages.
 * - `stw`: private memory of huge pages. Objects slide as on small ones; only what is given back is whole huge pages.
 *
 * mmap reserves huge pages in the pool, so that no access is a bus error. What is punched out of a file is reserved no more,
 * and others may take it: so both files are reserved anew before each flip, and if that is refused the collection is given up. At
 * the flip it would be too late: where mmap refuses, what was mapped there has gone.
 *
 * Not here: `move` (UFFDIO_MOVE refuses hugetlb), and spaces whose objects do not move.
 */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_HUGE_2MB,
  MAP_HUGETLB,
  MAP_PRIVATE,
  MFD_HUGE_2MB,
  MFD_HUGETLB,
  PROT_READ,
  PROT_WRITE,
  UFFD_FEATURE_MINOR_HUGETLBFS,
  UFFD_FEATURE_MISSING_HUGETLBFS,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../uffd/abi.ts';
import { HUGE_PAGE_BYTES, type Kernel, PAGE_BYTES, PAGE_WORDS } from '../../uffd/kernel.ts';
import { roundDownTo, roundUpTo } from '../units.ts';
import { type AttachedFiles, attachFiles, continueMode, MISSING_AND_MINOR, makeFile } from './continue.ts';
import { continueWarmMode, keepWarm } from './continue-warm.ts';
import { attachBuffer, bufferBytes, copyMode, reserveBuffers } from './copy.ts';
import { checked, dropPrivate, mapFile, placeForView, placesForViews } from './mapping.ts';
import type { MappedThread, MappingMode, Ranges, Reservation, ThreadContext } from './mode.ts';
import { reserveStopped, stopTheWorldMode } from './stop-the-world.ts';

/** 4 KiB pages of a huge page. */
const UNIT = HUGE_PAGE_BYTES / PAGE_BYTES;
const READ_WRITE = PROT_READ | PROT_WRITE;

/** Addresses that are lost where ranges begin at multiples of a huge page, and the page for the rehearsal. Beside it there are four ranges: the heap, the aliases, and what reserves. */
const ALIGNING_BYTES = 8 * HUGE_PAGE_BYTES;

function reserveFiles(kernel: Kernel, { heapBytes, tablesBytes }: Reservation): Ranges {
  const makeSide = (side: number) =>
    makeFile(kernel, `huge-heap-${side}`, heapBytes, MFD_HUGETLB | MFD_HUGE_2MB);
  const [fd0, fd1] = [makeSide(0), makeSide(1)];
  const places = placesForViews(kernel, heapBytes, 2, tablesBytes, HUGE_PAGE_BYTES);
  const [place0 = 0, place1 = 0] = places.length === 2 ? places : [];
  return {
    heap: mapFile(kernel, 0, heapBytes, fd0),
    ...{ heapBytes, spanBytes: heapBytes, nonMovingBytes: 0, rawBytes: 0, fd0, fd1 },
    alias0: mapFile(kernel, place0, heapBytes, fd0),
    alias1: mapFile(kernel, place1, heapBytes, fd1),
    stage: mapFile(kernel, 0, HUGE_PAGE_BYTES, fd0),
  };
}

/** Reserves what of a file is not there: that stays reserved when the mapping is gone. @throws SyscallError */
function reserveFile(kernel: Kernel, fd: number, length: number): void {
  const addr = mapFile(kernel, 0, length, fd);
  checked('munmap', kernel.munmap(addr, length), { addr, length });
}

/** A thread's use of the two files; `watch` says for which faults mutators are watched. */
function attachHuge(context: ThreadContext, watch: number): AttachedFiles {
  const { kernel, ranges } = context;
  const use = { unitPages: UNIT, watch };
  const attached = attachFiles({ ...context, kernel: { ...kernel, dropsAtOnce: true } }, use);
  const { thread, files } = attached;
  const stage = ranges.stage as number;
  const huge: MappedThread = {
    ...thread,
    ready(compactedPages, prefixPages) {
      for (const fd of [ranges.fd0, ranges.fd1] as number[]) reserveFile(kernel, fd, ranges.heapBytes);
      thread.ready?.(compactedPages, prefixPages);
    },
    prefixOf: (most, used) => roundDownTo(files.staying(roundDownTo(most, UNIT), used), UNIT),
    rehearseFlip(uncounted) {
      mapFile(kernel, stage, HUGE_PAGE_BYTES, ranges.fd0 as number);
      uncounted.register(stage, HUGE_PAGE_BYTES, watch);
      uncounted.unregister(stage, HUGE_PAGE_BYTES);
    },
    settle() {}, // no page tables were put aside
  };
  return { ...attached, thread: huge };
}

/** The pool's pages for two files. */
const poolForTwo = (heapBytes: number): number => (2 * heapBytes) / HUGE_PAGE_BYTES;

const continueHuge: MappingMode = {
  ...continueMode,
  unitPages: UNIT,
  poolPages: poolForTwo,
  features: UFFD_FEATURE_MISSING_HUGETLBFS | UFFD_FEATURE_MINOR_HUGETLBFS,
  movesPages: false,
  needs: ({ heapBytes }) => ({
    memoryBytes: 2 * heapBytes,
    addressBytes: 4 * heapBytes + ALIGNING_BYTES,
  }),
  reserve: reserveFiles,
  attach: (context) => attachHuge(context, MISSING_AND_MINOR).thread,
};

const continueWarmHuge: MappingMode = {
  ...continueHuge,
  name: continueWarmMode.name,
  attach: (context) => keepWarm(context, attachHuge(context, MISSING_AND_MINOR)),
};

const copyHuge: MappingMode = {
  ...copyMode,
  unitPages: UNIT,
  poolPages: poolForTwo,
  features: UFFD_FEATURE_MISSING_HUGETLBFS,
  movesPages: false,
  needs: (r) => ({
    memoryBytes: 2 * r.heapBytes + bufferBytes(r),
    addressBytes: 4 * r.heapBytes + bufferBytes(r) + ALIGNING_BYTES,
  }),
  reserve: (kernel, r) => ({ ...reserveFiles(kernel, r), ...reserveBuffers(kernel, r) }),
  attach: (context) => ({
    ...attachHuge(context, UFFDIO_REGISTER_MODE_MISSING).thread,
    ...attachBuffer(context),
  }),
};

function mapPrivateHuge(kernel: Kernel, length: number): number {
  const place = placeForView(kernel, length, HUGE_PAGE_BYTES);
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB | (place === 0 ? 0 : MAP_FIXED);
  return checked('mmap', kernel.mmap(place, length, READ_WRITE, flags, -1, 0), { addr: place, length });
}

function attachStopped(context: ThreadContext): MappedThread {
  const { kernel, ranges } = context;
  const thread = stopTheWorldMode.attach(context);
  const { words, writable } = thread.livingSpace();
  return {
    ...thread,
    /** What lies in a huge page that is kept becomes zero: mutators allocate there. */
    release(first, end) {
      const firstWhole = roundUpTo(first, UNIT);
      for (let page = first; page < Math.min(firstWhole, end); page++) {
        const at = writable(page);
        words.fill(0, at, at + PAGE_WORDS);
      }
      dropPrivate(kernel, ranges.heap, firstWhole, roundUpTo(end, UNIT), UNIT);
    },
  };
}

const stopTheWorldHuge: MappingMode = {
  ...stopTheWorldMode,
  poolPages: (heapBytes) => heapBytes / HUGE_PAGE_BYTES,
  needs(r) {
    const { memoryBytes, addressBytes } = stopTheWorldMode.needs(r);
    return { memoryBytes, addressBytes: addressBytes + ALIGNING_BYTES };
  },
  reserve: (kernel, r) => reserveStopped(kernel, r, mapPrivateHuge),
  attach: attachStopped,
};

/** By the names of the modes that they are on huge pages. */
export const HUGE_MODES: Readonly<Record<string, MappingMode>> = {
  continue: continueHuge,
  'continue-warm': continueWarmHuge,
  copy: copyHuge,
  stw: stopTheWorldHuge,
};
