/** Taking pages out of the address space. Everything here is called with the mm lock held exclusively. */
import { UFFDIO_REGISTER_MODE_WP } from '../abi.ts';
import { type Prepared, prepareUnmap } from './events.ts';
import { endShootdown, retireFrame } from './frames.ts';
import { reserve, retireHuge, unreserve } from './huge-pool.ts';
import { type Machine, PAGES_PER_HUGE } from './machine.ts';
import { discardPages } from './page-cache.ts';
import {
  changePtes,
  clearPtes,
  frameOf,
  isAnon,
  isPresent,
  isProtected,
  NO_PTE,
  POISON_MARKER,
  PROTECTED_MARKER,
} from './page-table.ts';
import { allSpaces } from './spaces.ts';
import { clip, cutsHugePage, findVma, isWithinHuge, replaceRange, type Vma, vmasIn } from './vmas.ts';

/**
 * Whether [start, end), which is to be unmapped or mapped over, cuts no huge page; and what is to be told of it. As on Linux, if it
 * is the end that cuts one: what is mapped at the start is cut by then, and what lies below that mapping is told of all the same.
 */
export function canUnmap(m: Machine, start: number, end: number, events: Prepared[]): boolean {
  if (isWithinHuge(m, start)) return false;
  const isCut = cutsHugePage(m, start, end);
  events.push(...prepareUnmap(m, start, end, isCut ? findVma(m, end)?.start : end));
  return !isCut;
}

/** Takes pages [start, end), which cut no huge page, out of the address space. Sleepers in it are not woken, as on Linux. */
export function unmapPages(m: Machine, start: number, end: number): void {
  for (const vma of vmasIn(m, start, end)) {
    const part = clip(vma, start, end);
    dropEntries(m, part);
    if (part.reserves) unreserve(m, (part.end - part.start) / PAGES_PER_HUGE);
  }
  replaceRange(m, start, end, []);
  endShootdown(m);
}

/**
 * Clears the page-table entries of a VMA's range, markers too; anonymous pages are given up, file pages stay cached. The
 * caller ends with endShootdown.
 */
export function dropEntries(m: Machine, vma: Vma): void {
  if (vma.shared) {
    clearPtes(m, vma.start, vma.end);
    return;
  }
  changePtes(m, vma.start, vma.end, (pte) => {
    if (isAnon(pte)) giveUp(m, vma, frameOf(pte));
    return NO_PTE;
  });
}

/**
 * The mapping has that frame, its own, no longer. Of a huge page's frames the first one stands for all; and the page is
 * reserved again where it was.
 */
function giveUp(m: Machine, { huge, reserves }: Vma, frame: number): void {
  if (!huge) {
    retireFrame(m, frame);
  } else if ((frame - m.hugeStart) % PAGES_PER_HUGE === 0) {
    retireHuge(m, frame);
    if (reserves) reserve(m, 1);
  }
}

/** The same of a mapping that stays: which pages of a file are write-protected is not forgotten. */
export function dropPages(m: Machine, vma: Vma): void {
  if (vma.file >= 0) dropFilePages(m, vma, false);
  else dropEntries(m, vma);
}

/**
 * A page that was there is noted as protected only while the mapping is registered for that, or is of huge pages; a marker
 * stays in any case. `keepsOwn`: so do poison, and what a private mapping has copied.
 */
function dropFilePages(m: Machine, vma: Vma, keepsOwn: boolean): void {
  const isWatched = (vma.modes & UFFDIO_REGISTER_MODE_WP) !== 0 || vma.huge;
  changePtes(m, vma.start, vma.end, (pte) => {
    if (pte === POISON_MARKER || isAnon(pte)) {
      if (keepsOwn) return pte;
      if (isAnon(pte)) giveUp(m, vma, frameOf(pte));
    }
    return isProtected(pte) && (isWatched || !isPresent(pte)) ? PROTECTED_MARKER : NO_PTE;
  });
}

/** Makes pages [from, to) of a file holes, in every mapping of every process. What is marked there stays marked. */
export function punch(m: Machine, file: number, from: number, to: number): void {
  unmapFile(m, file, from, to);
  discardPages(m, file, from, to);
  endShootdown(m);
}

/**
 * Takes pages [from, to) of a file out of every mapping; they stay cached. Write protection is kept, and what is the mapping’s
 * own if that is asked for.
 */
export function unmapFile(m: Machine, file: number, from: number, to = Infinity, keepsOwn = true): void {
  for (const space of allSpaces(m))
    for (const part of partsOf(space, file, from, to)) dropFilePages(space, part, keepsOwn);
  endShootdown(m);
}

/** Takes pages from `from` on out of every mapping, and nothing stays of them. The caller ends with endShootdown. */
export function forgetFilePages(m: Machine, file: number, from: number): void {
  for (const space of allSpaces(m))
    for (const part of partsOf(space, file, from, Infinity)) dropEntries(space, part);
}

/** What maps pages [from, to) of a file in a process. */
function partsOf(m: Machine, file: number, from: number, to: number): Vma[] {
  const parts: Vma[] = [];
  for (const vma of vmasIn(m, 0, m.addressPages)) {
    if (vma.file !== file) continue;
    const start = Math.max(vma.start, vma.start + from - vma.filePage);
    const end = Math.min(vma.end, vma.start + to - vma.filePage);
    if (start < end) parts.push({ ...vma, start, end });
  }
  return parts;
}
