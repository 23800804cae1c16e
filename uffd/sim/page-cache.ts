/**
 * Files in memory (memfd, and the anonymous file behind MAP_SHARED | MAP_ANONYMOUS) and their page caches: which
 * frame holds which page of a file. The index is a radix tree of three levels whose inner nodes are frames. A frame that
 * was only allocated (fallocate) is held as a negative number until somebody uses the page: no read maps it in passing.
 *
 * A file of huge pages (hugetlb) has the same index, by its own pages: a slot holds the first frame of a huge page, or RESERVED.
 * What is cached there is known to whoever looks: nothing is mapped in passing. Its slots change under the exclusive mm lock.
 */
import { HUGE_PAGE_BYTES, LOG_PAGE_WORDS, PAGE_BYTES, PAGE_WORDS } from '../kernel.ts';
import { cas, fetchAdd, loadAcquire, storeRelease } from '../sync.ts';
import { allocateZeroedFrame, NO_FRAME, releaseFrame, retireFrame } from './frames.ts';
import { canTakeHuge, reserve, retireHuge, takeHuge, unreserve } from './huge-pool.ts';
import { FILE_WORDS, MAX_FILES, type Machine } from './machine.ts';

/** Words of a file's record; ROOTS entries of the first level follow. */
const FILE = { used: 0, references: 1, sizeLow: 2, sizeHigh: 3, roots: 4, huge: 20 } as const;
const ROOTS = 16;
const LOG_FANOUT = LOG_PAGE_WORDS;
const FANOUT_MASK = PAGE_WORDS - 1;
const MAX_FILE_PAGES = ROOTS << (2 * LOG_FANOUT);

/** Largest size of a file, in bytes. */
export const MAX_FILE_BYTES = MAX_FILE_PAGES * PAGE_BYTES;

/** In the slot of a huge page that is not cached: a page of the pool is kept for it. */
const RESERVED = -1;

function fileWord(file: number, word: number): number {
  return file * FILE_WORDS + word;
}

/** A new empty file with one reference, of huge pages if that is asked for; −1 if the table is full. */
export function createFile(m: Machine, huge = false): number {
  for (let file = 0; file < MAX_FILES; file++) {
    if (!cas(m.files, fileWord(file, FILE.used), 0, 1)) continue;
    storeRelease(m.files, fileWord(file, FILE.references), 1);
    setFileSize(m, file, 0);
    storeRelease(m.files, fileWord(file, FILE.huge), huge ? 1 : 0);
    return file;
  }
  return -1;
}

/** Whether the file is one of huge pages. */
export function isHugeFile(m: Machine, file: number): boolean {
  return loadAcquire(m.files, fileWord(file, FILE.huge)) === 1;
}

/** A description or a VMA begins to hold the file. */
export function holdFile(m: Machine, file: number): void {
  fetchAdd(m.files, fileWord(file, FILE.references), 1);
}

/** A holder lets go; the last one frees the file's pages. The mm lock is held exclusively. */
export function dropFile(m: Machine, file: number): void {
  if (fetchAdd(m.files, fileWord(file, FILE.references), -1) > 1) return;
  if (isHugeFile(m, file)) forgetHuge(m, file, 0);
  else discardPages(m, file, 0, MAX_FILE_PAGES);
  for (let root = 0; root < ROOTS; root++) freeTree(m, m.files, fileWord(file, FILE.roots + root), 2);
  storeRelease(m.files, fileWord(file, FILE.used), 0);
}

function freeTree(m: Machine, table: Int32Array, index: number, level: number): void {
  const node = loadAcquire(table, index);
  if (node === 0) return;
  if (level > 1) {
    for (let i = 0; i < PAGE_WORDS; i++) freeTree(m, m.frames, node * PAGE_WORDS + i, level - 1);
  }
  storeRelease(table, index, 0);
  releaseFrame(m, node, 'table');
}

/** Size in bytes. */
export function fileSize(m: Machine, file: number): number {
  const low = loadAcquire(m.files, fileWord(file, FILE.sizeLow)) >>> 0;
  return loadAcquire(m.files, fileWord(file, FILE.sizeHigh)) * 2 ** 32 + low;
}

/** Under the exclusive mm lock, or before anyone else knows the file. */
export function setFileSize(m: Machine, file: number, bytes: number): void {
  storeRelease(m.files, fileWord(file, FILE.sizeLow), bytes | 0);
  storeRelease(m.files, fileWord(file, FILE.sizeHigh), Math.floor(bytes / 2 ** 32));
}

/** Pages up to the end of the file, a partly covered last one included. */
export function filePages(m: Machine, file: number): number {
  return Math.ceil(fileSize(m, file) / PAGE_BYTES);
}

/** Huge pages up to the end of a file of such; one that is partly past it is none, as on Linux. */
export function hugeFilePages(m: Machine, file: number): number {
  return Math.floor(fileSize(m, file) / HUGE_PAGE_BYTES);
}

/** The frame that caches a page of the file, or NO_FRAME: a hole. */
export function cachedFrame(m: Machine, file: number, page: number): number {
  return Math.abs(slotOf(m, file, page));
}

/** The same for a page that somebody has used. */
export function usedFrame(m: Machine, file: number, page: number): number {
  return Math.max(slotOf(m, file, page), NO_FRAME);
}

function slotOf(m: Machine, file: number, page: number): number {
  const slot = leafSlot(m, file, page, false);
  return slot < 0 ? NO_FRAME : loadAcquire(m.frames, slot);
}

/** The frame that caches a page, which is used from now on; NO_FRAME: a hole. */
export function useFrame(m: Machine, file: number, page: number): number {
  const found = slotOf(m, file, page);
  // Whoever else takes it from allocated to used does what we do.
  if (found < NO_FRAME) cas(m.frames, leafSlot(m, file, page, false), found, -found);
  return Math.abs(found);
}

/** A page that is cached becomes one that was only allocated: nobody knows of it yet. */
export function markUnused(m: Machine, file: number, page: number): void {
  const slot = leafSlot(m, file, page, false);
  storeRelease(m.frames, slot, -loadAcquire(m.frames, slot));
}

/** Caches a frame for a page, unless the page is cached already or no memory is left for the index. */
export function cacheFrame(
  m: Machine,
  file: number,
  page: number,
  frame: number,
): 'cached' | 'exists' | 'nomem' {
  const slot = leafSlot(m, file, page, true);
  if (slot < 0) return 'nomem';
  // Takes the slot from hole to frame; a thread that filled the same hole first has won.
  return cas(m.frames, slot, NO_FRAME, frame) ? 'cached' : 'exists';
}

/** The frame of a page, a zeroed one if the page was a hole; NO_FRAME if memory is full. */
export function cachedOrZeroed(m: Machine, file: number, page: number): number {
  const cached = useFrame(m, file, page);
  if (cached !== NO_FRAME) return cached;
  const made = cacheZeroes(m, file, page);
  if (typeof made === 'number') return made;
  return made === 'exists' ? useFrame(m, file, page) : NO_FRAME;
}

/** A hole becomes a page of zeroes: its frame. */
export function cacheZeroes(m: Machine, file: number, page: number): number | 'exists' | 'nomem' {
  const frame = allocateZeroedFrame(m, 'data');
  if (frame === NO_FRAME) return 'nomem';
  const outcome = cacheFrame(m, file, page, frame);
  if (outcome === 'cached') return frame;
  releaseFrame(m, frame, 'data');
  return outcome;
}

/**
 * Makes pages [from, to) holes. The mm lock is held exclusively, no page-table entry points to the pages any more,
 * and the caller ends with endShootdown.
 */
export function discardPages(m: Machine, file: number, from: number, to: number): void {
  emptySlots(m, file, from, to, (held) => {
    retireFrame(m, Math.abs(held));
    return true;
  });
}

/** Runs `discard` on what is held for pages [from, to), and empties the slots where it says so. */
function emptySlots(
  m: Machine,
  file: number,
  from: number,
  to: number,
  discard: (held: number) => boolean,
): void {
  for (let page = from; page < to; ) {
    const slot = leafSlot(m, file, page, false);
    if (slot < 0) {
      page = nextLeaf(m, file, page);
      continue;
    }
    const held = loadAcquire(m.frames, slot);
    if (held !== NO_FRAME && discard(held)) storeRelease(m.frames, slot, NO_FRAME);
    page++;
  }
}

/** As discardPages, of huge pages. What is reserved for a page that is not cached stays so, as on Linux. */
export function discardHuge(m: Machine, file: number, from: number, to: number): void {
  emptySlots(m, file, from, to, (held) => {
    if (held !== RESERVED) retireHuge(m, held);
    return held !== RESERVED;
  });
}

/** The same of all from one on, and nothing is reserved there any longer. */
export function forgetHuge(m: Machine, file: number, from: number): void {
  discardHuge(m, file, from, MAX_FILE_PAGES);
  emptySlots(m, file, from, MAX_FILE_PAGES, () => {
    unreserve(m, 1);
    return true;
  });
}

/** Keeps a page of the pool for each of huge pages [from, to) that has none yet; false, with nothing done, if not so many are left. */
export function reserveHuge(m: Machine, file: number, from: number, to: number): boolean {
  const slots: number[] = [];
  for (let page = from; page < to; page++) {
    const slot = leafSlot(m, file, page, true);
    if (slot < 0) return false;
    if (loadAcquire(m.frames, slot) === NO_FRAME) slots.push(slot);
  }
  if (!reserve(m, slots.length)) return false;
  for (const slot of slots) storeRelease(m.frames, slot, RESERVED);
  return true;
}

/** First frame of a huge page of the file, or NO_FRAME: a hole. */
export function cachedHuge(m: Machine, file: number, page: number): number {
  return Math.max(slotOf(m, file, page), NO_FRAME);
}

/** Whether the pool has a page for a hole of the file. */
export function canCacheHuge(m: Machine, file: number, page: number): boolean {
  return canTakeHuge(m, slotOf(m, file, page) === RESERVED);
}

/** The hole becomes a huge page, of zeros if that is asked for: its first frame, or NO_FRAME if the pool has none for it. */
export function cacheHuge(m: Machine, file: number, page: number, zeroed: boolean): number {
  const slot = leafSlot(m, file, page, true);
  if (slot < 0) return NO_FRAME;
  const frame = takeHuge(m, loadAcquire(m.frames, slot) === RESERVED, zeroed);
  if (frame !== NO_FRAME) storeRelease(m.frames, slot, frame);
  return frame;
}

/** The first page past a missing part of the index. */
function nextLeaf(m: Machine, file: number, page: number): number {
  const root = loadAcquire(m.files, fileWord(file, FILE.roots + (page >>> (2 * LOG_FANOUT))));
  const log = root === 0 ? 2 * LOG_FANOUT : LOG_FANOUT;
  return ((page >>> log) + 1) << log;
}

/** Index in physical memory of a page's slot in the lowest level, or −1 if it is not there (or cannot be made). */
function leafSlot(m: Machine, file: number, page: number, create: boolean): number {
  const root = fileWord(file, FILE.roots + (page >>> (2 * LOG_FANOUT)));
  const middle = node(m, m.files, root, create);
  if (middle === NO_FRAME) return -1;
  const leaf = node(m, m.frames, middle * PAGE_WORDS + ((page >>> LOG_FANOUT) & FANOUT_MASK), create);
  if (leaf === NO_FRAME) return -1;
  return leaf * PAGE_WORDS + (page & FANOUT_MASK);
}

/** The node that a slot of the level above points to, made if asked for. */
function node(m: Machine, table: Int32Array, index: number, create: boolean): number {
  const found = loadAcquire(table, index);
  if (found !== NO_FRAME || !create) return found;
  const made = allocateZeroedFrame(m, 'table');
  if (made === NO_FRAME) return NO_FRAME;
  // Two threads may make the same node; the loser gives its own back and takes the winner's.
  if (cas(table, index, NO_FRAME, made)) return made;
  releaseFrame(m, made, 'table');
  return loadAcquire(table, index);
}
