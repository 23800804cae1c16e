/** Physical memory behind a machine: page-cache pages of its files, resident pages of its private mappings. */
import { fstatSync } from 'node:fs';
import { type MemoryUse, PAGE_BYTES } from '../kernel.ts';
import { loadAcquire, storeRelease } from '../sync.ts';
import { plainTag } from './huge-pages.ts';
import { intervals } from './intervals.ts';
import type { Libc } from './libc.ts';
import { type LinuxMachine, STATE, TAG } from './machine.ts';

/** fstat(2) counts in blocks of this size. */
const BLOCK_BYTES = 512;
/** Pages asked of mincore at a time. */
const STEP_PAGES = 1 << 16;

/**
 * What is in memory now; each call also raises the peak, unless pages were being moved meanwhile: some may have been
 * counted twice then.
 */
export function memoryUse(m: LinuxMachine, libc: Libc): MemoryUse {
  const ended = loadAcquire(m.state, STATE.movesEnded);
  const pages = countPages(m, libc);
  const still = loadAcquire(m.state, STATE.movesBegun) === ended;
  if (still && pages > loadAcquire(m.state, STATE.peakPages)) storeRelease(m.state, STATE.peakPages, pages);
  return { bytes: pages * PAGE_BYTES, peakBytes: loadAcquire(m.state, STATE.peakPages) * PAGE_BYTES };
}

function countPages(m: LinuxMachine, libc: Libc): number {
  // Without the lock, which a thread that was ended may hold for good: this is asked once more when a run has failed.
  const ranges = intervals(m.ranges).map((range) => ({ ...range, tag: plainTag(range.tag) }));
  const files = new Set(ranges.map(({ tag }) => tag).filter((fd) => fd >= 0));
  let pages = 0;
  for (const fd of files) pages += fileBytes(fd) / PAGE_BYTES;
  for (const { start, end, tag } of ranges) if (tag === TAG.private) pages += residentPages(libc, start, end);
  return pages;
}

function fileBytes(fd: number): number {
  try {
    return fstatSync(fd).blocks * BLOCK_BYTES;
  } catch {
    return 0; // closed, and its pages are counted no longer
  }
}

function residentPages(libc: Libc, start: number, end: number): number {
  const vector = new Uint8Array(Math.min(STEP_PAGES, Math.ceil((end - start) / PAGE_BYTES / 4) * 4));
  const fours = new Uint32Array(vector.buffer);
  let resident = 0;
  for (let at = start; at < end; at += vector.length * PAGE_BYTES) {
    const pages = Math.min(vector.length, (end - at) / PAGE_BYTES);
    vector.fill(0, pages);
    if (libc.mincore(at, pages * PAGE_BYTES, vector) < 0) continue;
    // Most of a range may be empty: four pages at a look.
    for (let i = 0; i < fours.length; i++) {
      const four = fours[i] as number;
      if (four !== 0) resident += Math.imul(four & 0x01010101, 0x01010101) >>> 24;
    }
  }
  return resident;
}
