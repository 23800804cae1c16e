/** For looking: what /proc tells of a page and of a userfaultfd. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { EBADF } from '../errno.ts';
import { MachineGoneError, PAGE_BYTES, type PageState, type UffdInfo } from '../kernel.ts';

const PRESENT_BIT = 63n;
const PRESENT = 1n << PRESENT_BIT;
const FILE_PAGE = 1n << 61n;
const UFFD_WP = 1n << 57n;
/** Entries read at a time. */
const PAGES_A_READ = 4096;

/** A process by its number, or this one. */
export type Process = number | 'self';

/** proc_pid_pagemap(5) */
export function pagemaps(who: Process, addr: number, pages: number): PageState[] {
  return Array.from(entries(who, addr, pages), (bits) => ({
    present: (bits & PRESENT) !== 0n,
    writeProtected: (bits & UFFD_WP) !== 0n,
    file: (bits & (FILE_PAGE | PRESENT)) === (FILE_PAGE | PRESENT),
  }));
}

/** 1 for each of so many pages that is present. */
export function presence(who: Process, addr: number, pages: number): Uint8Array {
  const all = new Uint8Array(pages);
  for (let first = 0; first < pages; first += PAGES_A_READ) {
    const some = entries(who, addr + first * PAGE_BYTES, Math.min(PAGES_A_READ, pages - first));
    for (const [i, bits] of some.entries()) all[first + i] = Number(bits >> PRESENT_BIT);
  }
  return all;
}

/** An entry for each of so many pages from the one at `addr` on; past the address space nothing is present. */
function entries(who: Process, addr: number, pages: number): BigUint64Array {
  const entries = new BigUint64Array(pages);
  const fd = openSync(`/proc/${who}/pagemap`, 'r');
  try {
    const read = readSync(fd, entries, 0, entries.byteLength, Math.floor(addr / PAGE_BYTES) * 8);
    // So it says of a process that has no memory any longer.
    if (read === 0 && who !== 'self') throw new MachineGoneError(`the forked process ${who} has ended`);
  } finally {
    closeSync(fd);
  }
  return entries;
}

/** Of the context's features only those of the UAPI: the kernel keeps a bit of its own among them. */
const UAPI_FEATURES = 0x7fff_ffffn;

export function fdinfo(who: Process, fd: number): UffdInfo | number {
  const text = readInfo(who, fd);
  const found = /pending:\s*(\d+)\s+total:\s*(\d+)\s+API:\s*[0-9a-f]+:([0-9a-f]+):/.exec(text);
  if (found === null) return -EBADF;
  const [, pending, total, features] = found;
  return {
    pending: Number(pending),
    total: Number(total),
    features: BigInt(`0x${features}`) & UAPI_FEATURES,
  };
}

function readInfo(who: Process, fd: number): string {
  try {
    return readFileSync(`/proc/${who}/fdinfo/${fd}`, 'utf8');
  } catch {
    return ''; // no such descriptor
  }
}
