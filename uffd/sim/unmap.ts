/** Taking pages out of the address space. Everything here is called with the mm lock held exclusively. */
import { UFFDIO_REGISTER_MODE_WP } from '../abi.ts';
import { endShootdown, retireFrame } from './frames.ts';
import type { Machine } from './machine.ts';
import { discardPages } from './page-cache.ts';
import {
  clearPte,
  clearPtes,
  frameOf,
  isAnon,
  isProtected,
  loadPte,
  NO_PTE,
  POISON_MARKER,
  PROTECTED_MARKER,
  storePte,
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
  if (vma.file >= 0) {
    clearPtes(m, vma.start, vma.end);
    return;
  }
  for (let page = vma.start; page < vma.end; page++) {
    const pte = loadPte(m, page);
    if (pte === NO_PTE) continue;
    clearPte(m, page);
    if (isAnon(pte)) retireFrame(m, frameOf(pte));
  }
}

/** The same of a mapping that stays: which pages of a file were write-protected is not forgotten. */
export function dropPages(m: Machine, vma: Vma): void {
  if (vma.file >= 0 && (vma.modes & UFFDIO_REGISTER_MODE_WP) !== 0) dropFilePages(m, vma, false);
  else dropEntries(m, vma);
}

function dropFilePages(m: Machine, vma: Vma, keepsPoison: boolean): void {
  const keepsProtection = (vma.modes & UFFDIO_REGISTER_MODE_WP) !== 0;
  for (let page = vma.start; page < vma.end; page++) {
    const pte = loadPte(m, page);
    if (pte === NO_PTE || (keepsPoison && pte === POISON_MARKER)) continue;
    storePte(m, page, keepsProtection && isProtected(pte) ? PROTECTED_MARKER : NO_PTE);
  }
}

/** Makes pages [from, to) of a file holes, in every mapping. What is marked there stays marked. */
export function punch(m: Machine, file: number, from: number, to: number): void {
  unmapFile(m, file, from, to);
  discardPages(m, file, from, to);
  endShootdown(m);
}

/** Takes pages [from, to) of a file out of every mapping; they stay cached. */
export function unmapFile(m: Machine, file: number, from: number, to = Infinity): void {
  for (const vma of vmasIn(m, 0, m.addressPages)) {
    if (vma.file !== file) continue;
    const start = Math.max(vma.start, vma.start + from - vma.filePage);
    const end = Math.min(vma.end, vma.start + to - vma.filePage);
    if (start < end) dropFilePages(m, { ...vma, start, end }, true);
  }
  endShootdown(m);
}
