/**
 * The memory that operations are measured on: one of each kind, of a kernel. An operation leaves it in any state, and
 * begins by making the state that it needs.
 *
 * The measuring thread must never touch a registered page that is missing: nobody would answer the fault.
 */
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MADV_DONTNEED,
  MADV_NOHUGEPAGE,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  O_CLOEXEC,
  PROT_READ,
  PROT_WRITE,
  UFFD_API,
  UFFD_FEATURE_MINOR_SHMEM,
  UFFD_FEATURE_MISSING_SHMEM,
  UFFD_FEATURE_MOVE,
  UFFD_FEATURE_POISON,
  UFFD_USER_MODE_ONLY,
  UFFDIO_API,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_MISSING,
  uffdioApi,
} from '../../uffd/abi.ts';
import { SyscallError } from '../../uffd/errno.ts';
import { type Kernel, PAGE_BYTES, PAGE_WORDS, type PageView } from '../../uffd/kernel.ts';
import { openKernel } from '../../uffd/open.ts';
import { openUserfaultfd, type Userfaultfd } from '../../uffd/userfaultfd.ts';
import type { KernelName } from './schema.ts';

/** The largest batch: pages of the buffer that COPY copies from. */
export const MAX_BATCH = 512;
const READ_WRITE = PROT_READ | PROT_WRITE;
const PUNCH = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
const UFFD_FLAGS = O_CLOEXEC | UFFD_USER_MODE_ONLY;

/** A mapping that the measuring thread fills and reads: never registered. */
export interface Area {
  readonly addr: number;
  readonly view: PageView;
  /** Its pages, each as words of its own; made once, since making one takes as long as copying a page. null on sim. */
  readonly pages: readonly Int32Array[] | null;
}

export interface Stage {
  readonly kernel: Kernel;
  readonly uffd: Userfaultfd;
  readonly features: bigint;
  readonly pages: number;
  readonly bytes: number;
  /** A shared-memory file: as the heap has it (registered MISSING and MINOR), and the collector's alias of it. */
  readonly file: number;
  readonly heap: number;
  readonly alias: Area;
  /** From-space in shared memory, and its file. */
  readonly fromFile: number;
  readonly fromShared: Area;
  /** Private memory: the heap (registered MISSING), plain memory beside it, and from-space. */
  readonly privateHeap: number;
  readonly plain: Area;
  readonly from: Area;
  /** A second private heap, and the pool whose pages move there and back again. */
  readonly pooledHeap: number;
  readonly pool: Area;
  /** A batch that is always in the cache. */
  readonly buffer: Area;
}

/** The system call's result. @throws SyscallError if it failed */
export function checked(syscall: string, result: number): number {
  if (result < 0) throw new SyscallError(syscall, result);
  return result;
}

export function openStage(name: KernelName, pages: number): Stage {
  const bytes = pages * PAGE_BYTES;
  // Eight mappings of private or file pages at most, and the buffer.
  const memoryBytes = 8 * bytes + 2 * MAX_BATCH * PAGE_BYTES;
  const kernel = openKernel(name, { memoryBytes, populate: true });
  const features = offeredFeatures(kernel);
  const wanted =
    UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MOVE | UFFD_FEATURE_POISON;
  const uffd = openUserfaultfd(kernel, { flags: UFFD_FLAGS, features: features & wanted });
  const [file, fromFile] = [newFile(kernel, bytes), newFile(kernel, bytes)];
  const heap = map(kernel, bytes, file);
  const [privateHeap, pooledHeap] = [map(kernel, bytes), map(kernel, bytes)];
  uffd.register(heap, bytes, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR);
  uffd.register(privateHeap, bytes, UFFDIO_REGISTER_MODE_MISSING);
  uffd.register(pooledHeap, bytes, UFFDIO_REGISTER_MODE_MISSING);
  return {
    ...{ kernel, uffd, features, pages, bytes, file, fromFile, heap, privateHeap, pooledHeap },
    alias: newArea(kernel, bytes, file),
    fromShared: newArea(kernel, bytes, fromFile),
    plain: newArea(kernel, bytes),
    from: newArea(kernel, bytes),
    pool: newArea(kernel, bytes),
    buffer: newArea(kernel, MAX_BATCH * PAGE_BYTES),
  };
}

/** What the handshake on a throw-away userfaultfd reports. */
function offeredFeatures(kernel: Kernel): bigint {
  const fd = checked('userfaultfd', kernel.userfaultfd(UFFD_FLAGS));
  const arg = uffdioApi.encode({ api: UFFD_API, features: 0n });
  checked('UFFDIO_API', kernel.ioctl(fd, UFFDIO_API, arg));
  kernel.close(fd);
  return uffdioApi.take(arg, 'features');
}

function newFile(kernel: Kernel, bytes: number): number {
  const fd = checked('memfd_create', kernel.memfd_create('minorfault-costs', 0));
  checked('ftruncate', kernel.ftruncate(fd, bytes));
  return fd;
}

function map(kernel: Kernel, bytes: number, fd = -1): number {
  const flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  const addr = checked('mmap', kernel.mmap(0, bytes, READ_WRITE, flags, fd, 0));
  kernel.madvise(addr, bytes, MADV_NOHUGEPAGE); // where there are no huge pages it answers EINVAL, and none come
  return addr;
}

function newArea(kernel: Kernel, bytes: number, fd = -1): Area {
  const addr = map(kernel, bytes, fd);
  const view = kernel.pageView(addr, bytes);
  if (kernel.kind === 'sim') return { addr, view, pages: null };
  const pages = Array.from({ length: bytes / PAGE_BYTES }, (_, page) =>
    view.words.subarray(page * PAGE_WORDS, (page + 1) * PAGE_WORDS),
  );
  return { addr, view, pages };
}

/** Touches the pages for writing: those that are missing are allocated, those that are cached are mapped. */
export function touch({ view }: Area, first: number, count: number): void {
  const { words, writable } = view;
  for (let page = first; page < first + count; page++) {
    words[writable(page)] = page;
  }
}

/** One page's words from one area to another. On sim all memory is one array, and pages are where their frames are. */
export function copyPage(to: Area, toPage: number, from: Area, fromPage: number): void {
  if (from.pages !== null) {
    to.view.words.set(from.pages[fromPage] as Int32Array, toPage * PAGE_WORDS);
    return;
  }
  const at = to.view.writable(toPage);
  const source = from.view.readable(fromPage);
  to.view.words.copyWithin(at, source, source + PAGE_WORDS);
}

/** Unmaps: what private memory held is gone, what a file holds stays. */
export function drop({ kernel }: Stage, addr: number, bytes: number): void {
  checked('madvise', kernel.madvise(addr, bytes, MADV_DONTNEED));
}

/** Gives the file's pages back, and with them what any mapping of them maps. */
export function punch({ kernel }: Stage, file: number, at: number, bytes: number): void {
  checked('fallocate', kernel.fallocate(file, PUNCH, at, bytes));
}
