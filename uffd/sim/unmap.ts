/** Taking pages out of the address space. Everything here is called with the mm lock held exclusively. */
import { UFFDIO_REGISTER_MODE_WP } from '../abi.ts';
import { endShootdown, retireFrame } from './frames.ts';
import type { Machine } from './machine.ts';
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
import { clip, replaceRange, type Vma, vmasIn } from './vmas.ts';

/** Takes pages [start, end) out of the address space. Sleepers in it are not woken, as on Linux. */
export function unmapPages(m: Machine, start: number, end: number): void {
  for (const vma of vmasIn(m, start, end)) dropEntries(m, clip(vma, start, end));
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
    if (isAnon(pte)) retireFrame(m, frameOf(pte));
    return NO_PTE;
  });
}

/** The same of a mapping that stays: which pages of a file are write-protected is not forgotten. */
export function dropPages(m: Machine, vma: Vma): void {
  if (vma.file >= 0) dropFilePages(m, vma, false);
  else dropEntries(m, vma);
}

/**
 * A page that was there is noted as protected only while the mapping is registered for that; a marker stays in any case.
 * `keepsOwn`: so do poison, and what a private mapping has copied.
 */
function dropFilePages(m: Machine, { start, end, modes }: Vma, keepsOwn: boolean): void {
  const isWatched = (modes & UFFDIO_REGISTER_MODE_WP) !== 0;
  changePtes(m, start, end, (pte) => {
    if (pte === POISON_MARKER || isAnon(pte)) {
      if (keepsOwn) return pte;
      if (isAnon(pte)) retireFrame(m, frameOf(pte));
    }
    return isProtected(pte) && (isWatched || !isPresent(pte)) ? PROTECTED_MARKER : NO_PTE;
  });
}

/** Makes pages [from, to) of a file holes, in every mapping. What is marked there stays marked. */
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
  for (const vma of vmasIn(m, 0, m.addressPages)) {
    if (vma.file !== file) continue;
    const start = Math.max(vma.start, vma.start + from - vma.filePage);
    const end = Math.min(vma.end, vma.start + to - vma.filePage);
    if (start < end) dropFilePages(m, { ...vma, start, end }, keepsOwn);
  }
  endShootdown(m);
}
