/** The system calls that make files in memory and change their extent: memfd_create, ftruncate, fallocate. */
import {
  FALLOC_FL_KEEP_SIZE,
  FALLOC_FL_PUNCH_HOLE,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_HUGETLB,
} from '../abi.ts';
import { EBADF, EFBIG, EINVAL, EMFILE, ENFILE, ENODEV, ENOSPC, EOPNOTSUPP } from '../errno.ts';
import { PAGE_BYTES } from '../kernel.ts';
import { KIND, openDescriptor, withOpen } from './descriptors.ts';
import { frameBytes } from './file-io.ts';
import { NO_FRAME } from './frames.ts';
import { allocateHugeBytes, punchHugeBytes, truncateHuge } from './huge-file.ts';
import type { Machine } from './machine.ts';
import { exclusively } from './mm-lock.ts';
import {
  cachedFrame,
  cacheZeroes,
  createFile,
  dropFile,
  fileSize,
  isHugeFile,
  MAX_FILE_BYTES,
  markUnused,
  setFileSize,
  useFrame,
} from './page-cache.ts';
import { isHugeSize, pageOf, pagesOf, sizeBits } from './ranges.ts';
import { punch, unmapFile } from './unmap.ts';

const MAX_NAME_BYTES = 249;

/** The name is for /proc, which this machine has not: only its length is looked at. */
export function memfdCreate(m: Machine, name: string, flags: number): number {
  const isHuge = (flags & MFD_HUGETLB) !== 0 && m.profile.has.memfdHugetlb;
  const known = MFD_CLOEXEC | MFD_ALLOW_SEALING | (isHuge ? MFD_HUGETLB | sizeBits(flags) : 0);
  if ((flags & ~known) !== 0) return -EINVAL;
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES) return -EINVAL;
  if (isHuge && !isHugeSize(flags)) return -ENODEV;
  const file = createFile(m, isHuge);
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
  if (isHugeFile(m, file)) return truncateHuge(m, file, length);
  const before = fileSize(m, file);
  setFileSize(m, file, length);
  if (length > before) return 0;
  if (before > pagesOf(length) * PAGE_BYTES) unmapFile(m, file, pagesOf(length), Infinity, false);
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
    const isHuge = isHugeFile(m, object);
    const [punch, allocate] = isHuge ? [punchHugeBytes, allocateHugeBytes] : [punchBytes, allocateBytes];
    return exclusively(m, () =>
      punches ? punch(m, object, start, end) : allocate(m, object, start, end, mode === 0),
    );
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
