/** The system calls that change the address space: mmap, munmap, mremap, mprotect, madvise. */
import {
  MADV_COLD,
  MADV_DONTNEED,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_WILLNEED,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_POPULATE,
  MAP_SHARED,
  MAP_TYPE,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../abi.ts';
import { EACCES, EEXIST, EFAULT, EINVAL, ENODEV, ENOMEM } from '../errno.ts';
import { PAGE_BYTES } from '../kernel.ts';
import { handleFault, withProtection } from './fault.ts';
import { endShootdown, retireFrame } from './frames.ts';
import { type Machine, NO_PTE, pageOf, pagesOf, TASK_SIZE } from './machine.ts';
import { createFile, discardPages, dropFile, setFileSize } from './page-cache.ts';
import { clearPte, frameOf, isAnon, isPresent, loadPte, storePte } from './page-table.ts';
import { exclusively } from './register.ts';
import { clip, findHole, hasRoom, replaceRange, type Vma, vmasIn } from './vmas.ts';

/** Where mmap looks first when it may choose: below is left unmapped, as vm.mmap_min_addr does. */
const LOWEST_CHOICE = 16;
const UNREGISTERED = { context: -1, modes: 0 } as const;

function isAligned(bytes: number): boolean {
  return bytes % PAGE_BYTES === 0;
}

/** What mmap was asked for, checked. `file` is −1 for private anonymous memory. */
export interface MapRequest {
  readonly addr: number;
  readonly length: number;
  readonly prot: number;
  readonly flags: number;
  /** The file behind the descriptor, or null: anonymous. */
  readonly file: number | null;
  readonly offset: number;
}

export function mmap(m: Machine, task: number, request: MapRequest): number {
  const { addr, length, flags, offset, file } = request;
  const shared = (flags & MAP_TYPE) === MAP_SHARED;
  if (length <= 0 || !isAligned(offset) || offset < 0) return -EINVAL;
  if (length > TASK_SIZE) return -ENOMEM;
  const fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0;
  if (fixed && !isAligned(addr)) return -EINVAL;
  // Private mappings of files come with the rest of the UAPI.
  if (file !== null && !shared) return -ENODEV;
  const mapped = exclusively(m, () => mapPages(m, { ...request, length: pagesOf(length) * PAGE_BYTES }, shared));
  if (mapped >= 0 && (flags & MAP_POPULATE) !== 0) populate(m, task, mapped, length, request.prot);
  return mapped;
}

function mapPages(m: Machine, request: MapRequest, shared: boolean): number {
  const pages = request.length / PAGE_BYTES;
  const start = choosePlace(m, request, pages);
  if (start < 0) return start;
  if (!hasRoom(m, 2)) return -ENOMEM;
  const anonymousFile = request.file === null && shared ? newSharedMemory(m, request.length) : -1;
  if (request.file === null && shared && anonymousFile < 0) return -ENOMEM;
  const file = request.file ?? anonymousFile;
  unmapPages(m, start, start + pages);
  const filePage = file < 0 ? 0 : request.offset / PAGE_BYTES;
  const prot = request.prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
  replaceRange(m, start, start + pages, [
    { start, end: start + pages, prot, shared, file, filePage, ...UNREGISTERED },
  ]);
  if (anonymousFile >= 0) dropFile(m, anonymousFile); // the mapping holds it from here on
  return start * PAGE_BYTES;
}

/** First page of the new mapping, or −errno. */
function choosePlace(m: Machine, request: MapRequest, pages: number): number {
  const { addr, flags } = request;
  const wanted = pageOf(addr);
  if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0) {
    if (wanted + pages > m.addressPages) return -ENOMEM;
    const taken = vmasIn(m, wanted, wanted + pages).length > 0;
    return taken && (flags & MAP_FIXED_NOREPLACE) !== 0 ? -EEXIST : wanted;
  }
  const hinted = findHole(m, Math.max(wanted, LOWEST_CHOICE), pages);
  if (hinted === wanted) return hinted;
  const chosen = findHole(m, LOWEST_CHOICE, pages);
  return chosen < 0 ? -ENOMEM : chosen;
}

function newSharedMemory(m: Machine, bytes: number): number {
  const file = createFile(m);
  if (file >= 0) setFileSize(m, file, bytes);
  return file;
}

function populate(m: Machine, task: number, addr: number, length: number, prot: number): void {
  for (let page = pageOf(addr); page < pageOf(addr) + pagesOf(length); page++) {
    handleFault(m, task, { page, write: (prot & PROT_WRITE) !== 0, kernelMode: true });
  }
}

export function munmap(m: Machine, addr: number, length: number): number {
  if (!isAligned(addr) || length <= 0 || addr + length > TASK_SIZE) return -EINVAL;
  const end = pageOf(addr) + pagesOf(length);
  return exclusively(m, () => {
    if (!hasRoom(m, 1)) return -ENOMEM;
    unmapPages(m, pageOf(addr), end);
    return 0;
  });
}

/** Takes the range out of the address space. Sleepers in it are not woken, as on Linux. */
function unmapPages(m: Machine, start: number, end: number): void {
  for (const vma of vmasIn(m, start, end)) dropEntries(m, clip(vma, start, end));
  replaceRange(m, start, end, []);
  endShootdown(m);
}

/** Clears the page-table entries of a VMA's range; anonymous pages are given up, file pages stay cached. */
function dropEntries(m: Machine, vma: Vma): void {
  if (vma.file >= 0) {
    m.ptes.fill(NO_PTE, vma.start, vma.end);
    return;
  }
  for (let page = vma.start; page < vma.end; page++) {
    const pte = loadPte(m, page);
    if (pte === NO_PTE) continue;
    clearPte(m, page);
    if (isAnon(pte)) retireFrame(m, frameOf(pte));
  }
}

/** What mremap was asked for, in pages. */
interface Move {
  readonly from: number;
  readonly pages: number;
  readonly newPages: number;
  readonly flags: number;
  readonly to: number;
}

export function mremap(
  m: Machine,
  old: number,
  oldLength: number,
  newLength: number,
  flags: number,
  newAddr: number,
): number {
  const fixed = (flags & MREMAP_FIXED) !== 0;
  const keeps = (flags & MREMAP_DONTUNMAP) !== 0;
  if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0) return -EINVAL;
  if ((fixed || keeps) && (flags & MREMAP_MAYMOVE) === 0) return -EINVAL;
  if (keeps && oldLength !== newLength) return -EINVAL;
  if (!isAligned(old) || newLength <= 0 || oldLength <= 0) return -EINVAL;
  if (fixed && !isAligned(newAddr)) return -EINVAL;
  const move: Move = {
    from: pageOf(old),
    pages: pagesOf(oldLength),
    newPages: pagesOf(newLength),
    flags,
    to: fixed ? pageOf(newAddr) : -1,
  };
  if (fixed && move.to < move.from + move.pages && move.from < move.to + move.newPages) return -EINVAL;
  if (fixed && move.to + move.newPages > m.addressPages) return -ENOMEM;
  return exclusively(m, () => remapPages(m, move));
}

function remapPages(m: Machine, move: Move): number {
  const { from, pages, newPages, flags } = move;
  const [whole] = vmasIn(m, from, from + pages);
  if (whole === undefined || whole.start > from || whole.end < from + pages) return -EFAULT;
  if (!hasRoom(m, 4)) return -ENOMEM;
  if (newPages < pages) unmapPages(m, from + newPages, from + pages);
  const vma = clip(whole, from, from + Math.min(pages, newPages));
  const stays = move.to < 0 && (flags & MREMAP_DONTUNMAP) === 0;
  if (stays && newPages <= pages) return from * PAGE_BYTES;
  if (stays && growsInPlace(m, whole, from + pages, newPages - pages)) {
    replaceRange(m, from, from + newPages, [{ ...vma, end: from + newPages }]);
    return from * PAGE_BYTES;
  }
  if ((flags & MREMAP_MAYMOVE) === 0) return -ENOMEM;
  const to = move.to >= 0 ? move.to : findHole(m, LOWEST_CHOICE, newPages);
  if (to < 0) return -ENOMEM;
  moveEntries(m, vma, to, newPages, (flags & MREMAP_DONTUNMAP) !== 0);
  return to * PAGE_BYTES;
}

/** Whether the mapping ends at `end` and so many pages behind it are free. */
function growsInPlace(m: Machine, vma: Vma, end: number, more: number): boolean {
  return vma.end === end && end + more <= m.addressPages && vmasIn(m, end, end + more).length === 0;
}

/** Moves page-table entries; frames stay where they are. The new place is not registered. */
function moveEntries(m: Machine, vma: Vma, to: number, newPages: number, keepsOld: boolean): void {
  unmapPages(m, to, to + newPages);
  m.ptes.copyWithin(to, vma.start, vma.end);
  m.ptes.fill(NO_PTE, vma.start, vma.end);
  replaceRange(m, to, to + newPages, [{ ...vma, start: to, end: to + newPages, ...UNREGISTERED }]);
  if (!keepsOld) replaceRange(m, vma.start, vma.end, []);
  endShootdown(m);
}

export function mprotect(m: Machine, addr: number, length: number, prot: number): number {
  if (!isAligned(addr) || length < 0) return -EINVAL;
  if (length === 0) return 0;
  const [start, end] = [pageOf(addr), pageOf(addr) + pagesOf(length)];
  return exclusively(m, () => {
    const vmas = vmasIn(m, start, end);
    if (!coversAll(vmas, start, end) || !hasRoom(m, 2)) return -ENOMEM;
    for (const vma of vmas) {
      const part = { ...clip(vma, start, end), prot };
      for (let page = part.start; page < part.end; page++) {
        const pte = loadPte(m, page);
        if (isPresent(pte)) storePte(m, page, withProtection(pte, prot));
      }
      replaceRange(m, part.start, part.end, [part]);
    }
    endShootdown(m);
    return 0;
  });
}

function coversAll(vmas: readonly Vma[], start: number, end: number): boolean {
  let reached = start;
  for (const vma of vmas) {
    if (vma.start > reached) return false;
    reached = vma.end;
  }
  return reached >= end;
}

/** Hints, which this machine has no use for. */
const HINTS: readonly number[] = [
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_WILLNEED,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MADV_COLD,
  MADV_PAGEOUT,
];

export function madvise(m: Machine, task: number, addr: number, length: number, advice: number): number {
  const populates = advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE;
  const known = populates || advice === MADV_DONTNEED || advice === MADV_REMOVE || HINTS.includes(advice);
  if (!known || !isAligned(addr) || length < 0) return -EINVAL;
  if (length === 0) return 0;
  const [start, end] = [pageOf(addr), pageOf(addr) + pagesOf(length)];
  if (populates) return populateRange(m, task, start, end, advice === MADV_POPULATE_WRITE);
  return exclusively(m, () => {
    const vmas = vmasIn(m, start, end);
    for (const vma of vmas) {
      const errno = advise(m, clip(vma, start, end), advice);
      if (errno !== 0) return errno;
    }
    endShootdown(m);
    return coversAll(vmas, start, end) ? 0 : -ENOMEM;
  });
}

function advise(m: Machine, vma: Vma, advice: number): number {
  if (advice === MADV_DONTNEED) dropEntries(m, vma);
  if (advice !== MADV_REMOVE) return 0;
  if (vma.file < 0) return -EINVAL;
  if ((vma.prot & PROT_WRITE) === 0) return -EACCES;
  punch(m, vma.file, vma.filePage, vma.filePage + vma.end - vma.start);
  return 0;
}

function populateRange(m: Machine, task: number, start: number, end: number, write: boolean): number {
  for (let page = start; page < end; page++) {
    const outcome = handleFault(m, task, { page, write, kernelMode: true });
    if (outcome !== 'ok') return outcome === 'SIGSEGV' ? -ENOMEM : -EFAULT;
  }
  return 0;
}

/** Makes pages [from, to) of a file holes, in every mapping. The address space is held exclusively. */
export function punch(m: Machine, file: number, from: number, to: number): void {
  for (const vma of vmasIn(m, 0, m.addressPages)) {
    if (vma.file !== file) continue;
    const start = Math.max(vma.start, vma.start + from - vma.filePage);
    const end = Math.min(vma.end, vma.start + to - vma.filePage);
    if (start < end) m.ptes.fill(NO_PTE, start, end);
  }
  discardPages(m, file, from, to);
  endShootdown(m);
}
