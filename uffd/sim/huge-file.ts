/**
 * Files of huge pages (hugetlb): what ftruncate, fallocate and MADV_REMOVE do to them. Linux, fs/hugetlbfs/inode.c: sizes are set
 * by whole huge pages, but for fallocate, which rounds outwards what it allocates and takes the size as it is given; a hole
 * takes private copies along; growing a file forgets what lies past its new end too. All of it is called with the mm lock
 * held exclusively.
 */
import { EINVAL, ENOSPC } from '../errno.ts';
import { HUGE_PAGE_BYTES, PAGE_BYTES } from '../kernel.ts';
import { endShootdown, NO_FRAME } from './frames.ts';
import { type Machine, PAGES_PER_HUGE } from './machine.ts';
import { cachedHuge, cacheHuge, discardHuge, fileSize, forgetHuge, setFileSize } from './page-cache.ts';
import { forgetFilePages, unmapFile } from './unmap.ts';

export function truncateHuge(m: Machine, file: number, length: number): number {
  if (length % HUGE_PAGE_BYTES !== 0) return -EINVAL;
  setFileSize(m, file, length);
  const end = length / HUGE_PAGE_BYTES;
  forgetFilePages(m, file, end * PAGES_PER_HUGE);
  forgetHuge(m, file, end);
  endShootdown(m);
  return 0;
}

/** Caches every huge page that [start, end) touches; what was cached before the pool was empty stays so. */
export function allocateHugeBytes(
  m: Machine,
  file: number,
  start: number,
  end: number,
  grows: boolean,
): number {
  for (let page = Math.floor(start / HUGE_PAGE_BYTES); page * HUGE_PAGE_BYTES < end; page++) {
    if (cachedHuge(m, file, page) !== NO_FRAME) continue;
    if (cacheHuge(m, file, page, true) === NO_FRAME) return -ENOSPC;
  }
  if (grows && end > fileSize(m, file)) setFileSize(m, file, end);
  return 0;
}

/** Whole huge pages become holes; the ends of those partly covered become zero. */
export function punchHugeBytes(m: Machine, file: number, start: number, end: number): number {
  const first = Math.ceil(start / HUGE_PAGE_BYTES);
  const last = Math.floor(end / HUGE_PAGE_BYTES);
  if (first < last) {
    unmapFile(m, file, first * PAGES_PER_HUGE, last * PAGES_PER_HUGE, false);
    discardHuge(m, file, first, last);
    endShootdown(m);
  }
  zeroHugeBytes(m, file, start, Math.min(end, first * HUGE_PAGE_BYTES));
  if (first <= last) zeroHugeBytes(m, file, last * HUGE_PAGE_BYTES, end);
  return 0;
}

/** Zeroes bytes of one huge page, if it is cached. */
function zeroHugeBytes(m: Machine, file: number, start: number, end: number): void {
  if (start >= end) return;
  const page = Math.floor(start / HUGE_PAGE_BYTES);
  const frame = cachedHuge(m, file, page);
  if (frame === NO_FRAME) return;
  const at = frame * PAGE_BYTES - page * HUGE_PAGE_BYTES;
  m.bytes.fill(0, at + start, at + end);
}
