/** mmap, munmap, mprotect and madvise, with the book kept of what is mapped where. */
import {
  MADV_NORMAL,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_HUGETLB,
  MAP_NORESERVE,
  MAP_PRIVATE,
  PROT_NONE,
} from '../abi.ts';
import { EINVAL, ENOMEM } from '../errno.ts';
import { PAGE_BYTES } from '../kernel.ts';
import { cutsHugePage, hugeTag, roundUp } from './huge-pages.ts';
import * as table from './intervals.ts';
import type { Libc } from './libc.ts';
import {
  backWithNothing,
  freeLinear,
  isHugeFile,
  isOurs,
  keepingBook,
  type LinuxMachine,
  oursFrom,
  TAG,
} from './machine.ts';

/** mremap moves 1 GiB that is aligned and whole by one entry of the page tables, and flushes the TLB once. */
export const MOVE_UNIT = 2 ** 30;
/** What one entry of a page table covers, at its higher levels. */
const TABLE_BYTES = [MOVE_UNIT, 2 ** 21];
const RESERVE = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

interface Mapping {
  readonly addr: number;
  readonly length: number;
  readonly prot: number;
  readonly flags: number;
  readonly fd: number;
  readonly offset: number;
}

/** MAP_FIXED over what is not the machine's would take memory from under Node: −EINVAL. */
export function map(libc: Libc, m: LinuxMachine, { addr, length, prot, flags, fd, offset }: Mapping): number {
  if (!table.hasRoom(m.ranges)) return -ENOMEM;
  const fixed = (flags & MAP_FIXED) !== 0;
  const huge = (flags & MAP_HUGETLB) !== 0 || isHugeFile(m, fd);
  const whole = roundUp(length, huge);
  if (fixed && !isOurs(m, addr, whole)) return -EINVAL;
  const alignment = alignmentOf(length);
  const start =
    addr === 0 && alignment > PAGE_BYTES
      ? mapAligned(libc, alignment, whole, prot, flags, fd, offset)
      : libc.mmap(addr, length, prot, flags, fd, offset);
  if (start < 0) {
    // A file of huge pages refuses when what was mapped there has gone already.
    if (fixed && huge && libc.madvise(addr, whole, MADV_NORMAL) === -ENOMEM) unmap(libc, m, addr, whole);
    return start;
  }
  keepingBook(m, () => {
    table.remove(m.watches, start, start + whole);
    const tag = fd < 0 ? TAG.private : fd;
    table.assign(m.ranges, start, start + whole, huge ? hugeTag(tag) : tag);
  });
  return start;
}

/** What a range of that length is best aligned to: see {@link mapAligned}. */
function alignmentOf(length: number): number {
  return TABLE_BYTES.find((bytes) => length >= bytes) ?? PAGE_BYTES;
}

/**
 * Where the caller leaves the place to us: at a multiple of what one entry covers, so that mremap can move entries
 * of higher tables instead of all below them (mm/mremap.c, move_page_tables).
 */
function mapAligned(
  libc: Libc,
  alignment: number,
  length: number,
  prot: number,
  flags: number,
  fd: number,
  offset: number,
): number {
  const reserved = libc.mmap(0, length + alignment, PROT_NONE, RESERVE, -1, 0);
  if (reserved < 0) return reserved;
  const start = Math.ceil(reserved / alignment) * alignment;
  const end = start + length;
  const answer = libc.mmap(start, length, prot, flags | MAP_FIXED, fd, offset);
  if (answer < 0) {
    libc.munmap(reserved, length + alignment);
    return answer;
  }
  if (start > reserved) libc.munmap(reserved, start - reserved);
  libc.munmap(end, reserved + length + alignment - end);
  return start;
}

export function unmap(libc: Libc, m: LinuxMachine, addr: number, length: number): number {
  const whole = wholePages(length);
  if (!(addr % PAGE_BYTES === 0 && whole > 0 && Number.isSafeInteger(addr + whole))) return -EINVAL;
  // The kernel will refuse it, and may have cut a mapping at the start by then: before the book forgets any of it.
  if (cutsHugePage(m, addr, addr + whole)) return isOurs(m, addr, whole) ? libc.munmap(addr, whole) : -EINVAL;
  const parts = keepingBook(m, () => {
    const mapped = table.partsIn(m.ranges, addr, addr + whole);
    table.remove(m.watches, addr, addr + whole);
    table.remove(m.ranges, addr, addr + whole);
    return mapped;
  });
  const range = { start: addr, end: addr + whole };
  if (parts.length > 0 && parts.every(({ viewed }) => !viewed) && fillsHoles(libc, range, parts))
    return libc.munmap(addr, whole); // one call, which a userfaultfd may be told of as it was made
  for (const { start, end, viewed } of parts) {
    const answer = viewed ? backWithNothing(libc, start, end - start) : libc.munmap(start, end - start);
    if (answer < 0) return answer;
    keepingBook(m, () => freeLinear(m, start, end));
  }
  return 0;
}

/**
 * Takes what lies between the parts of a range, so that it can be unmapped as a whole; false if some of it is somebody
 * else's, or there is too much of it.
 */
function fillsHoles(libc: Libc, { start, end }: Span, parts: readonly Span[]): boolean {
  const filled: Span[] = [];
  let from = start;
  for (const part of [...parts].sort((a, b) => a.start - b.start).concat({ start: end, end })) {
    const hole = { start: from, end: part.start };
    if (hole.start < hole.end && !fills(libc, hole)) {
      for (const each of filled) libc.munmap(each.start, each.end - each.start);
      return false;
    }
    if (hole.start < hole.end) filled.push(hole);
    from = part.end;
  }
  return true;
}

export function fills(libc: Libc, { start, end }: Span): boolean {
  return libc.mmap(start, end - start, PROT_NONE, RESERVE | MAP_FIXED_NOREPLACE, -1, 0) >= 0;
}

/** Addresses [start, end). */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * mprotect(2) where something in the range is not the machine's: as Linux does where nothing is mapped, what lies below
 * the hole is changed, and the answer is −ENOMEM.
 */
export function protect(libc: Libc, m: LinuxMachine, addr: number, length: number, prot: number): number {
  if (isOurs(m, addr, length)) return libc.mprotect(addr, length, prot);
  const answer = libc.mprotect(addr, wholeBytes(oursFrom(m, addr, length), length), prot);
  return answer < 0 ? answer : -ENOMEM;
}

/**
 * madvise(2), the same: holes are passed over, but for the advices that populate, which stop there. What is mapped behind a part is
 * looked up when that part is done, as Linux does: it may have waited until somebody was told of it.
 */
export function advise(libc: Libc, m: LinuxMachine, addr: number, length: number, advice: number): number {
  if (isOurs(m, addr, length)) return libc.madvise(addr, length, advice);
  const refused = libc.madvise(addr, 0, advice); // of no bytes: whether the call is one at all
  if (refused < 0) return refused;
  const stops = advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE;
  const end = addr + length;
  let hasHole = false;
  let at = addr;
  do {
    const [part] = partsOf(m, at, end);
    hasHole ||= part === undefined || part.start > at;
    if (part === undefined || (hasHole && stops)) break;
    const answer = libc.madvise(part.start, part.end - part.start, advice);
    // A hole that the book has not yet: an mremap moved pages away, and waits until its event is read.
    if (answer < 0 && (stops || answer !== -ENOMEM)) return answer;
    hasHole ||= answer < 0;
    at = part.end;
  } while (at < end);
  return hasHole ? -ENOMEM : 0;
}

/** What is the machine's of a range, from the bottom up. */
export function partsOf(m: LinuxMachine, start: number, end: number): table.Interval[] {
  return keepingBook(m, () => table.partsIn(m.ranges, start, end)).sort((a, b) => a.start - b.start);
}

/** Mappings are of whole pages; the last one asked for may be a part. */
function wholeBytes(ours: number, asked: number): number {
  return Math.min(ours, wholePages(asked));
}

function wholePages(length: number): number {
  return Math.ceil(length / PAGE_BYTES) * PAGE_BYTES;
}
