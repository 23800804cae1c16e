/** mremap, with the book kept of what moves. */
import { MADV_NORMAL, MAP_FIXED_NOREPLACE, MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from '../abi.ts';
import { EFAULT, EINVAL, ENOMEM } from '../errno.ts';
import { PAGE_BYTES } from '../kernel.ts';
import { fetchAdd, lock, unlock } from '../sync.ts';
import { isHuge, isHugeAt, roundUp } from './huge-pages.ts';
import * as table from './intervals.ts';
import type { Libc } from './libc.ts';
import { backWithNothing, freeLinear, isOurs, keepingBook, type LinuxMachine, STATE } from './machine.ts';
import { fills, partsOf, type Span } from './mappings.ts';

interface Remapping {
  readonly old: number;
  readonly oldLength: number;
  readonly newLength: number;
  readonly flags: number;
  readonly newAddr: number;
}

export function remap(libc: Libc, m: LinuxMachine, r: Remapping): number {
  const plain = r.flags === MOVES_PAGES ? keepingBook(m, () => lookAtMove(m, r)) : null;
  return plain === null ? remapAny(libc, m, r) : movePages(libc, m, r, plain);
}

/** MREMAP_DONTUNMAP to a place of the caller's: the move that the pause of a collection makes. */
const MOVES_PAGES = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

/** A move of which no userfaultfd is told, so that its call does not wait; of small pages of one kind. */
interface PlainMove {
  readonly tag: number;
  /** Of the book, before the call. As long as it is the same, nobody else has mapped or unmapped anything. */
  readonly changes: number;
}

function lookAtMove({ ranges, watches }: LinuxMachine, r: Remapping): PlainMove | null {
  const { old, oldLength, newLength, newAddr } = r;
  const [end, newEnd] = [old + oldLength, newAddr + oldLength];
  const isWhole = old % PAGE_BYTES === 0 && newAddr % PAGE_BYTES === 0 && oldLength % PAGE_BYTES === 0;
  if (!isWhole || newLength !== oldLength || (newAddr < end && old < newEnd)) return null;
  const tag = table.tagOfAll(ranges, old, end);
  if (tag === null || isHuge(tag) || !table.covers(ranges, newAddr, newEnd) || !table.hasRoom(ranges))
    return null;
  if (table.meets(watches, old, end) || table.meets(watches, newAddr, newEnd)) return null;
  return { tag, changes: table.changesOf(ranges) };
}

/** In as few steps as may be: the move has flushed the TLB, and each thing looked at after it costs a miss of it. */
function movePages(libc: Libc, m: LinuxMachine, r: Remapping, { tag, changes }: PlainMove): number {
  fetchAdd(m.state, STATE.movesBegun, 1);
  const start = libc.mremap(r.old, r.oldLength, r.newLength, r.flags, r.newAddr);
  lock(m.state, STATE.lock);
  const isAlone = start >= 0 && table.changesOf(m.ranges) === changes;
  if (isAlone) table.assign(m.ranges, start, start + r.newLength, tag);
  unlock(m.state, STATE.lock);
  if (!isAlone) note(libc, m, r, start);
  fetchAdd(m.state, STATE.movesEnded, 1);
  return start;
}

function remapAny(libc: Libc, m: LinuxMachine, r: Remapping): number {
  const { old, oldLength, newLength, flags, newAddr } = r;
  const whole = inWholePages(m, r);
  if (!table.hasRoom(m.ranges)) return -ENOMEM;
  const isFixed = (flags & MREMAP_FIXED) !== 0;
  // What the kernel refuses before it looks at a mapping it may be asked.
  const overlaps = isFixed && newAddr < old + oldLength && old < newAddr + newLength;
  const isNone =
    overlaps || newLength === 0 || old % PAGE_BYTES !== 0 || (isFixed && newAddr % PAGE_BYTES !== 0);
  // A move takes all mappings of the range along, so the rest of it may be holes (Linux 6.17).
  const mayHaveHoles = isFixed && whole.oldLength === whole.newLength;
  const isGranted = isOurs(m, old, Math.max(1, oldLength)) || (mayHaveHoles && isOursBut(libc, m, whole));
  if (!isNone && !isGranted) return -EFAULT;
  if (isFixed && !isNone && !isOurs(m, newAddr, whole.newLength)) return -EINVAL;
  fetchAdd(m.state, STATE.movesBegun, 1);
  const start = libc.mremap(old, oldLength, newLength, flags, newAddr);
  if (!isNone) note(libc, m, whole, start);
  fetchAdd(m.state, STATE.movesEnded, 1);
  return start;
}

/** Enters what a call has moved, whatever it answered. */
function note(libc: Libc, m: LinuxMachine, r: Remapping, start: number): void {
  if (start >= 0) noteMove(libc, m, r, start);
  else if ((r.flags & MREMAP_FIXED) !== 0) noteMovedPart(libc, m, r);
}

/** The lengths as the kernel rounds them: up to whole huge pages where the range ends, or begins, with such. */
function inWholePages(m: LinuxMachine, r: Remapping): Remapping {
  const { old, oldLength, newLength } = r;
  const last = roundUp(oldLength, false) - PAGE_BYTES;
  const wholeOld = roundUp(old + oldLength, isHugeAt(m, old + Math.max(0, last))) - old;
  const wholeNew = newLength === oldLength ? wholeOld : roundUp(newLength, isHugeAt(m, old));
  return { ...r, oldLength: wholeOld, newLength: wholeNew };
}

/** Whether the range begins with what is the machine's, and the rest of it is that or nothing: not somebody else's memory. */
function isOursBut(libc: Libc, m: LinuxMachine, { old, oldLength }: Remapping): boolean {
  if (!isOurs(m, old, 1)) return false;
  for (let page = old; page < old + oldLength; page += PAGE_BYTES)
    if (!isOurs(m, page, 1) && isMapped(libc, page)) return false;
  return true;
}

/**
 * Enters a move. Its call may have waited until a userfaultfd was read of (events), and others have mapped what it had left, or
 * unmapped what it had made: of both places what is there now counts.
 */
function noteMove(libc: Libc, m: LinuxMachine, r: Remapping, start: number): void {
  const { old, oldLength, newLength, flags } = r;
  keepingBook(m, () => {
    const stays = (flags & MREMAP_DONTUNMAP) !== 0;
    const grown = { start: old, end: old + newLength, tag: table.tagAt(m.ranges, old) };
    const parts = oldLength === newLength ? table.partsIn(m.ranges, old, old + oldLength) : [grown];
    if (!stays) {
      const left = start === old ? [{ start: old, end: old + oldLength }] : unmappedIn(libc, old, oldLength);
      for (const range of left) leave(libc, m, range.start, range.end - range.start, start);
    }
    table.remove(m.watches, old, old + oldLength);
    for (const { start: from, end, tag } of parts) {
      for (const there of mappedIn(libc, start + from - old, end - from))
        table.assign(m.ranges, there.start, there.end, tag);
    }
  });
}

/** What is mapped of a range: mostly all of it, by one call. */
function mappedIn(libc: Libc, start: number, length: number): Span[] {
  if (libc.madvise(start, length, MADV_NORMAL) === 0) return [{ start, end: start + length }];
  return pagesWhere(start, length, (page) => isMapped(libc, page));
}

/** What is not: mostly all of it. */
function unmappedIn(libc: Libc, start: number, length: number): Span[] {
  const range = { start, end: start + length };
  if (fills(libc, range)) {
    libc.munmap(start, length);
    return [range];
  }
  return pagesWhere(start, length, (page) => !isMapped(libc, page));
}

function pagesWhere(start: number, length: number, is: (page: number) => boolean): Span[] {
  const pages = Array.from({ length: length / PAGE_BYTES }, (_, i) => start + i * PAGE_BYTES);
  return pages.filter(is).map((page) => ({ start: page, end: page + PAGE_BYTES }));
}

function isMapped(libc: Libc, page: number): boolean {
  return libc.madvise(page, PAGE_BYTES, MADV_NORMAL) !== -ENOMEM;
}

/** The book no longer has that range; what a view is of stays mapped, to nothing. */
function leave(libc: Libc, m: LinuxMachine, old: number, length: number, start: number): void {
  const left = table.remove(m.ranges, old, old + length);
  if (left && start !== old) backWithNothing(libc, old, length, MAP_FIXED_NOREPLACE);
  freeLinear(m, old, old + length);
}

/** A move of several mappings that was refused at one of them has moved those below: what is unmapped now has gone. */
function noteMovedPart(libc: Libc, m: LinuxMachine, r: Remapping): void {
  const { old, oldLength, newAddr } = r;
  const parts = partsOf(m, old, old + oldLength);
  const pages = parts.flatMap(({ start, end }) =>
    Array.from({ length: (end - start) / PAGE_BYTES }, (_, i) => start + i * PAGE_BYTES),
  );
  for (const page of pages) {
    if (isMapped(libc, page)) return;
    const moved = { ...r, old: page, oldLength: PAGE_BYTES, newLength: PAGE_BYTES };
    noteMove(libc, m, moved, newAddr + page - old);
  }
}
