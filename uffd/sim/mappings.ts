/** The system calls that make, end and protect mappings: mmap, munmap, mprotect. */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_HUGETLB,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_TYPE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../abi.ts';
import { EACCES, EEXIST, EINVAL, ENODEV, ENOMEM, EOVERFLOW } from '../errno.ts';
import { PAGE_BYTES } from '../kernel.ts';
import { KIND, withOpen } from './descriptors.ts';
import { type Prepared, prepareUnmap, tellEvents } from './events.ts';
import { faultIn, withProtection } from './fault.ts';
import { endShootdown } from './frames.ts';
import type { Machine } from './machine.ts';
import { exclusively } from './mm-lock.ts';
import { createFile, dropFile, MAX_FILE_BYTES, setFileSize } from './page-cache.ts';
import { isPresent, loadPte, storePte } from './page-table.ts';
import { isAligned, isUserRange, pageOf, pagesOf, TASK_SIZE } from './ranges.ts';
import { unmapPages } from './unmap.ts';
import { clip, findHole, findVma, hasRoom, replaceRange, UNREGISTERED, type Vma, vmasIn } from './vmas.ts';

/** The arguments of mmap. */
export interface MapCall {
  readonly addr: number;
  readonly length: number;
  readonly prot: number;
  readonly flags: number;
  readonly fd: number;
  readonly offset: number;
}

const PROT_ALL = PROT_READ | PROT_WRITE | PROT_EXEC;
/** Semaphores: mprotect accepts it and it means nothing on x86. */
const PROT_SEM = 8;

export function mmap(m: Machine, task: number, asked: MapCall): number {
  if (!isAligned(asked.offset) || asked.offset < 0) return -EINVAL;
  // Flags that mmap does not know are passed over: without this one an address is a hint.
  const unknown = m.profile.has.fixedNoReplace ? 0 : MAP_FIXED_NOREPLACE;
  const call = unknown === 0 ? asked : { ...asked, flags: asked.flags & ~unknown };
  const mapped = isAnonymous(call) ? mapChecked(m, task, call, null) : mapDescriptor(m, task, call);
  if (mapped >= 0 && (call.flags & MAP_POPULATE) !== 0) populate(m, task, mapped, call);
  return mapped;
}

function isAnonymous({ flags }: MapCall): boolean {
  return (flags & MAP_ANONYMOUS) !== 0;
}

function isFixed({ flags }: MapCall): boolean {
  return (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0;
}

function mapDescriptor(m: Machine, task: number, call: MapCall): number {
  return withOpen(m, call.fd, ({ kind, object }) => {
    if (kind === KIND.memfd) return mapChecked(m, task, call, object);
    // A userfaultfd is open for reading only, and cannot be mapped at all.
    const writes = (call.flags & MAP_TYPE) === MAP_SHARED && (call.prot & PROT_WRITE) !== 0;
    return writes ? -EACCES : -ENODEV;
  });
}

/** Maps `file`, or with null anonymous memory: the address, or −errno. */
function mapChecked(m: Machine, task: number, call: MapCall, file: number | null): number {
  const errno = refusal(call, file);
  if (errno !== 0) return errno;
  const events: Prepared[] = [];
  const mapped = exclusively(m, () => mapPages(m, call, file, events));
  tellEvents(m, task, events);
  return mapped;
}

/** What is wrong with the arguments, in Linux's order: 0 or −errno. */
function refusal(call: MapCall, file: number | null): number {
  const { addr, length, flags, offset } = call;
  const type = flags & MAP_TYPE;
  // Huge pages come with the rest of the UAPI: a kernel built without them has this answer.
  if ((flags & MAP_HUGETLB) !== 0) return -EINVAL;
  if (!(length > 0)) return -EINVAL;
  if (!isUserRange(0, length)) return -ENOMEM;
  if (file !== null && offset + length > MAX_FILE_BYTES) return -EOVERFLOW;
  if (isFixed(call) && !isUserRange(addr, length)) return -ENOMEM;
  if (isFixed(call) && !isAligned(addr)) return -EINVAL;
  if (type !== MAP_SHARED && type !== MAP_PRIVATE) return -EINVAL;
  return 0;
}

/** What it was mapped over is left to be told. */
function mapPages(m: Machine, call: MapCall, opened: number | null, events: Prepared[]): number {
  const pages = pagesOf(call.length);
  const start = choosePlace(m, call, pages);
  if (start < 0) return start;
  if (!hasRoom(m, 2)) return -ENOMEM;
  const shared = (call.flags & MAP_TYPE) === MAP_SHARED;
  const made = opened === null && shared ? newSharedMemory(m, pages) : -1;
  if (opened === null && shared && made < 0) return -ENOMEM;
  const file = opened ?? made;
  events.push(...prepareUnmap(m, start, start + pages));
  unmapPages(m, start, start + pages);
  const filePage = opened === null ? 0 : call.offset / PAGE_BYTES;
  const prot = call.prot & PROT_ALL;
  replaceRange(m, start, start + pages, [
    { start, end: start + pages, prot, shared, file, filePage, ...UNREGISTERED },
  ]);
  if (made >= 0) dropFile(m, made); // the mapping holds it from here on
  return start * PAGE_BYTES;
}

/** First page of the new mapping, or −errno. */
function choosePlace(m: Machine, call: MapCall, pages: number): number {
  const wanted = pageOf(call.addr);
  if (isFixed(call)) {
    if (wanted + pages > m.addressPages) return -ENOMEM;
    const taken = vmasIn(m, wanted, wanted + pages).length > 0;
    return taken && (call.flags & MAP_FIXED_NOREPLACE) !== 0 ? -EEXIST : wanted;
  }
  const chosen = findHole(m, pages, wanted);
  return chosen < 0 ? -ENOMEM : chosen;
}

/** The file behind a MAP_SHARED | MAP_ANONYMOUS mapping, or −1. */
function newSharedMemory(m: Machine, pages: number): number {
  const file = createFile(m);
  if (file >= 0) setFileSize(m, file, pages * PAGE_BYTES);
  return file;
}

/** As far as memory goes: mmap does not fail for what it could not populate. */
function populate(m: Machine, task: number, addr: number, { length, prot }: MapCall): void {
  const write = (prot & PROT_WRITE) !== 0;
  for (let page = pageOf(addr); page < pageOf(addr) + pagesOf(length); page++) {
    if (faultIn(m, task, page, write) !== 'ok') return;
  }
}

export function munmap(m: Machine, task: number, addr: number, length: number): number {
  if (!isAligned(addr) || !isUserRange(addr, length) || length === 0) return -EINVAL;
  const [start, end] = [pageOf(addr), pageOf(addr) + pagesOf(length)];
  const events = exclusively(m, () => {
    if (splitsMapping(m, start, end) && !hasRoom(m, 1)) return null;
    const prepared = prepareUnmap(m, start, end);
    unmapPages(m, start, end);
    return prepared;
  });
  if (events === null) return -ENOMEM;
  tellEvents(m, task, events);
  return 0;
}

/** Whether something of one mapping is left on both sides: then there is one more. munmap(2), ENOMEM. */
function splitsMapping(m: Machine, start: number, end: number): boolean {
  const vma = findVma(m, start);
  return vma !== null && vma.start < start && vma.end > end;
}

export function mprotect(m: Machine, addr: number, length: number, prot: number): number {
  if (!isAligned(addr)) return -EINVAL;
  if (length === 0) return 0;
  if (!isUserRange(addr, length) || addr + length > TASK_SIZE) return -ENOMEM;
  if ((prot & ~(PROT_ALL | PROT_SEM)) !== 0) return -EINVAL;
  return exclusively(m, () => {
    const errno = protectPages(m, pageOf(addr), pageOf(addr) + pagesOf(length), prot & PROT_ALL);
    endShootdown(m);
    return errno;
  });
}

/** Protects what is mapped up to the first hole, where it ends with −ENOMEM. */
function protectPages(m: Machine, start: number, end: number, prot: number): number {
  let reached = start;
  for (const vma of vmasIn(m, start, end)) {
    if (vma.start > reached || !hasRoom(m, 2)) return -ENOMEM;
    protectVma(m, { ...clip(vma, start, end), prot });
    reached = vma.end;
  }
  return reached >= end ? 0 : -ENOMEM;
}

function protectVma(m: Machine, vma: Vma): void {
  for (let page = vma.start; page < vma.end; page++) {
    const pte = loadPte(m, page);
    if (isPresent(pte)) storePte(m, page, withProtection(pte, vma));
  }
  replaceRange(m, vma.start, vma.end, [vma]);
}
