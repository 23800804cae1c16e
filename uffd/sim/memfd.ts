/** The system calls on files in memory: memfd_create, ftruncate, fallocate, pread, pwrite. */
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, MFD_ALLOW_SEALING, MFD_CLOEXEC } from '../abi.ts';
import { EBADF, EFAULT, EFBIG, EINVAL, EMFILE, ENFILE, ENOSPC, EOPNOTSUPP, ESPIPE } from '../errno.ts';
import { PAGE_BYTES } from '../kernel.ts';
import { kernelCopy } from './access.ts';
import { KIND, openDescriptor, withOpen } from './descriptors.ts';
import { NO_FRAME } from './frames.ts';
import type { Machine } from './machine.ts';
import { exclusively, sharing } from './mm-lock.ts';
import {
  cachedFrame,
  cachedOrZeroed,
  cacheZeroes,
  createFile,
  dropFile,
  fileSize,
  MAX_FILE_BYTES,
  markUnused,
  setFileSize,
  useFrame,
} from './page-cache.ts';
import { isUserRange, pageOf, pagesOf, pieces } from './ranges.ts';
import { punch, unmapFile } from './unmap.ts';

const MAX_NAME_BYTES = 249;

/** The name is for /proc, which this machine has not: only its length is looked at. */
export function memfdCreate(m: Machine, name: string, flags: number): number {
  if ((flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING)) !== 0) return -EINVAL;
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES) return -EINVAL;
  const file = createFile(m);
  if (file < 0) return -ENFILE;
  const closeOnExec = (flags & MFD_CLOEXEC) !== 0;
  const fd = openDescriptor(m, { kind: KIND.memfd, object: file, flags: 0, closeOnExec });
  if (fd === -EMFILE) exclusively(m, () => dropFile(m, file));
  return fd;
}

export function ftruncate(m: Machine, fd: number, length: number): number {
  if (!(length >= 0)) return -EINVAL;
  return withOpen(m, fd, ({ kind, object }) => {
    if (kind !== KIND.memfd) return -EINVAL;
    if (length > MAX_FILE_BYTES) return -EFBIG;
    return exclusively(m, () => truncate(m, object, length));
  });
}

/** Pages past the new end go, those allocated past the old one too; a longer file keeps what it has. */
function truncate(m: Machine, file: number, length: number): number {
  const shrinks = length <= fileSize(m, file);
  setFileSize(m, file, length);
  if (!shrinks) return 0;
  punch(m, file, pagesOf(length), pagesOf(MAX_FILE_BYTES));
  zeroBytes(m, file, length, pagesOf(length) * PAGE_BYTES);
  return 0;
}

export function fallocate(m: Machine, fd: number, mode: number, offset: number, length: number): number {
  return withOpen(m, fd, ({ kind, object }) => {
    if (!(offset >= 0 && length > 0)) return -EINVAL;
    const punches = mode === (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
    if (!punches && (mode & ~FALLOC_FL_KEEP_SIZE) !== 0) return -EOPNOTSUPP;
    if (kind !== KIND.memfd) return -EBADF; // a userfaultfd is not open for writing
    if (offset + length > MAX_FILE_BYTES) return -EFBIG;
    const [start, end] = [offset, offset + length];
    return exclusively(m, () => {
      return punches ? punchBytes(m, object, start, end) : allocateBytes(m, object, start, end, mode === 0);
    });
  });
}

/** Whole pages become holes; the ends of pages partly covered become zero. */
function punchBytes(m: Machine, file: number, start: number, end: number): number {
  const first = pagesOf(start);
  const last = pageOf(end);
  if (first < last) punch(m, file, first, last);
  // Linux 6.18, mm/shmem.c: of a hole that ends on the file's first page it takes the end for the end of the file.
  if (last === 0) unmapFile(m, file, first);
  zeroBytes(m, file, start, Math.min(end, first * PAGE_BYTES));
  zeroBytes(m, file, Math.max(start, last * PAGE_BYTES), end);
  return 0;
}

/** Zeroes bytes of one page, if it is cached. */
function zeroBytes(m: Machine, file: number, start: number, end: number): void {
  if (start >= end) return;
  const page = pageOf(start);
  const frame = cachedFrame(m, file, page);
  if (frame === NO_FRAME) return;
  frameBytes(m, frame).fill(0, start - page * PAGE_BYTES, end - page * PAGE_BYTES);
}

/** Caches every page of [start, end), or none. */
function allocateBytes(m: Machine, file: number, start: number, end: number, grows: boolean): number {
  const made: number[] = [];
  for (let page = pageOf(start); page < pagesOf(end); page++) {
    if (useFrame(m, file, page) !== NO_FRAME) continue; // allocated twice counts as used
    if (typeof cacheZeroes(m, file, page) !== 'number') {
      for (const page of made) punch(m, file, page, page + 1);
      return -ENOSPC;
    }
    markUnused(m, file, page);
    made.push(page);
  }
  if (grows && end > fileSize(m, file)) setFileSize(m, file, end);
  return 0;
}

function frameBytes(m: Machine, frame: number): Uint8Array {
  return m.bytes.subarray(frame * PAGE_BYTES, (frame + 1) * PAGE_BYTES);
}

/** The arguments of pread and pwrite. */
export interface FileCall {
  readonly fd: number;
  readonly addr: number;
  readonly length: number;
  readonly offset: number;
}

/** What both refuse, in Linux's order; else `body` with the file. */
function withFile(m: Machine, call: FileCall, body: (file: number) => number): number {
  if (!(call.offset >= 0)) return -EINVAL;
  return withOpen(m, call.fd, ({ kind, object }) => {
    if (kind !== KIND.memfd) return -ESPIPE;
    return isUserRange(call.addr, call.length) ? body(object) : -EFAULT;
  });
}

/** From a file into machine memory: bytes read, 0 at the end of the file. */
export function pread(m: Machine, task: number, call: FileCall): number {
  return withFile(m, call, (file) => {
    const { addr, length, offset } = call;
    // The file may become longer or shorter while the thread sleeps on its memory: its end is looked at for each page.
    const left = (at: number): number => Math.max(0, fileSize(m, file) - offset - at);
    let ended = false;
    const range = {
      ...({ address: addr, length, direction: 'write', hold: sharing } as const),
      before: (at: number) => {
        ended = left(at) === 0;
        return !ended;
      },
    };
    const copied = kernelCopy(m, task, range, (memory, at) => {
      const bytes = Math.min(memory.length, left(at));
      readFile(m, file, offset + at, memory.subarray(0, bytes));
      return bytes;
    });
    return copied === 0 && length > 0 && !ended ? -EFAULT : copied;
  });
}

function readFile(m: Machine, file: number, offset: number, into: Uint8Array): void {
  for (const { page, within, at, n } of pieces(offset, into.length)) {
    const frame = cachedFrame(m, file, page);
    if (frame === NO_FRAME) into.fill(0, at, at + n);
    else into.set(frameBytes(m, frame).subarray(within, within + n), at);
  }
}

/** From machine memory into a file, which grows as needed: bytes written. */
export function pwrite(m: Machine, task: number, call: FileCall): number {
  return withFile(m, call, (file) => {
    const { addr, offset } = call;
    if (call.length > 0 && offset >= MAX_FILE_BYTES) return -EFBIG;
    const length = Math.min(call.length, MAX_FILE_BYTES - offset);
    let full = false;
    // Exclusively, since the file may grow: its size and its pages change together.
    const range = {
      ...({ address: addr, length, direction: 'read', hold: exclusively } as const),
      before: (at: number) => readyForWrite(m, file, offset + at),
    };
    const copied = kernelCopy(m, task, range, (memory, at) => {
      const written = writeFile(m, file, offset + at, memory);
      full = written < memory.length;
      return written;
    });
    if (copied > 0 || length <= 0) return copied;
    return full ? -ENOSPC : -EFAULT;
  });
}

/**
 * As Linux does (mm/shmem.c, shmem_write_begin and _end): the page is in the cache, and the file reaches up to there, before
 * it is known whether the memory can be read.
 */
function readyForWrite(m: Machine, file: number, offset: number): boolean {
  if (cachedOrZeroed(m, file, pageOf(offset)) !== NO_FRAME && offset > fileSize(m, file))
    setFileSize(m, file, offset);
  return true;
}

/** Bytes written: fewer than asked for when memory is full. */
function writeFile(m: Machine, file: number, offset: number, from: Uint8Array): number {
  let written = 0;
  for (const { page, within, at, n } of pieces(offset, from.length)) {
    const frame = cachedOrZeroed(m, file, page);
    if (frame === NO_FRAME) break;
    frameBytes(m, frame).set(from.subarray(at, at + n), within);
    written = at + n;
  }
  if (written > 0 && offset + written > fileSize(m, file)) setFileSize(m, file, offset + written);
  return written;
}
