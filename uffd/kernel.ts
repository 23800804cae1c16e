/**
 * The seam. `Kernel` is the handful of Linux system calls that a collector (or any userfaultfd program) needs,
 * under Linux's names, with Linux's argument order, flags, binary structures and results. Everything above
 * `uffd/` talks to memory through it and cannot tell which kernel answers.
 */

import type { WasmMemory } from './linear.ts';

/** Bytes in a page, on both kernels. */
export const PAGE_BYTES = 4096;
/** 32-bit words in a page. */
export const PAGE_WORDS = 1024;
/** log2 of {@link PAGE_WORDS}: `word >>> LOG_PAGE_WORDS` is a page. */
export const LOG_PAGE_WORDS = 10;
/** log2 of {@link PAGE_BYTES}. */
export const LOG_PAGE_BYTES = 12;
/** Bytes in a huge page (hugetlb), on both kernels: what MAP_HUGE_2MB and MFD_HUGE_2MB name, and the default. */
export const HUGE_PAGE_BYTES = 2 ** 21;

/** What /proc/self/pagemap tells of the page at an address. */
export interface PageState {
  readonly present: boolean;
  readonly writeProtected: boolean;
  /** true for a page of a file (shmem included), false for private anonymous memory and where nothing is. */
  readonly file: boolean;
}

/** What /proc/self/fdinfo tells of a userfaultfd. */
export interface UffdInfo {
  /** Faults queued and not yet read. */
  readonly pending: number;
  /** Faults queued, or read and still asleep. */
  readonly total: number;
  /** Features enabled by the API handshake. */
  readonly features: bigint;
  /** Calls that wait until their event is read. Only sim tells it: Linux counts them nowhere. */
  readonly events?: number;
}

/** Physical memory behind the machine, in bytes: frames on sim, resident and page-cache pages on linux. */
export interface MemoryUse {
  readonly bytes: number;
  readonly peakBytes: number;
}

/** A machine's part of linear memory (linear.ts). */
export interface KernelLinear {
  readonly memory: WasmMemory;
  /**
   * Address of `length` bytes of it that hold nothing, to be mapped over with MAP_FIXED: a view of them then says where
   * they lie in linear memory. A multiple of `alignment` (default: one page). 0 if there is no room.
   */
  place(length: number, alignment?: number): number;
  /** Words of it beside all mappings, all zero, that never fault; null if there is no room. They are never given back. */
  allocate(bytes: number): Int32Array | null;
}

/** A structured-cloneable ticket: `openKernel(handle)` in any thread attaches it to the same machine. */
export type KernelHandle = {
  readonly minorfault: 'sim' | 'linux';
  /** The simulated machine's memory and state. */
  readonly machine?: SharedArrayBuffer;
  /** Which of the machine's processes (default: the first). */
  readonly process?: number;
  readonly linear?: WasmMemory | null;
};

/** That of a machine which has been opened. */
export type OpenHandle = KernelHandle & { readonly machine: SharedArrayBuffer };

/**
 * Told after an access has slept in a userfault: the byte address, or NO_ADDRESS, and when it began and ended (ms,
 * performance.now).
 */
export type StallListener = (address: number, beganMs: number, endedMs: number) => void;
/** The real kernel does not say which access it was. */
export const NO_ADDRESS = -1;

/**
 * A range of machine memory as a mutator sees it. Every access is one the memory management unit checks: it may
 * fault, sleep until the fault is served, and is then retried. Word indices count 32-bit words from the start of
 * the range. Loads and stores are plain (relaxed); they are ordered after the page-table entry they depend on.
 *
 * Between {@link MutatorView.enter} and {@link MutatorView.leave} the thread may hold translations, and owes the
 * kernel a {@link MutatorView.quiesce} now and then (a safepoint), or frames that were freed are not reused. A fault
 * and a system call of the thread count as one.
 */
export interface MutatorView {
  readonly load: (word: number) => number;
  readonly store: (word: number, value: number) => void;
  enter(): void;
  quiesce(): void;
  leave(): void;
  /**
   * The listener for stalls of this view, or null; one at a time, set while the thread is not between `enter` and `leave`. The
   * real kernel's are told at the next `quiesce` or `leave`, as one for all that was slept since the last.
   */
  onStall: StallListener | null;
}

/**
 * A range of machine memory for a thread that works page by page and must never meet a userfault: a collector's
 * alias. `words[readable(page) + i]` is word i of the page. Indices are good until the page is unmapped or moved,
 * which whoever uses the view must rule out by protocol.
 */
export interface PageView {
  readonly words: Int32Array;
  /** Index of the page's first word, faulted in for reading (demand paging, not userfault). */
  readonly readable: (page: number) => number;
  /** The same, faulted in for writing anew: the caller writes the whole page, and its first word may be lost. */
  readonly writable: (page: number) => number;
  /** The same, faulted in for writing with what it holds, whoever else stores to it: some of its words may be stored to. */
  readonly updatable: (page: number) => number;
  /** Offset in linear memory, in bytes, from where the pages lie in order; absent if they do not lie there. */
  readonly linear?: number;
}

/**
 * System calls answer a value ≥ 0, or −errno; they do not throw for what Linux answers with an errno. Addresses,
 * lengths, offsets, flags and descriptors are plain numbers (bytes). All are synchronous and none needs an event
 * loop. Any method but `handle` and `dispose` throws {@link MachineGoneError} once the opener has disposed of the
 * machine, or this thread has detached from it.
 *
 * On sim, a thread that is terminated from outside in the middle of a method may leave a lock of the machine held:
 * stop it at a point of its own, or dispose of the machine first (dispose itself takes no lock).
 */
export interface Kernel {
  readonly kind: 'sim' | 'linux';
  /**
   * Bytes that mremap moves in one step where they are aligned and whole: ranges that are moved while the world
   * stands still are best reserved in whole units of it.
   */
  readonly moveUnit: number;
  /**
   * A mapping of a file that another one replaces goes at once, not page by page: it need not be moved aside first, where
   * the world stands still.
   */
  readonly dropsAtOnce: boolean;
  /** null: compiled code does not reach this machine's memory. */
  readonly linear: KernelLinear | null;

  userfaultfd(flags: number): number;
  /**
   * `arg` is the packed structure, written back in place. null or shorter than the size in the request number:
   * −EFAULT. Longer is fine.
   */
  ioctl(fd: number, request: number, arg: Uint8Array | null): number;
  /** Blocks unless O_NONBLOCK. Fills 32-byte `uffd_msg` records and answers bytes. */
  read(fd: number, into: Uint8Array): number;
  /** revents; 0 after the timeout (ms); −1 waits for ever. POLLERR on a userfaultfd without O_NONBLOCK. */
  poll(fd: number, events: number, timeoutMs: number): number;
  close(fd: number): number;
  dup(fd: number): number;
  fcntl(fd: number, command: number, value: number): number;

  /** With MFD_HUGETLB a file of huge pages: its mappings begin and end at multiples of {@link HUGE_PAGE_BYTES}. */
  memfd_create(name: string, flags: number): number;
  ftruncate(fd: number, length: number): number;
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  /** A file against machine memory: a kernel-mode access to `addr`. */
  pread(fd: number, addr: number, length: number, offset: number): number;
  pwrite(fd: number, addr: number, length: number, offset: number): number;

  mmap(addr: number, length: number, prot: number, flags: number, fd: number, offset: number): number;
  munmap(addr: number, length: number): number;
  mremap(old: number, oldLength: number, newLength: number, flags: number, newAddr: number): number;
  mprotect(addr: number, length: number, prot: number): number;
  madvise(addr: number, length: number, advice: number): number;

  /**
   * fork(2): a kernel for the new process, or −errno. That has copies of this one's memory and descriptors; the caller, and
   * whoever attaches by the handle, makes calls and accesses in it. Once all of these have disposed of their kernels for it, it
   * ends. The call waits until a userfaultfd with UFFD_FEATURE_EVENT_FORK that watches some of the memory was read.
   *
   * On linux (x86-64; elsewhere −ENOSYS) the process has one thread, which does what it is asked one after the other; it has no
   * views, forks no other, ends with the thread that has forked it, and of an access without a mapping: then that throws.
   */
  fork(): Kernel | number;

  /**
   * An access by the calling thread: it faults, sleeps and is retried as a C program's would be. `addr` is 4-byte
   * aligned; values are unsigned. Throws {@link AccessError} (`code` SIGSEGV or SIGBUS) on sim; on linux the
   * process dies of it.
   */
  load32(addr: number): number;
  store32(addr: number, value: number): void;
  copyIn(addr: number, bytes: Uint8Array): void;
  copyOut(addr: number, bytes: Uint8Array): void;

  pagemap(addr: number): PageState;
  /** The same of so many pages from the one at `addr` on, at once. */
  pagemaps(addr: number, pages: number): PageState[];
  /** Of so many pages from the one at `addr` on, at once: 1 for each that pagemap says is present, else 0. */
  presence(addr: number, pages: number): Uint8Array;
  /** −EBADF for what is no open userfaultfd. */
  fdinfo(fd: number): UffdInfo | number;
  gettid(): number;

  /** A mutator's view of [addr, addr + length): page-aligned, and at most 4 GiB. */
  mutatorView(addr: number, length: number): MutatorView;
  /** A collector's view of [addr, addr + length): page-aligned. */
  pageView(addr: number, length: number): PageView;
  memory(): MemoryUse;

  handle(): OpenHandle;
  /**
   * By the opener: wakes and ends what sleeps, with an error, and frees all. By an attached thread: detaches it. On
   * linux a blocked `read` is not ended (poll is), and the opener calls it once more when no other thread uses the
   * machine any longer, nor a view of it: then descriptors' numbers and addresses are given back too. (Addresses
   * that the opener itself has views of stay.)
   */
  dispose(): void;
}

/** An access that Linux answers with a signal. */
export class AccessError extends Error {
  readonly code: 'SIGSEGV' | 'SIGBUS';
  readonly address: number;
  /** Whether it was for want of memory: then it may succeed later. */
  readonly outOfMemory: boolean;
  constructor(code: 'SIGSEGV' | 'SIGBUS', address: number, why: string, outOfMemory = false) {
    super(`${code} at 0x${address.toString(16)}: ${why}`);
    this.name = 'AccessError';
    this.code = code;
    this.address = address;
    this.outOfMemory = outOfMemory;
  }
}

/** The machine was disposed of while this thread used it, or slept in it; or this thread has detached from it. */
export class MachineGoneError extends Error {
  readonly code = 'MACHINE_GONE';
  constructor(why = 'the machine was disposed of: its opener has ended it while this thread still used it') {
    super(why);
    this.name = 'MachineGoneError';
  }
}
