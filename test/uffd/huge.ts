/** What the tests of huge pages share. */
import * as u from '../../dist/uffd/index.js';
import { ok, openMachine, RW } from './machine.js';

export const H = u.HUGE_PAGE_BYTES;
export const HUGE_ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_HUGETLB;

/** A machine with so many huge pages, and 2 MiB of small ones. */
export function openHugeMachine(hugePages: number): u.Kernel {
  return openMachine({ memoryBytes: (hugePages + 1) * H, addressBytes: 64 * H, hugePages });
}

/** A file of so many huge pages. */
export function hugeFile(k: u.Kernel, pages: number): number {
  const fd = ok(k.memfd_create('huge', u.MFD_HUGETLB | u.MFD_HUGE_2MB));
  ok(k.ftruncate(fd, pages * H));
  return fd;
}

/** Maps so many huge pages of a file from page `from` on. */
export function mapHuge(
  k: u.Kernel,
  fd: number,
  pages: number,
  from = 0,
  prot = RW,
  flags = u.MAP_SHARED,
): number {
  return ok(k.mmap(0, pages * H, prot, flags, fd, from * H));
}

/** Huge pages that somebody could still reserve. */
export function left(k: u.Kernel): number {
  const mapped: number[] = [];
  for (;;) {
    const addr = k.mmap(0, H, RW, HUGE_ANON, -1, 0);
    if (addr < 0) break;
    mapped.push(addr);
  }
  for (const addr of mapped) k.munmap(addr, H);
  return mapped.length;
}
