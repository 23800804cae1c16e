/**
 * UFFDIO_MOVE: pages of private anonymous memory go to other addresses, without a copy: their frames stay where they
 * are. In ascending order, page by page, without rolling back, as fill.ts does it.
 *
 * Deviations from Linux: a source without any page table is ENOENT there before the destination is looked at; here
 * there is one flat table, so a destination that is taken is always EEXIST. No page is pinned: EBUSY is told of one that was
 * forked and not written to since.
 *
 * Linux flushes the TLBs before it maps a page at its new address: from then on nobody sees it by the old one. Here
 * a thread that translated the source before goes on seeing the frame, which is now the destination's, until its
 * next quiescent point: the rule for everything that takes entries away in this machine. It might still write to
 * it, too. So whoever moves pages rules that out by protocol: they are a buffer that no other thread touches.
 */
import {
  PROT_WRITE,
  UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
  UFFDIO_MOVE_MODE_DONTWAKE,
  uffdioMove,
} from '../abi.ts';
import { EAGAIN, EBUSY, EEXIST, EFAULT, EINVAL, ENOENT } from '../errno.ts';
import { PAGE_BYTES } from '../kernel.ts';
import { isChanging } from './events.ts';
import { answer, finish, take } from './fill-answer.ts';
import { endShootdown } from './frames.ts';
import type { Machine } from './machine.ts';
import { exclusively } from './mm-lock.ts';
import {
  clearPte,
  isForked,
  isPresent,
  loadPte,
  NO_PTE,
  storePte,
  unprotectedPte,
  withProtection,
} from './page-table.ts';
import { isPageRange, pageOf } from './ranges.ts';
import { findVma, takeOwner } from './vmas.ts';

/** The arguments of a MOVE, in pages. */
interface Move {
  readonly context: number;
  readonly to: number;
  readonly from: number;
  readonly pages: number;
  /** A page that the source has not counts as moved. */
  readonly skipsHoles: boolean;
}

export function move(m: Machine, context: number, arg: Uint8Array): number {
  const { fields } = uffdioMove;
  const [dst, src, len] = [take(arg, fields.dst), take(arg, fields.src), take(arg, fields.len)];
  const mode = take(arg, fields.mode);
  if (!isPageRange(dst, len) || !isPageRange(src, len)) return -EINVAL;
  if (mode > (UFFDIO_MOVE_MODE_DONTWAKE | UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES)) return -EINVAL;
  const skipsHoles = (mode & UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES) !== 0;
  const to = pageOf(dst);
  const call: Move = { context, to, from: pageOf(src), pages: len / PAGE_BYTES, skipsHoles };
  const moved = exclusively(m, () => (isChanging(m, context) ? -EAGAIN : movePages(m, call)));
  const wakes = (mode & UFFDIO_MOVE_MODE_DONTWAKE) === 0;
  const out = finish(m, context, to, to + Math.max(moved, 0), moved, wakes);
  return answer(arg, fields.move, out, len);
}

/** Pages moved, or −errno if there are none. */
function movePages(m: Machine, call: Move): number {
  const refused = refusal(m, call);
  if (refused !== 0) return refused;
  const { from, to, pages, skipsHoles } = call;
  let moved = 0;
  let stopped = 0;
  for (; moved < pages; moved++) {
    stopped = movePage(m, from + moved, to + moved, skipsHoles);
    if (stopped !== 0) break;
  }
  if (moved === 0) return stopped;
  // No frame is retired: each is in use at its new address. Once it is taken from there, that is a later epoch than
  // any in which either address was translated, so it is reused when nobody sees it by the one or the other.
  endShootdown(m);
  return moved;
}

/** What is wrong with the mappings. Nothing mapped is told before all else. */
function refusal(m: Machine, { context, from, to, pages }: Move): number {
  const target = findVma(m, to);
  const source = findVma(m, from);
  if (target !== null) takeOwner(m, target); // whatever comes of it
  if (target === null || source === null) return -ENOENT;
  const isWhole = to + pages <= target.end && from + pages <= source.end;
  const isPrivate = target.file < 0 && source.file < 0;
  // Alike in permissions, so that the entry of a page is right for its new address as it stands.
  const isMovable = target.prot === source.prot && (source.prot & PROT_WRITE) !== 0;
  return isWhole && isPrivate && isMovable && target.context === context ? 0 : -EINVAL;
}

/**
 * Moves one entry, that of the zero page too, and writable where both mappings are: 0, or −errno. The lock is held
 * exclusively: nobody else changes any.
 */
function movePage(m: Machine, from: number, to: number, skipsHoles: boolean): number {
  if (loadPte(m, to) !== NO_PTE) return -EEXIST;
  const pte = loadPte(m, from);
  if (pte === NO_PTE) return skipsHoles ? 0 : -ENOENT;
  if (!isPresent(pte)) return -EFAULT; // a marker
  if (isForked(pte)) return -EBUSY;
  clearPte(m, from);
  storePte(m, to, withProtection(unprotectedPte(pte), { prot: PROT_WRITE, shared: false }));
  return 0;
}
