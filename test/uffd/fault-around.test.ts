/** A read in a file maps what is cached around it too: 16 pages at most, which Linux calls fault-around. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { accessed, MINOR, MISSING, ok, openMachine, openUffd, P, presence, RW, WP } from './machine.js';

const PAGES = 40;
const AT = 64 * P; // a multiple of 16 pages

/** A file whose pages are all cached, and a mapping of it `before` pages past AT. */
function setUp(before = 0) {
  const k = openMachine();
  const fd = ok(k.memfd_create('f', 0));
  k.ftruncate(fd, PAGES * P);
  const addr = AT + before * P;
  ok(k.mmap(addr, PAGES * P, RW, u.MAP_SHARED | u.MAP_FIXED, fd, 0));
  ok(k.madvise(addr, PAGES * P, u.MADV_POPULATE_WRITE));
  ok(k.madvise(addr, PAGES * P, u.MADV_DONTNEED));
  return { k, fd, addr };
}

/** The pages that are mapped, as first–last. */
function mapped(k: u.Kernel, addr: number): string {
  const pages = presence(k, addr, PAGES);
  expect(pages).toMatch(/^0*1*0*$/);
  return `${pages.indexOf('1')}–${pages.lastIndexOf('1')}`;
}

it('maps the 16 pages of the address space, aligned, that it is among; fewer where the mapping ends', () => {
  for (const [page, wanted] of [
    [0, '0–15'],
    [15, '0–15'],
    [18, '16–31'],
    [39, '32–39'],
  ] as const) {
    const { k, addr } = setUp();
    k.load32(addr + page * P);
    expect(mapped(k, addr)).toBe(wanted);
  }
});

it('counts the 16 from the begin of the mapping, if that is later', () => {
  for (const [page, wanted] of [
    [2, '0–15'],
    [12, '0–15'],
    [13, '13–28'],
  ] as const) {
    const { k, addr } = setUp(3);
    k.load32(addr + page * P);
    expect(mapped(k, addr)).toBe(wanted);
  }
});

it('not past the 512 pages that one page table holds', () => {
  const { k, addr } = setUp(512 - 64 - 10);
  k.load32(addr + 4 * P);
  expect(mapped(k, addr)).toBe('0–9');
});

it('a write maps its page alone; a system call that reads is a read', () => {
  const { k, fd, addr } = setUp();
  k.store32(addr + 3 * P, 1);
  expect(mapped(k, addr)).toBe('3–3');
  expect(k.pwrite(fd, addr + 20 * P, 4, 0)).toBe(4);
  expect(presence(k, addr + 16 * P, 24)).toBe(`${'1'.repeat(16)}${'0'.repeat(8)}`);
});

it('leaves holes as they are, and pages that were allocated and never used', () => {
  const { k, fd, addr } = setUp();
  k.fallocate(fd, u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE, P, 2 * P);
  k.fallocate(fd, 0, 2 * P, P);
  const used = k.memory().bytes;
  k.load32(addr);
  expect([presence(k, addr, 5), k.memory().bytes]).toEqual(['10011', used]);
  expect(k.load32(addr + 2 * P)).toBe(0); // used, from now on
  k.madvise(addr, PAGES * P, u.MADV_DONTNEED);
  k.load32(addr);
  expect(presence(k, addr, 5)).toBe('10111');
});

it('happens even if the page itself cannot be had: past the end of the file, or missing', () => {
  const { k, fd, addr } = setUp();
  k.ftruncate(fd, 3 * P + 1);
  expect(accessed(() => k.load32(addr + 6 * P))).toBe('SIGBUS');
  expect(mapped(k, addr)).toBe('0–3');
  k.madvise(addr, PAGES * P, u.MADV_DONTNEED);
  k.ftruncate(fd, PAGES * P);
  openUffd(k, u.UFFD_USER_MODE_ONLY).register(addr, PAGES * P, MISSING);
  expect(k.madvise(addr + 6 * P, P, u.MADV_POPULATE_READ)).toBe(-u.EFAULT);
  expect(mapped(k, addr)).toBe('0–3');
});

it('watched for missing pages it is done, for minor faults or writes not', () => {
  for (const [mode, wanted] of [
    [MISSING, '0–15'],
    [WP, '3–3'],
    [MISSING | WP, '3–3'],
  ] as const) {
    const { k, addr } = setUp();
    openUffd(k).register(addr, PAGES * P, mode);
    k.load32(addr + 3 * P);
    expect(mapped(k, addr)).toBe(wanted);
  }
  const { k, addr } = setUp();
  openUffd(k, u.UFFD_USER_MODE_ONLY).register(addr, PAGES * P, MINOR);
  expect(k.madvise(addr + 3 * P, P, u.MADV_POPULATE_READ)).toBe(-u.EFAULT);
  expect(presence(k, addr, PAGES)).toBe('0'.repeat(PAGES));
});
