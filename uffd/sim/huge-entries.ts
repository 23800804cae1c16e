/**
 * Entries of huge pages (hugetlb): Linux has one entry for 2 MiB; here each of its 4 KiB pages has its own, so that the memory
 * management unit knows one size alone.
 *
 * Invariant: while nobody holds the mm lock exclusively, the entries of a huge page are alike: none, the same marker, or
 * present with the same flags and with frames that follow one another. So they are changed under the exclusive lock alone,
 * all of them, and none needs a compare-and-swap. A mutator, which takes no lock, may meet some that are there and some that
 * are not yet: each is right by itself, since the page was whole before; where it meets none it faults, and waits for the lock.
 */
import { LOG_PAGE_WORDS } from '../kernel.ts';
import { type Machine, PAGES_PER_HUGE } from './machine.ts';
import { cachedHuge } from './page-cache.ts';
import { loadPte, storePte } from './page-table.ts';
import type { Vma } from './vmas.ts';

/** The first 4 KiB page of the huge page that has this one. Mappings of huge pages begin at multiples. */
export function hugeStartOf(page: number): number {
  return page - (page % PAGES_PER_HUGE);
}

/** The first page past the huge page that ends at this one or has the page before it. */
export function hugeEndOf(page: number): number {
  return hugeStartOf(page + PAGES_PER_HUGE - 1);
}

/** Whether the page is the first of a huge one; of a range's end, whether it cuts none. */
export function isHugeAligned(page: number): boolean {
  return page % PAGES_PER_HUGE === 0;
}

/** Number, in the file, of the huge page at `page`. */
export function hugeIndexOf(vma: Vma, page: number): number {
  return (vma.filePage + page - vma.start) / PAGES_PER_HUGE;
}

/** What the file has cached for the huge page at `page`: its first frame, or NO_FRAME. */
export function cachedAt(m: Machine, vma: Vma, page: number): number {
  return cachedHuge(m, vma.file, hugeIndexOf(vma, page));
}

/** Maps a huge page at `page`, by the entry of its first frame. */
export function installHuge(m: Machine, page: number, pte: number): void {
  for (let i = 0; i < PAGES_PER_HUGE; i++) storePte(m, page + i, pte + (i << LOG_PAGE_WORDS));
}

/** Puts a marker, or nothing, in the place of a huge page. */
export function markHuge(m: Machine, page: number, marker: number): void {
  for (let i = 0; i < PAGES_PER_HUGE; i++) storePte(m, page + i, marker);
}

/** The entry of the huge page's first 4 KiB, which stands for all. */
export function loadHuge(m: Machine, page: number): number {
  return loadPte(m, page);
}
