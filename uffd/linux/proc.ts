/** For looking: what /proc tells of a page and of a userfaultfd. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { EBADF } from '../errno.ts';
import { PAGE_BYTES, type PageState, type UffdInfo } from '../kernel.ts';

const PRESENT = 1n << 63n;
const FILE_PAGE = 1n << 61n;
const UFFD_WP = 1n << 57n;

/** proc_pid_pagemap(5) */
export function pagemap(addr: number): PageState {
  const entry = new BigUint64Array(1);
  const fd = openSync('/proc/self/pagemap', 'r');
  try {
    readSync(fd, entry, 0, 8, Math.floor(addr / PAGE_BYTES) * 8);
  } finally {
    closeSync(fd);
  }
  const bits = entry[0] as bigint;
  return {
    present: (bits & PRESENT) !== 0n,
    writeProtected: (bits & UFFD_WP) !== 0n,
    file: (bits & (FILE_PAGE | PRESENT)) === (FILE_PAGE | PRESENT),
  };
}

/** Of the context's features only those of the UAPI: the kernel keeps a bit of its own among them. */
const UAPI_FEATURES = 0x7fff_ffffn;

export function fdinfo(fd: number): UffdInfo | number {
  const text = readInfo(fd);
  const found = /pending:\s*(\d+)\s+total:\s*(\d+)\s+API:\s*[0-9a-f]+:([0-9a-f]+):/.exec(text);
  if (found === null) return -EBADF;
  const [, pending, total, features] = found;
  return {
    pending: Number(pending),
    total: Number(total),
    features: BigInt(`0x${features}`) & UAPI_FEATURES,
  };
}

function readInfo(fd: number): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8');
  } catch {
    return ''; // no such descriptor
  }
}
