/** The system calls that make, end and protect mappings: mmap, munmap, mprotect. */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_HUGETLB,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_TYPE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
} from '../abi.ts';
import { EACCES, EEXIST, EINVAL, ENODEV, ENOMEM, EOVERFLOW } from '../errno.ts';
import { HUGE_PAGE_BYTES, PAGE_BYTES } from '../kernel.ts';
import { KIND, withOpen } from './descriptors.ts';
import { type Prepared, prepareUnmap, tellEvents } from './events.ts';
import { faultIn } from './fault.ts';
import { endShootdown } from './frames.ts';
import { isHugeAligned } from './huge-entries.ts';
import { reserve } from './huge-pool.ts';
import { type Machine, PAGES_PER_HUGE } from './machine.ts';
import { exclusively } from './mm-lock.ts';
import {
  createFile,
  dropFile,
  fileSize,
  isHugeFile,
  MAX_FILE_BYTES,
  reserveHuge,
  setFileSize,
} from './page-cache.ts';
import { isPresent, loadPte, storePte, withProtection } from './page-table.ts';
import { isAligned, isHugeSize, isUserRange, pageOf, pagesOf, TASK_SIZE } from './ranges.ts';
import { canUnmap, unmapPages } from './unmap.ts';
import {
  clip,
  cutsHugePage,
  findHole,
  findVma,
  hasRoom,
  replaceRange,
  UNREGISTERED,
  type Vma,
  vmasIn,
} from './vmas.ts';

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
  const mapped = isAnonymous(call) ? mapAnonymous(m, task, call) : mapDescriptor(m, task, call);
  if (mapped >= 0 && (call.flags & MAP_POPULATE) !== 0) populate(m, task, mapped, call);
  return mapped;
}

function isAnonymous({ flags }: MapCall): boolean {
  return (flags & MAP_ANONYMOUS) !== 0;
}

function isFixed({ flags }: MapCall): boolean {
  return (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0;
}

function mapAnonymous(m: Machine, task: number, call: MapCall): number {
  if ((call.flags & MAP_HUGETLB) === 0) return mapChecked(m, task, call, null);
  return isHugeSize(call.flags) ? mapHugeChecked(m, task, { ...call, offset: 0 }, null) : -EINVAL;
}

function mapDescriptor(m: Machine, task: number, call: MapCall): number {
  return withOpen(m, call.fd, ({ kind, object }) => {
    if (kind === KIND.memfd && isHugeFile(m, object)) return mapHugeChecked(m, task, call, object);
    if ((call.flags & MAP_HUGETLB) !== 0) return -EINVAL;
    if (kind === KIND.memfd) return mapChecked(m, task, call, object);
    // A userfaultfd is open for reading only, and cannot be mapped at all.
    const writes = (call.flags & MAP_TYPE) === MAP_SHARED && (call.prot & PROT_WRITE) !== 0;
    return writes ? -EACCES : -ENODEV;
  });
}

/** Maps `file`, or with null anonymous memory: the address, or −errno. */
function mapChecked(m: Machine, task: number, call: MapCall, file: number | null): number {
  const errno = refusal(call, file);
  return errno !== 0 ? errno : tellingOf(m, task, (events) => mapPages(m, call, file, events));
}

/** What is wrong with the arguments, in Linux's order: 0 or −errno. */
function refusal(call: MapCall, file: number | null): number {
  const { addr, length, flags, offset } = call;
  const type = flags & MAP_TYPE;
  if (!(length > 0)) return -EINVAL;
  if (!isUserRange(0, length)) return -ENOMEM;
  if (file !== null && offset + length > MAX_FILE_BYTES) return -EOVERFLOW;
  if (isFixed(call) && !isUserRange(addr, length)) return -ENOMEM;
  if (isFixed(call) && !isAligned(addr)) return -EINVAL;
  if (type !== MAP_SHARED && type !== MAP_PRIVATE) return -EINVAL;
  return 0;
}

/** The same of huge pages: the length is rounded up to whole ones. */
function mapHugeChecked(m: Machine, task: number, call: MapCall, file: number | null): number {
  const whole = { ...call, length: Math.ceil(call.length / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES };
  if (isFixed(call) && call.addr % HUGE_PAGE_BYTES !== 0) return -EINVAL;
  const errno = refusal(whole, file);
  return errno !== 0 ? errno : tellingOf(m, task, (events) => mapHuge(m, whole, file, events));
}

/** Runs `body` under the lock, and then tells of what it says. */
function tellingOf(m: Machine, task: number, body: (events: Prepared[]) => number): number {
  const events: Prepared[] = [];
  const mapped = exclusively(m, () => body(events));
  tellEvents(m, task, events);
  return mapped;
}

/** What it was mapped over is left to be told. */
function mapPages(m: Machine, call: MapCall, opened: number | null, events: Prepared[]): number {
  const pages = pagesOf(call.length);
  const start = choosePlace(m, call, pages, 1);
  if (start < 0) return start;
  if (!hasRoom(m, 2)) return -ENOMEM;
  if (!canUnmap(m, start, start + pages, events)) return -EINVAL;
  const shared = (call.flags & MAP_TYPE) === MAP_SHARED;
  const made = opened === null && shared ? newSharedMemory(m, pages) : -1;
  if (opened === null && shared && made < 0) return -ENOMEM;
  const file = opened ?? made;
  unmapPages(m, start, start + pages);
  const filePage = file < 0 ? start : opened === null ? 0 : call.offset / PAGE_BYTES;
  const prot = call.prot & PROT_ALL;
  replaceRange(m, start, start + pages, [
    {
      start,
      end: start + pages,
      prot,
      shared,
      file,
      filePage,
      ...UNREGISTERED,
      huge: false,
      reserves: false,
      dontFork: false,
      owner: 0,
    },
  ]);
  if (made >= 0) dropFile(m, made); // the mapping holds it from here on
  return start * PAGE_BYTES;
}

/** As on Linux, what was mapped there is gone too where the file refuses: for its offset, or for want of huge pages. */
function mapHuge(m: Machine, call: MapCall, opened: number | null, events: Prepared[]): number {
  const pages = pagesOf(call.length);
  const start = choosePlace(m, call, pages, PAGES_PER_HUGE);
  if (start < 0) return start;
  if (!hasRoom(m, 2)) return -ENOMEM;
  const file = opened ?? newSharedMemory(m, pages, true);
  if (file < 0) return -ENOMEM;
  events.push(...prepareUnmap(m, start, start + pages));
  unmapPages(m, start, start + pages);
  const mapped = isHugeAligned(call.offset / PAGE_BYTES) ? reserveAndMap(m, call, start, file) : -EINVAL;
  if (opened === null) dropFile(m, file);
  endShootdown(m);
  return mapped;
}

/** A mapping that may be written to makes its file as long as it is (Linux, fs/hugetlbfs/inode.c). */
function reserveAndMap(
  m: Machine,
  { length, offset, prot, flags }: MapCall,
  start: number,
  file: number,
): number {
  const shared = (flags & MAP_TYPE) === MAP_SHARED;
  const [first, count] = [offset / HUGE_PAGE_BYTES, length / HUGE_PAGE_BYTES];
  const reserves = (flags & MAP_NORESERVE) === 0;
  if (reserves && !(shared ? reserveHuge(m, file, first, first + count) : reserve(m, count))) return -ENOMEM;
  if ((prot & PROT_WRITE) !== 0 && fileSize(m, file) < offset + length) setFileSize(m, file, offset + length);
  const end = start + count * PAGES_PER_HUGE;
  replaceRange(m, start, end, [
    {
      start,
      end,
      prot: prot & PROT_ALL,
      shared,
      file,
      filePage: pageOf(offset),
      ...UNREGISTERED,
      huge: true,
      reserves: reserves && !shared,
      dontFork: false,
      owner: 0,
    },
  ]);
  return start * PAGE_BYTES;
}

/** First page of the new mapping, a multiple of `unit` where we choose, or −errno. */
function choosePlace(m: Machine, call: MapCall, pages: number, unit: number): number {
  const wanted = pageOf(call.addr);
  if (isFixed(call)) {
    if (wanted + pages > m.addressPages) return -ENOMEM;
    const taken = vmasIn(m, wanted, wanted + pages).length > 0;
    return taken && (call.flags & MAP_FIXED_NOREPLACE) !== 0 ? -EEXIST : wanted;
  }
  const chosen = findHole(m, pages, wanted, unit);
  return chosen < 0 ? -ENOMEM : chosen;
}

/** The file behind a MAP_SHARED | MAP_ANONYMOUS mapping, or −1. */
function newSharedMemory(m: Machine, pages: number, huge = false): number {
  const file = createFile(m, huge);
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
  return tellingOf(m, task, (events) => {
    if (splitsMapping(m, start, end) && !hasRoom(m, 1)) return -ENOMEM;
    if (!canUnmap(m, start, end, events)) return -EINVAL;
    unmapPages(m, start, end);
    return 0;
  });
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

/** Protects what is mapped up to the first hole, where it ends with −ENOMEM, or up to a huge page that it would cut: −EINVAL. */
function protectPages(m: Machine, start: number, end: number, prot: number): number {
  let reached = start;
  for (const vma of vmasIn(m, start, end)) {
    if (vma.start > reached || !hasRoom(m, 2)) return -ENOMEM;
    const part = clip(vma, start, end);
    if (vma.huge && vma.prot !== prot && cutsHugePage(m, part.start, part.end)) return -EINVAL;
    // A mapping of huge pages stays in one piece where nothing changes.
    if (!vma.huge || vma.prot !== prot) protectVma(m, { ...part, prot });
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
