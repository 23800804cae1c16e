/** The system calls on files in memory: memfd_create, ftruncate, fallocate, pread, pwrite. */
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, MFD_ALLOW_SEALING, MFD_CLOEXEC } from '../abi.ts';
import { EBADF, EFAULT, EFBIG, EINVAL, EMFILE, ENFILE, ENODEV, ENOSPC, EOPNOTSUPP, ESPIPE } from '../errno.ts';
import { PAGE_BYTES } from '../kernel.ts';
import { kernelCopy } from './access.ts';
import { isOpen, KIND, objectOf, openDescriptor } from './descriptors.ts';
import { NO_FRAME } from './frames.ts';
import type { Machine } from './machine.ts';
import { punch } from './mappings.ts';
import {
  cachedFrame,
  cachedOrZeroed,
  createFile,
  dropFile,
  filePages,
  fileSize,
  MAX_FILE_BYTES,
  setFileSize,
} from './page-cache.ts';
import { exclusively } from './register.ts';

export function memfdCreate(m: Machine, flags: number): number {
  if ((flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING)) !== 0) return -EINVAL;
  const file = createFile(m);
  if (file < 0) return -ENFILE;
  const fd = openDescriptor(m, KIND.memfd, file, 0);
  if (fd === -EMFILE) exclusively(m, () => (dropFile(m, file), 0));
  return fd;
}

export function ftruncate(m: Machine, fd: number, length: number): number {
  if (length < 0) return -EINVAL;
  const file = objectOf(m, fd, KIND.memfd);
  if (file < 0) return isOpen(m, fd) ? -EINVAL : -EBADF;
  if (length > MAX_FILE_BYTES) return -EFBIG;
  return exclusively(m, () => {
    const before = filePages(m, file);
    setFileSize(m, file, length);
    punch(m, file, Math.ceil(length / PAGE_BYTES), before);
    zeroBytes(m, file, length, Math.ceil(length / PAGE_BYTES) * PAGE_BYTES);
    return 0;
  });
}

export function fallocate(m: Machine, fd: number, mode: number, offset: number, length: number): number {
  const file = objectOf(m, fd, KIND.memfd);
  if (file < 0) return isOpen(m, fd) ? -ENODEV : -EBADF;
  if (offset < 0 || length <= 0) return -EINVAL;
  if (offset + length > MAX_FILE_BYTES) return -EFBIG;
  if (mode === (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)) {
    return exclusively(m, () => punchBytes(m, file, offset, offset + length));
  }
  if ((mode & ~FALLOC_FL_KEEP_SIZE) !== 0) return -EOPNOTSUPP;
  return exclusively(m, () => allocateBytes(m, file, offset + length, offset, mode === 0));
}

/** Whole pages become holes; the ends of pages partly covered become zero. */
function punchBytes(m: Machine, file: number, start: number, end: number): number {
  const first = Math.ceil(start / PAGE_BYTES);
  const last = Math.floor(end / PAGE_BYTES);
  if (first < last) punch(m, file, first, last);
  zeroBytes(m, file, start, Math.min(end, first * PAGE_BYTES));
  zeroBytes(m, file, Math.max(start, last * PAGE_BYTES), end);
  return 0;
}

/** Zeroes bytes of one page, if it is cached. */
function zeroBytes(m: Machine, file: number, start: number, end: number): void {
  if (start >= end) return;
  const page = Math.floor(start / PAGE_BYTES);
  const frame = cachedFrame(m, file, page);
  if (frame === NO_FRAME) return;
  frameBytes(m, frame).fill(0, start - page * PAGE_BYTES, end - page * PAGE_BYTES);
}

function allocateBytes(m: Machine, file: number, end: number, start: number, grows: boolean): number {
  for (let page = Math.floor(start / PAGE_BYTES); page * PAGE_BYTES < end; page++) {
    if (cachedOrZeroed(m, file, page) === NO_FRAME) return -ENOSPC;
  }
  if (grows && end > fileSize(m, file)) setFileSize(m, file, end);
  return 0;
}

function frameBytes(m: Machine, frame: number): Uint8Array {
  return new Uint8Array(m.frames.buffer, m.frames.byteOffset + frame * PAGE_BYTES, PAGE_BYTES);
}

/** From a file into machine memory: bytes read, 0 at the end of the file. */
export function pread(m: Machine, task: number, fd: number, addr: number, length: number, offset: number): number {
  const file = objectOf(m, fd, KIND.memfd);
  if (file < 0) return isOpen(m, fd) ? -ESPIPE : -EBADF;
  if (offset < 0 || length < 0) return -EINVAL;
  const wanted = Math.max(0, Math.min(length, fileSize(m, file) - offset));
  const copied = kernelCopy(m, task, addr, wanted, true, (memory, at) => {
    readFile(m, file, offset + at, memory);
    return true;
  });
  return copied === 0 && wanted > 0 ? -EFAULT : copied;
}

function readFile(m: Machine, file: number, offset: number, into: Uint8Array): void {
  for (const { page, within, at, n } of filePieces(offset, into.length)) {
    const frame = cachedFrame(m, file, page);
    if (frame === NO_FRAME) into.fill(0, at, at + n);
    else into.set(frameBytes(m, frame).subarray(within, within + n), at);
  }
}

/** From machine memory into a file, which grows as needed: bytes written. */
export function pwrite(m: Machine, task: number, fd: number, addr: number, length: number, offset: number): number {
  const file = objectOf(m, fd, KIND.memfd);
  if (file < 0) return isOpen(m, fd) ? -ESPIPE : -EBADF;
  if (offset < 0 || length < 0) return -EINVAL;
  if (offset + length > MAX_FILE_BYTES) return -EFBIG;
  let full = false;
  const copied = kernelCopy(m, task, addr, length, false, (memory, at) => {
    full = !writeFile(m, file, offset + at, memory);
    return !full;
  });
  if (copied > 0) {
    exclusively(m, () => {
      if (offset + copied > fileSize(m, file)) setFileSize(m, file, offset + copied);
      return 0;
    });
  }
  if (copied > 0 || length === 0) return copied;
  return full ? -ENOSPC : -EFAULT;
}

function writeFile(m: Machine, file: number, offset: number, from: Uint8Array): boolean {
  for (const { page, within, at, n } of filePieces(offset, from.length)) {
    const frame = cachedOrZeroed(m, file, page);
    if (frame === NO_FRAME) return false;
    frameBytes(m, frame).set(from.subarray(at, at + n), within);
  }
  return true;
}

function* filePieces(offset: number, length: number): Generator<{ page: number; within: number; at: number; n: number }> {
  for (let at = 0; at < length; ) {
    const page = Math.floor((offset + at) / PAGE_BYTES);
    const within = offset + at - page * PAGE_BYTES;
    const n = Math.min(PAGE_BYTES - within, length - at);
    yield { page, within, at, n };
    at += n;
  }
}
