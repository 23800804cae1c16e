/**
 * The C library by FFI (koffi, an optional dependency): the calls that the real kernel needs, each answering a
 * value ≥ 0 or −errno. Nothing else in the package declares a C function.
 *
 * A wrong address or length here ends the process without a word: whoever calls has checked them (ranges.ts).
 */
import { createRequire } from 'node:module';
import { EINTR } from '../errno.ts';

type CFunction = (...args: unknown[]) => number;

interface Koffi {
  load(path: string | null): { func(name: string, result: string, args: readonly string[]): CFunction };
  errno(): number;
  view(address: bigint, bytes: number): ArrayBuffer;
  address(bytes: Uint8Array): bigint;
  readonly version: string;
}

/** The C library of this process. */
export interface Libc {
  readonly ffi: string;
  readonly syscall: (number: number, argument: number) => number;
  readonly ioctl: (fd: number, request: number, arg: Uint8Array | null) => number;
  /** The same by the argument's address, which spares the FFI looking it up. */
  readonly ioctlAt: (fd: number, request: number, address: number) => number;
  readonly ioctlValue: (fd: number, request: number, value: number) => number;
  readonly open: (path: string, flags: number) => number;
  readonly read: (fd: number, into: Uint8Array, bytes: number) => number;
  readonly write: (fd: number, from: Uint8Array, bytes: number) => number;
  readonly poll: (fds: Uint8Array, count: number, timeoutMs: number) => number;
  readonly close: (fd: number) => number;
  readonly dup: (fd: number) => number;
  readonly dup3: (from: number, to: number, flags: number) => number;
  readonly fcntl: (fd: number, command: number, value: number) => number;
  readonly eventfd: (value: number, flags: number) => number;
  readonly memfdCreate: (name: string, flags: number) => number;
  readonly ftruncate: (fd: number, length: number) => number;
  readonly fallocate: (fd: number, mode: number, offset: number, length: number) => number;
  readonly pread: (fd: number, address: number, bytes: number, offset: number) => number;
  readonly pwrite: (fd: number, address: number, bytes: number, offset: number) => number;
  readonly mmap: (
    address: number,
    length: number,
    prot: number,
    flags: number,
    fd: number,
    offset: number,
  ) => number;
  readonly munmap: (address: number, length: number) => number;
  readonly mremap: (old: number, oldLength: number, newLength: number, flags: number, to: number) => number;
  readonly mprotect: (address: number, length: number, prot: number) => number;
  readonly madvise: (address: number, length: number, advice: number) => number;
  /** One byte a page into `into`: bit 0 is residency. */
  readonly mincore: (address: number, length: number, into: Uint8Array) => number;
  readonly gettid: () => number;
  readonly getrusage: (who: number, into: Uint8Array) => number;
  readonly clockGettime: (clock: number, into: Uint8Array) => number;
  readonly setAffinity: (mask: Uint8Array) => number;
  readonly getAffinity: (mask: Uint8Array) => number;
  /** Of a thread, 0 being the caller. */
  readonly getScheduler: (tid: number) => number;
  readonly setScheduler: (tid: number, policy: number, param: Uint8Array) => number;
  /** clone(2) with a function and a stack of its own: the child's number. */
  readonly clone: (code: number, stack: number, flags: number, argument: number) => number;
  readonly waitpid: (pid: number, status: Uint8Array, options: number) => number;
  readonly kill: (pid: number, signal: number) => number;
  /** futex(2) on a word of shared memory: FUTEX_WAIT with a struct timespec or null, or FUTEX_WAKE. */
  readonly futex: (address: number, operation: number, value: number, timeout: Uint8Array | null) => number;
  /** memcpy from machine memory to V8's, and the other way: the access faults as a C program's does. */
  readonly copyOut: (into: Uint8Array, address: number, bytes: number) => void;
  readonly copyIn: (address: number, from: Uint8Array, bytes: number) => void;
  /** `bytes` bytes of machine memory as an ArrayBuffer, without a copy. */
  readonly view: (address: number, bytes: number) => ArrayBuffer;
  readonly addressOf: (bytes: Uint8Array) => number;
}

/** Why there is no libc to be had, or the libc. */
export type LibcResult =
  | { readonly libc: Libc; readonly why?: never }
  | { readonly libc?: never; readonly why: string };

/** Number of futex(2), by process.arch: glibc has no function for it. */
const FUTEX: Readonly<Record<string, number>> = { x64: 202, arm64: 98 };

let loaded: LibcResult | undefined;

/** Loads the FFI and the C library, once for each thread. */
export function loadLibc(): LibcResult {
  loaded ??= load();
  return loaded;
}

function load(): LibcResult {
  const koffi = requireKoffi();
  if (typeof koffi === 'string') return { why: koffi };
  try {
    return { libc: declare(koffi) };
  } catch (error) {
    return { why: `the C library of this process lacks a call: ${(error as Error).message}` };
  }
}

function requireKoffi(): Koffi | string {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND') return 'the FFI package koffi is not installed';
    return `the FFI package koffi does not load: ${message.split('\n')[0]}`;
  }
}

function declare(koffi: Koffi): Libc {
  const library = koffi.load(null);
  /** The function by that name, with −errno where C answers −1. */
  const call = (name: string, args: readonly string[], result = 'int'): CFunction => {
    const func = library.func(name, result, args);
    return (...values) => {
      const answer = func(...values);
      return answer === -1 ? -koffi.errno() : answer;
    };
  };
  const ioctl = library.func('ioctl', 'int', ['int', 'ulong', 'void *']);
  const ioctlAt = library.func('ioctl', 'int', ['int', 'ulong', 'int64']);
  const copyOut = library.func('memcpy', 'int64', ['void *', 'int64', 'size_t']);
  const copyIn = library.func('memcpy', 'int64', ['int64', 'void *', 'size_t']);
  const futex = call('syscall', ['long', 'int64', 'int', 'uint', 'void *'], 'long');
  const setAffinity = call('sched_setaffinity', ['int', 'size_t', 'void *']);
  const getAffinity = call('sched_getaffinity', ['int', 'size_t', 'void *']);
  return {
    ffi: `koffi ${koffi.version}`,
    syscall: call('syscall', ['long', 'long'], 'long'),
    // The hot ones: without the argument array of `call`.
    ioctl: (fd, request, arg) => (ioctl(fd, request, arg) === -1 ? -koffi.errno() : 0),
    ioctlAt: (fd, request, address) => (ioctlAt(fd, request, address) === -1 ? -koffi.errno() : 0),
    ioctlValue: call('ioctl', ['int', 'ulong', 'long']),
    open: call('open', ['str', 'int']),
    read: call('read', ['int', 'void *', 'size_t'], 'long'),
    write: call('write', ['int', 'void *', 'size_t'], 'long'),
    poll: call('poll', ['void *', 'ulong', 'int']),
    close: call('close', ['int']),
    dup: call('dup', ['int']),
    dup3: call('dup3', ['int', 'int', 'int']),
    fcntl: call('fcntl', ['int', 'int', 'long']),
    eventfd: call('eventfd', ['uint', 'int']),
    memfdCreate: call('memfd_create', ['str', 'uint']),
    ftruncate: call('ftruncate', ['int', 'int64']),
    fallocate: call('fallocate', ['int', 'int', 'int64', 'int64']),
    pread: call('pread', ['int', 'int64', 'size_t', 'int64'], 'long'),
    pwrite: call('pwrite', ['int', 'int64', 'size_t', 'int64'], 'long'),
    mmap: call('mmap', ['int64', 'size_t', 'int', 'int', 'int', 'int64'], 'int64'),
    munmap: call('munmap', ['int64', 'size_t']),
    mremap: call('mremap', ['int64', 'size_t', 'size_t', 'int', 'int64'], 'int64'),
    mprotect: call('mprotect', ['int64', 'size_t', 'int']),
    madvise: call('madvise', ['int64', 'size_t', 'int']),
    mincore: call('mincore', ['int64', 'size_t', 'void *']),
    gettid: call('gettid', []),
    getrusage: call('getrusage', ['int', 'void *']),
    clockGettime: call('clock_gettime', ['int', 'void *']),
    setAffinity: (mask) => setAffinity(0, mask.length, mask),
    getAffinity: (mask) => getAffinity(0, mask.length, mask),
    getScheduler: call('sched_getscheduler', ['int']),
    setScheduler: call('sched_setscheduler', ['int', 'int', 'void *']),
    clone: call('clone', ['int64', 'int64', 'int', 'int64']),
    waitpid: call('waitpid', ['int', 'void *', 'int']),
    kill: call('kill', ['int', 'int']),
    futex: (address, operation, value, timeout) =>
      futex(FUTEX[process.arch], address, operation, value, timeout),
    copyOut: (into, address, bytes) => void copyOut(into, address, bytes),
    copyIn: (address, from, bytes) => void copyIn(address, from, bytes),
    view: (address, bytes) => koffi.view(BigInt(address), bytes),
    addressOf: (bytes) => Number(koffi.address(bytes)),
  };
}

/** Repeats a call that a signal interrupted. */
export function uninterrupted(call: () => number): number {
  for (;;) {
    const answer = call();
    if (answer !== -EINTR) return answer;
  }
}
