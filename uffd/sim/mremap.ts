/**
 * mremap: a mapping shrinks, grows, or moves with its page-table entries; frames stay where they are.
 *
 * Deviation from Linux: what was registered is so no longer once it has moved, and there alone. On 6.18 it may first become one
 * mapping with a registered neighbour of its new place, and then none of that is registered any more.
 */
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from '../abi.ts';
import { EFAULT, EINVAL, ENOMEM } from '../errno.ts';
import { PAGE_BYTES } from '../kernel.ts';
import { isToldOfMoves, type Prepared, prepareRemap, prepareUnmap, tellEvents } from './events.ts';
import { endShootdown } from './frames.ts';
import { isHugeAligned } from './huge-entries.ts';
import { type Machine, PAGES_PER_HUGE } from './machine.ts';
import { exclusively } from './mm-lock.ts';
import { movePtes } from './page-table.ts';
import { isAligned, isUserRange, pageOf, pagesOf } from './ranges.ts';
import { canUnmap, unmapPages } from './unmap.ts';
import {
  clip,
  cutsHugePage,
  findHole,
  findVma,
  hasRoom,
  loseOwner,
  replaceRange,
  UNREGISTERED,
  type Vma,
  vmasIn,
} from './vmas.ts';
import { unprotectPages } from './write-protect.ts';

/** The arguments of mremap. */
export interface RemapCall {
  readonly old: number;
  readonly oldLength: number;
  readonly newLength: number;
  readonly flags: number;
  readonly newAddr: number;
}

/** The same in pages. */
interface Move {
  readonly from: number;
  readonly pages: number;
  readonly newPages: number;
  readonly mayMove: boolean;
  readonly fixed: boolean;
  /** The old range stays mapped, and empty. */
  readonly keepsOld: boolean;
  /** Where to: as told if fixed, else a hint, else −1. */
  readonly to: number;
  /** What is to be told when it is done. */
  readonly events: Events;
}

/** Events of one mremap, in the order in which they are told. */
interface Events {
  /** What was mapped at the new place is gone. */
  readonly target: Prepared[];
  readonly moves: Prepared[];
  /** What was mapped at the old one. */
  readonly old: Prepared[];
}

export function mremap(m: Machine, task: number, call: RemapCall): number {
  const { old, oldLength, newLength, flags, newAddr } = call;
  const dontUnmap = m.profile.has.dontUnmap ? MREMAP_DONTUNMAP : 0;
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | dontUnmap)) !== 0) return -EINVAL;
  if (!isAligned(old) || !isUserRange(0, oldLength) || !isUserRange(0, newLength)) return -EINVAL;
  const keepsOld = (flags & MREMAP_DONTUNMAP) !== 0;
  const fixed = (flags & MREMAP_FIXED) !== 0;
  const move: Move = {
    from: pageOf(old),
    pages: pagesOf(oldLength),
    newPages: pagesOf(newLength),
    mayMove: (flags & MREMAP_MAYMOVE) !== 0,
    fixed,
    keepsOld,
    to: fixed || keepsOld ? pageOf(newAddr) : -1,
    events: { target: [], moves: [], old: [] },
  };
  if (move.newPages === 0) return -EINVAL;
  const errno = fixed || keepsOld ? destinationRefusal(m, call, move) : 0;
  if (errno !== 0) return errno;
  const answer = exclusively(m, () => remapPages(m, move));
  const { target, moves, old: unmapped } = move.events;
  tellEvents(m, task, [...target, ...moves, ...unmapped]);
  return answer;
}

/** What is wrong with a new address, which MREMAP_DONTUNMAP takes as a hint but checks like MREMAP_FIXED. */
function destinationRefusal(m: Machine, { newAddr, newLength }: RemapCall, move: Move): number {
  const { from, pages, newPages, to } = move;
  if (!move.mayMove || (move.keepsOld && pages !== newPages)) return -EINVAL;
  if (!isAligned(newAddr) || !isUserRange(newAddr, newLength)) return -EINVAL;
  if (to < from + pages && from < to + newPages) return -EINVAL;
  return move.fixed && to + newPages > m.addressPages ? -ENOMEM : 0;
}

function remapPages(m: Machine, asked: Move): number {
  const { from } = asked;
  if (!hasRoom(m, 4)) return -ENOMEM;
  if (asked.fixed && asked.pages === asked.newPages && m.profile.has.mremapSeveral) return moveAll(m, asked);
  const vma = findVma(m, from);
  const errno = refusal(m, vma, asked);
  if (vma === null || errno !== 0) return errno;
  const move = inWholePages(vma, asked);
  const { pages, newPages } = move;
  if (!move.fixed && !move.keepsOld) {
    if (pages > 0 && newPages <= pages) return shrink(m, move);
    if (vma.end < from + pages) return -EFAULT;
    if (pages > 0 && growsInPlace(m, vma, from + pages, newPages - pages)) return grow(m, vma, move);
    if (!move.mayMove) return -ENOMEM;
  }
  return vma.end < from + Math.min(pages, newPages) ? -EFAULT : moveAway(m, vma, move);
}

function refusal(m: Machine, vma: Vma | null, move: Move): number {
  if (vma === null) return -EFAULT;
  const { pages, keepsOld } = move;
  if (vma.huge && !(m.profile.has.mremapHugetlb && canBeHuge(move))) return -EINVAL;
  // At first the old range could be left mapped of private anonymous memory alone.
  if (keepsOld && vma.file >= 0 && !m.profile.has.dontUnmapShared) return -EINVAL;
  // An old length of 0 asks for a second mapping of the same pages, which private memory cannot have.
  return pages === 0 && !vma.shared ? -EINVAL : 0;
}

/** Huge pages move and shrink by whole ones, and never grow: their reservation cannot. No emptied range can be left behind. */
function canBeHuge({ from, pages, newPages, fixed, to, keepsOld }: Move): boolean {
  const isAligned = isHugeAligned(from) && (!fixed || isHugeAligned(to));
  return isAligned && !keepsOld && Math.ceil(newPages / PAGES_PER_HUGE) <= Math.ceil(pages / PAGES_PER_HUGE);
}

/** Sizes are rounded up to whole huge pages where the mapping is of such. */
function inWholePages({ huge }: Vma, move: Move): Move {
  if (!huge) return move;
  const [pages, newPages] = [move.pages, move.newPages].map(
    (each) => Math.ceil(each / PAGES_PER_HUGE) * PAGES_PER_HUGE,
  ) as [number, number];
  return { ...move, pages, newPages };
}

/**
 * A move that changes no size takes all mappings of the range along, with the holes between them (Linux 6.17). One that is
 * registered goes alone: met after others it ends the call with −EFAULT, and those have moved.
 */
function moveAll(m: Machine, move: Move): number {
  const { from, pages, to } = move;
  const vmas = vmasIn(m, from, from + pages);
  if (vmas.length === 0 || (vmas[0] as Vma).start > from) return -EFAULT;
  for (const [i, vma] of vmas.entries()) {
    if (vma.context >= 0 && (i > 0 || vma.end < from + pages)) return -EFAULT;
    const part = clip(vma, from, from + pages);
    const size = part.end - part.start;
    const one = { ...move, from: part.start, pages: size, newPages: size, to: to + part.start - from };
    const errno = refusal(m, vma, one);
    if (errno !== 0) return errno;
    const moved = moveAway(m, vma, inWholePages(vma, one));
    if (moved < 0) return moved;
  }
  return to * PAGE_BYTES;
}

/** The tail goes; what is left stays where it is. */
function shrink(m: Machine, move: Move): number {
  const { from, pages, newPages } = move;
  if (newPages < pages && cutsHugePage(m, from + newPages, from + pages)) return -EINVAL;
  dropTail(m, move);
  return from * PAGE_BYTES;
}

function dropTail(m: Machine, { from, pages, newPages, events }: Move): void {
  if (newPages >= pages) return;
  events.old.push(...prepareUnmap(m, from + newPages, from + pages));
  unmapPages(m, from + newPages, from + pages);
}

/** Whether the mapping ends at `end` and so many pages behind it are free. */
function growsInPlace(m: Machine, vma: Vma, end: number, more: number): boolean {
  return vma.end === end && end + more <= m.addressPages && vmasIn(m, end, end + more).length === 0;
}

function grow(m: Machine, vma: Vma, { from, pages, newPages }: Move): number {
  const part = clip(vma, from, from + pages);
  replaceRange(m, from, from + newPages, [{ ...part, end: from + newPages }]);
  return from * PAGE_BYTES;
}

function moveAway(m: Machine, vma: Vma, move: Move): number {
  const { from, pages, newPages } = move;
  const to = move.fixed ? move.to : findHole(m, newPages, move.to);
  if (to < 0) return -ENOMEM;
  if (!canUnmap(m, to, to + newPages, move.events.target)) return -EINVAL;
  dropTail(m, move);
  const moved = clip(vma, from, from + Math.min(pages, newPages));
  moveEntries(m, moved, to, move);
  if (!move.keepsOld && pages > 0) {
    move.events.old.push(...prepareUnmap(m, moved.start, moved.end));
    replaceRange(m, from, from + pages, []);
  }
  if (move.keepsOld && isAll(findVma(m, from), moved)) loseOwner(m, moved);
  endShootdown(m);
  return to * PAGE_BYTES;
}

function isAll(vma: Vma | null, { start, end }: Vma): boolean {
  return vma !== null && vma.start === start && vma.end === end;
}

/**
 * Maps what the VMA maps at `to` too, and takes its entries there. Where its userfaultfd is told of that, the new place is
 * registered as the old one, and protected; else neither, and nothing is protected that was registered in whatever mode: a
 * protection may be older than that. (Before Linux 5.0 it was registered in any case.)
 */
function moveEntries(m: Machine, vma: Vma, to: number, { newPages, events }: Move): void {
  unmapPages(m, to, to + newPages);
  const isTold = isToldOfMoves(m, vma);
  if (isTold) events.moves.push(prepareRemap(m, vma, to, vma.end - vma.start));
  else if (vma.context >= 0) unprotectPages(m, vma);
  movePtes(m, to, vma.start, vma.end);
  const staysRegistered = isTold || !m.profile.has.movedIsUnregistered;
  // What never had a page of its own is as if it had been mapped there.
  const filePage = vma.file < 0 && vma.owner === 0 ? to : vma.filePage;
  const there = { ...vma, start: to, end: to + newPages, filePage, ...(staysRegistered ? {} : UNREGISTERED) };
  replaceRange(m, to, to + newPages, [there]);
}
