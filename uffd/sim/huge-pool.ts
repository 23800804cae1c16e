/**
 * The pool of huge pages: how many are free, and how many of these are kept for somebody. mmap reserves, so that a fault
 * finds a page (hugetlb_reserve_pages and alloc_hugetlb_folio in Linux, mm/hugetlb.c):
 * - of a shared mapping for the file: each of its pages that is mapped and neither cached nor reserved yet (page-cache.ts);
 * - of a private one for the mapping: each page that it has no copy of, as long as it is mapped (Vma.reserves);
 * - with MAP_NORESERVE nothing. A page that nothing was reserved for is to be had only while more are free than reserved.
 *
 * All of this is called with the mm lock held exclusively.
 */
import { allocateHuge, NO_FRAME, retireFrame } from './frames.ts';
import { type Machine, STATE } from './machine.ts';

function count(m: Machine, index: number): number {
  return m.state[index] as number;
}

function available(m: Machine): number {
  return m.hugePages - count(m, STATE.hugeUsed) - count(m, STATE.hugeReserved);
}

/** Keeps so many pages for who asks; false if not so many are left. */
export function reserve(m: Machine, pages: number): boolean {
  if (pages > available(m)) return false;
  m.state[STATE.hugeReserved] = count(m, STATE.hugeReserved) + pages;
  return true;
}

/** So many pages are not kept any longer. */
export function unreserve(m: Machine, pages: number): void {
  m.state[STATE.hugeReserved] = count(m, STATE.hugeReserved) - pages;
}

/** Whether there is a page to be taken. */
export function canTakeHuge(m: Machine, isReserved: boolean): boolean {
  return isReserved || available(m) > 0;
}

/** A page: its first frame, or NO_FRAME if none is left. `isReserved`: it is one that was kept for who takes it. */
export function takeHuge(m: Machine, isReserved: boolean, zeroed: boolean): number {
  if (!canTakeHuge(m, isReserved)) return NO_FRAME;
  if (isReserved) unreserve(m, 1);
  m.state[STATE.hugeUsed] = count(m, STATE.hugeUsed) + 1;
  return allocateHuge(m, zeroed);
}

/** Takes a page out of use that was mapped or cached; the caller ends with endShootdown, as for retireFrame. */
export function retireHuge(m: Machine, frame: number): void {
  m.state[STATE.hugeUsed] = count(m, STATE.hugeUsed) - 1;
  retireFrame(m, frame);
}

/** Whether a page that is reserved for nobody is left; it is held from now on, for what a COPY reads. */
export function holdHuge(m: Machine): boolean {
  if (!canTakeHuge(m, false)) return false;
  m.state[STATE.hugeUsed] = count(m, STATE.hugeUsed) + 1;
  return true;
}

export function letHugeGo(m: Machine): void {
  m.state[STATE.hugeUsed] = count(m, STATE.hugeUsed) - 1;
}
