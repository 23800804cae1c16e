/** What the modes have in common: mapping calls that throw, and releasing in steps. */
import {
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../uffd/abi.ts';
import { SyscallError } from '../../uffd/errno.ts';
import { type Kernel, PAGE_BYTES } from '../../uffd/kernel.ts';
import type { Userfaultfd } from '../../uffd/userfaultfd.ts';
import { allOrNothing } from '../refusals.ts';
import type { MappedThread, Ranges, Reservation, ThreadContext } from './mode.ts';

/** Released at a time: small enough that the address space is never locked for long. */
const RELEASE_STEP_PAGES = 256;
const READ_WRITE = PROT_READ | PROT_WRITE;

/** Throws what a call answered as −errno; passes everything else on. */
export function checked(syscall: string, result: number, operands: Record<string, number> = {}): number {
  if (result < 0) throw new SyscallError(syscall, result, operands);
  return result;
}

/** Private memory, at `addr` in the place of what is there if that is not 0. @throws SyscallError */
export function mapPrivate(kernel: Kernel, length: number, addr = 0): number {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (addr === 0 ? 0 : MAP_FIXED);
  return checked('mmap', kernel.mmap(addr, length, READ_WRITE, flags, -1, 0), { addr, length });
}

/**
 * An address for a range that GC threads have a view of: in linear memory, where compiled code reaches it; 0, for
 * wherever the kernel likes, if there is no room. A range that mremap moves is aligned to what that moves in one step.
 */
export function placeForView(kernel: Kernel, length: number, alignment = PAGE_BYTES): number {
  return kernel.linear?.place(length, alignment) ?? 0;
}

/**
 * Places in linear memory for as many views of one length as fit beside so many other bytes: all of `most`, or else one,
 * or else none.
 */
export function placesForViews(
  kernel: Kernel,
  length: number,
  most: number,
  besideBytes: number,
  alignment = PAGE_BYTES,
): readonly number[] {
  for (const count of [most, 1]) {
    const held = [...Array(count).fill(length), besideBytes].map((bytes) => [
      placeForView(kernel, bytes, alignment),
      bytes,
    ]);
    const isRoom = held.every(([place]) => place !== 0);
    const back = isRoom ? held.slice(count) : held;
    for (const [place, bytes] of back)
      if (place !== 0) checked('munmap', kernel.munmap(place as number, bytes as number));
    if (isRoom) return held.slice(0, count).map(([place]) => place as number);
  }
  return [];
}

/** Private memory that GC threads have a view of. */
export function mapViewed(kernel: Kernel, length: number): number {
  return mapPrivate(kernel, length, placeForView(kernel, length));
}

/** Private memory that GC threads have a view of, and that mremap moves from or to. */
export function mapMoved(kernel: Kernel, length: number): number {
  return mapPrivate(kernel, length, placeForView(kernel, length, kernel.moveUnit));
}

/** A shared mapping of a file, from `offset` on, at `addr` if that is not 0. @throws SyscallError */
export function mapFile(kernel: Kernel, addr: number, length: number, fd: number, offset = 0): number {
  const flags = MAP_SHARED | (addr === 0 ? 0 : MAP_FIXED);
  return checked('mmap', kernel.mmap(addr, length, READ_WRITE, flags, fd, offset), { addr, length, fd });
}

/** Moves the pages of one range to another, page tables and all, and leaves the first empty. @throws SyscallError */
export function movePages(kernel: Kernel, from: number, to: number, length: number): void {
  const flags = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
  checked('mremap', kernel.mremap(from, length, length, flags, to), { from, to, length });
}

/**
 * Before a part of private memory is registered: touches one page of the rest. A registered part is a mapping of its
 * own until it is let go; Linux joins the two again only if both have the same anon_vma, which the first touch
 * makes for all of it. And mremap moves one mapping at a time (mm/mremap.c; ART met the same, art-cmc.md).
 */
export function keepOneMapping(
  kernel: Kernel,
  { heap, heapBytes, spanBytes }: Ranges,
  usedPages: number,
  nonMovingPages: number,
): void {
  const used = usedPages * PAGE_BYTES;
  const rest = used < heapBytes ? used : heapBytes + nonMovingPages * PAGE_BYTES;
  if (rest < spanBytes) kernel.store32(heap + rest, 0);
}

/** The parts of the heap that are watched while so many pages are made: first byte and length of each. */
export function watchedParts(
  { heap, heapBytes }: Ranges,
  usedPages: number,
  nonMovingPages: number,
): readonly (readonly [addr: number, length: number])[] {
  const moving = [heap, usedPages * PAGE_BYTES] as const;
  if (nonMovingPages === 0) return [moving];
  return [moving, [heap + heapBytes, nonMovingPages * PAGE_BYTES]];
}

/**
 * {@link MappedThread.unwatch}. Kernels to 5.x leave who has slept in a minor fault asleep at UNREGISTER; and Linux 6.18 who
 * comes to sleep while it runs: it wakes first and changes the mapping then, and a fault takes no lock but the mapping's
 * own meanwhile (seen once in some hundred collections, in a free page that a mutator had just allocated).
 */
export function unwatchAll(
  uffd: Userfaultfd,
  ranges: Ranges,
  usedPages: number,
  nonMovingPages: number,
): void {
  for (const [addr, length] of watchedParts(ranges, usedPages, nonMovingPages)) {
    uffd.unregister(addr, length);
    uffd.wake(addr, length);
  }
}

/** Bytes of what the flip hides from mutators. */
export function hiddenBytes({ heapBytes, nonMovingBytes }: Ranges | Reservation): number {
  return heapBytes + nonMovingBytes;
}

/** Bytes from the heap's first to its last: what mutators see. */
export function allBytes(r: Ranges | Reservation): number {
  return r.rawBytes > 0 ? r.spanBytes + r.rawBytes : hiddenBytes(r);
}

/** Calls `release` for pages [first, end) in steps of whole units, from the top down. */
export function inSteps(
  first: number,
  end: number,
  release: (firstByte: number, bytes: number) => void,
  unitPages = 1,
): void {
  const step = Math.max(RELEASE_STEP_PAGES, unitPages);
  for (let upper = end; upper > first; upper -= step) {
    const lower = Math.max(first, upper - step);
    release(lower * PAGE_BYTES, (upper - lower) * PAGE_BYTES);
  }
}

/** Drops pages [first, end) of private memory: they are allocated anew, zeroed, when they are touched. */
export function dropPrivate(kernel: Kernel, base: number, first: number, end: number, unitPages = 1): void {
  const drop = (at: number, length: number): void => {
    const addr = base + at;
    checked('madvise', kernel.madvise(addr, length, MADV_DONTNEED), { addr, length });
  };
  inSteps(first, end, drop, unitPages);
}

/** {@link MappedThread.releaseNonMoving} where all but raw data has been moved away by the flip, and not come back. */
export function dropRaw(
  kernel: Kernel,
  { heap, spanBytes }: Ranges,
): NonNullable<MappedThread['releaseNonMoving']> {
  return (first, end) => {
    if (first * PAGE_BYTES >= spanBytes) dropPrivate(kernel, heap, first, end);
  };
}

/** Two pages set aside, to rehearse the flip on: in the place of the heap, and of where its old pages are moved to. */
export function reserveStage(kernel: Kernel): { stage: number; stageFrom: number } {
  return { stage: mapPrivate(kernel, PAGE_BYTES), stageFrom: mapPrivate(kernel, PAGE_BYTES) };
}

/** Two ranges of private memory: the heap, and the place its old pages are moved to at the flip. */
export function reservePrivatePair(kernel: Kernel, r: Reservation): Ranges {
  return {
    heap: mapMoved(kernel, r.spanBytes + r.rawBytes),
    heapBytes: r.heapBytes,
    nonMovingBytes: r.nonMovingBytes,
    spanBytes: r.spanBytes,
    rawBytes: r.rawBytes,
    from: mapMoved(kernel, r.spanBytes),
    ...reserveStage(kernel),
  };
}

/** The flip of private memory, rehearsed: page tables moved, and the emptied range watched, if it is to be. */
export function rehearsePrivateFlip({ kernel, ranges }: ThreadContext, uffd?: Userfaultfd): void {
  const stage = ranges.stage as number;
  movePages(kernel, stage, ranges.stageFrom as number, PAGE_BYTES);
  uffd?.register(stage, PAGE_BYTES, UFFDIO_REGISTER_MODE_MISSING);
  uffd?.unregister(stage, PAGE_BYTES);
}

/**
 * The flip of private memory that is watched: all pages move to `aside`, and the emptied parts are watched. What is
 * refused half way is put back. @throws FlipUndoneError
 */
export function flipPrivate(
  { kernel, uffd, ranges }: ThreadContext,
  aside: number,
  usedPages: number,
  nonMovingPages: number,
): void {
  const { heap, spanBytes } = ranges;
  const parts = watchedParts(ranges, usedPages, nonMovingPages);
  let moved = false;
  allOrNothing(
    () => {
      movePages(kernel, heap, aside, spanBytes);
      moved = true;
      keepOneMapping(kernel, ranges, usedPages, nonMovingPages);
      for (const [addr, length] of parts) uffd.register(addr, length, UFFDIO_REGISTER_MODE_MISSING);
    },
    () => {
      if (!moved) return; // mremap moves all or nothing
      for (const [addr, length] of parts) uffd.unregister(addr, length);
      movePages(kernel, aside, heap, spanBytes);
    },
  );
}

/** What two modes over private memory share. */
export function privatePair(
  context: ThreadContext,
): Pick<MappedThread, 'livingSpace' | 'fromSpace' | 'release' | 'settle'> {
  const { kernel, ranges } = context;
  const { heap, heapBytes } = ranges;
  const from = ranges.from as number;
  const living = kernel.pageView(heap, allBytes(ranges));
  const old = kernel.pageView(from, hiddenBytes(ranges));
  return {
    livingSpace: () => living,
    fromSpace: () => old,
    release: (first, end) => dropPrivate(kernel, from, first, end),
    settle(_old, nonMovingPages) {
      // In steps: an mmap over them would keep mutators from faulting in memory for all of it.
      const first = heapBytes / PAGE_BYTES;
      dropPrivate(kernel, from, first, first + nonMovingPages);
      mapPrivate(kernel, ranges.spanBytes, from); // its empty page tables would be freed in the next pause
    },
  };
}
