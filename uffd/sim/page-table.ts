/**
 * Page-table entries: a frame number plus flags, one 32-bit word a page of addresses.
 *
 *      31           30           10  9 … 6   5        4        3           2       1         0
 *      not readable | frame number  | 0     | forked | poison | protected | anon | writable | present
 *
 * An entry that is not present maps nothing. It may still be a marker: the page will be write-protected once it is there, or
 * any access to it is a bus error.
 *
 * The page table itself holds each entry less the number of the page that it maps, in the same bits (all of it modulo
 * 2^32): a distance. The layout serves the load of a mutator: the distance without its flags, added to the number of
 * the word that is to be loaded, is the index of the word in physical memory, and for whatever must not be read (sign
 * bit of the entry set) it is past the end of it. So one unsigned comparison with the size of memory is both the
 * present check and the bounds check.
 *
 * An entry that is not present is held less the number of the first page of its table: the index is past the end all the
 * same, and a table that maps nothing is one number over and over, which is written faster than different ones are.
 */
import { PROT_READ, PROT_WRITE } from '../abi.ts';
import { LOG_PAGE_WORDS, PAGE_WORDS } from '../kernel.ts';
import { cas, loadAcquire, storeRelease } from '../sync.ts';
import type { Machine } from './machine.ts';

const PRESENT = 1;
/** A store is allowed: the mapping permits it and the page need not be copied first. */
export const WRITABLE = 2;
/** The entry owns its frame (private anonymous memory); without it the frame is the page cache's, or the zero page. */
export const ANON = 4;
/** Protected by UFFDIO_WRITEPROTECT: not writable, unless it was written to while nobody watched for that. */
const PROTECTED = 8;
const POISON = 16;
/** Of an entry that owns its frame: since a fork nobody has written to it. On Linux both processes share the page until then. */
export const FORKED = 32;
const NOT_READABLE = 1 << 31;
/** The entry that maps nothing. */
export const NO_PTE = NOT_READABLE;
/** Maps nothing, and what is mapped there will be write-protected. */
export const PROTECTED_MARKER = NOT_READABLE | PROTECTED;
/** Maps nothing, and whoever touches it gets SIGBUS. */
export const POISON_MARKER = NOT_READABLE | POISON;

/** A present entry. */
export function makePte(frame: number, flags: number): number {
  return (frame << LOG_PAGE_WORDS) | flags | PRESENT;
}

export function isPresent(pte: number): boolean {
  return (pte & PRESENT) !== 0;
}

export function isWritable(pte: number): boolean {
  return (pte & WRITABLE) !== 0;
}

/** Whether UFFDIO_WRITEPROTECT has protected the page, or will have once it is there. */
export function isProtected(pte: number): boolean {
  return (pte & PROTECTED) !== 0;
}

/** The present entry, write-protected. */
export function protectedPte(pte: number): number {
  return (pte & ~WRITABLE) | PROTECTED;
}

export function isAnon(pte: number): boolean {
  return (pte & ANON) !== 0;
}

export function isForked(pte: number): boolean {
  return (pte & FORKED) !== 0;
}

/** The entry of a page of its own, when its process is forked. */
export function forkedPte(pte: number): number {
  return (pte & ~WRITABLE) | FORKED;
}

/** The entry, about to be written to. */
export function writtenPte(pte: number): number {
  return (pte & ~FORKED) | WRITABLE;
}

export function frameOf(pte: number): number {
  return (pte & ~NOT_READABLE) >>> LOG_PAGE_WORDS;
}

/** Index in physical memory of the first word of the entry's frame. */
export function frameWord(pte: number): number {
  return pte & ~NOT_READABLE & -PAGE_WORDS;
}

/** The present entry without that protection; `withProtection` says whether it is writable. */
export function unprotectedPte(pte: number): number {
  return pte & ~PROTECTED;
}

/** The entry under other permissions. What is write-protected stays so, and what was forked and not written to since. */
export function permit(pte: number, readable: boolean, writable: boolean): number {
  const open =
    (pte & ~(NOT_READABLE | WRITABLE)) | (writable && (pte & (PROTECTED | FORKED)) === 0 ? WRITABLE : 0);
  return readable ? open : open | NOT_READABLE;
}

/** What of a mapping its entries depend on (vmas.ts). */
export interface Protection {
  /** PROT_* bits. */
  readonly prot: number;
  readonly shared: boolean;
}

/** The entry under a VMA's protection: what a private mapping has not copied yet stays read-only, and so does the page of zeros. */
export function withProtection(pte: number, { prot, shared }: Protection): number {
  const isOurs = isAnon(pte) || (shared && frameOf(pte) !== 0);
  return permit(pte, (prot & (PROT_READ | PROT_WRITE)) !== 0, (prot & PROT_WRITE) !== 0 && isOurs);
}

/** The entry for a page of the file that is mapped there. */
export function cachedPte(vma: Protection, frame: number): number {
  return withProtection(makePte(frame, 0), vma);
}

const LOG_TABLE = 12;
/** Entries of one table: 16 MiB of addresses, so that a GiB is cleared in a few calls of fill. */
const TABLE_PTES = 1 << LOG_TABLE;

/** The entry of a page from what the table holds for it. */
export function entryAt(page: number, distance: number): number {
  return (distance + origin(page, distance)) | 0;
}

function distanceTo(page: number, pte: number): number {
  return (pte - origin(page, pte)) | 0;
}

/** What the distance of an entry with these flags is measured from. */
function origin(page: number, flags: number): number {
  return ((flags & PRESENT) !== 0 ? page : page & -TABLE_PTES) << LOG_PAGE_WORDS;
}

export function loadPte(m: Machine, page: number): number {
  return entryAt(page, loadAcquire(m.ptes, page));
}

/** Publishes an entry where none is. False if another thread installed one first. */
export function installPte(m: Machine, page: number, pte: number): boolean {
  return replacePte(m, page, NO_PTE, pte);
}

/** The same over a marker, which is lost. False if something is mapped there. */
export function installOver(m: Machine, page: number, pte: number): boolean {
  for (;;) {
    const found = loadPte(m, page);
    if (isPresent(found)) return false;
    if (replacePte(m, page, found, pte)) return true;
  }
}

/** Takes an entry from one value to another. False if another thread changed it first. */
export function replacePte(m: Machine, page: number, expected: number, pte: number): boolean {
  noteUse(m, page);
  return cas(m.ptes, page, distanceTo(page, expected), distanceTo(page, pte));
}

/** Overwrites an entry; the caller holds the mm lock exclusively. */
export function storePte(m: Machine, page: number, pte: number): void {
  noteUse(m, page);
  storeRelease(m.ptes, page, distanceTo(page, pte));
}

export function clearPte(m: Machine, page: number): void {
  storeRelease(m.ptes, page, distanceTo(page, NO_PTE));
}

// A word a table says whether there may be an entry or a marker in it. So what is cleared of a mapping in the pause of a
// flip is what was in use of it.
//
// Invariant: the word of a table with an entry in it is 1. It is written before the entry is, with the mm lock held in
// whichever way; and back to 0 with the lock held exclusively, once the whole table is empty.

/** How many tables there are for so many pages. */
export function tablesOf(addressPages: number): number {
  return Math.ceil(addressPages / TABLE_PTES);
}

function noteUse({ tablesInUse }: Machine, page: number): void {
  if (loadAcquire(tablesInUse, page >> LOG_TABLE) === 0) storeRelease(tablesInUse, page >> LOG_TABLE, 1);
}

/** The end of the table that the page is in, or `end` if that is before it. */
function endOfTable(page: number, end: number): number {
  return Math.min((page | (TABLE_PTES - 1)) + 1, end);
}

/** The first page from `page` on, below `end`, whose table is in use. */
function nextInUse({ tablesInUse }: Machine, page: number, end: number): number {
  let next = page;
  while (next < end && tablesInUse[next >> LOG_TABLE] === 0) next = endOfTable(next, end);
  return next;
}

/** A new process: nothing is mapped, whatever its tables held. */
export function emptySpace(m: Machine): void {
  m.tablesInUse.fill(1);
  clearPtes(m, 0, m.addressPages);
}

// Of whole mappings, while the caller holds the mm lock exclusively or is the only thread: by plain stores, since an atomic
// store takes ten times as long, and this is in the pause of a flip. Giving the lock back publishes them.

/** Clears the entries of pages [start, end). */
export function clearPtes(m: Machine, start: number, end: number): void {
  const { ptes, tablesInUse } = m;
  for (let page = nextInUse(m, start, end), next = page; page < end; page = nextInUse(m, next, end)) {
    next = endOfTable(page, end);
    ptes.fill(distanceTo(page, NO_PTE), page, next);
    if (next - page === TABLE_PTES) tablesInUse[page >> LOG_TABLE] = 0;
  }
}

/** The first page from `page` on, below `end`, that has an entry or a marker; `end` if none has. */
export function nextPte(m: Machine, page: number, end: number): number {
  for (let next = nextInUse(m, page, end); next < end; next = nextInUse(m, next, end)) {
    const [stop, none] = [endOfTable(next, end), distanceTo(next, NO_PTE)];
    while (next < stop && m.ptes[next] === none) next++;
    if (next < stop) return next;
  }
  return end;
}

/** Of each entry of pages [start, end) that is one, `left` says what becomes of it. */
export function changePtes(m: Machine, start: number, end: number, left: (pte: number) => number): void {
  for (let page = nextPte(m, start, end); page < end; page = nextPte(m, page + 1, end))
    m.ptes[page] = distanceTo(page, left(entryAt(page, m.ptes[page] as number)));
}

/** Takes the entries of pages [start, end) to pages from `to` on, which are no part of those and have none. */
export function movePtes(m: Machine, to: number, start: number, end: number): void {
  for (let page = nextPte(m, start, end); page < end; page = nextPte(m, page + 1, end)) {
    noteUse(m, to + page - start);
    m.ptes[to + page - start] = distanceTo(to + page - start, entryAt(page, m.ptes[page] as number));
  }
  clearPtes(m, start, end);
}
