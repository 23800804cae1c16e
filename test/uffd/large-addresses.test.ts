/** Numbers past 32 bits: addresses above 2^31 and 2^32, file offsets above 4 GiB, sizes of files. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  accessed,
  copy,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  ok,
  openMachine,
  openUffd,
  P,
  RW,
  said,
} from './machine.js';

const GIB = 2 ** 30;
const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS;

it.each([2 * GIB, 4 * GIB, 9 * GIB, 16 * GIB - 4 * P])('memory at %d is memory', (base) => {
  const k = openMachine({ addressBytes: 16 * GIB });
  const uffd = openUffd(k);
  expect(k.mmap(base, 4 * P, RW, ANON | u.MAP_FIXED, -1, 0)).toBe(base);
  k.store32(base + P + 4, 0x89abcdef);
  expect(k.load32(base + P + 4)).toBe(0x89abcdef);
  expect(accessed(() => k.load32((base + P + 4) % (2 * GIB)))).toBe('SIGSEGV');
  uffd.register(base, 4 * P, MISSING);
  expect(copy(k, uffd.fd, base, base + P, P)).toEqual({ errno: 'ok', out: P });
  expect(k.load32(base + 4)).toBe(0x89abcdef);
  const view = k.mutatorView(base, P);
  expect(view.load(1)).toBe(0x89abcdef | 0);
  const low = ok(k.mremap(base, P, P, u.MREMAP_MAYMOVE | u.MREMAP_FIXED, 8 << 20));
  expect(k.load32(low + 4)).toBe(0x89abcdef);
  expect(k.munmap(base, 4 * P)).toBe(0);
});

it("a view spans as much as a mutator's may: 4 GiB", () => {
  const k = openMachine({ addressBytes: 16 * GIB });
  const base = ok(k.mmap(0, 4 * GIB, RW, ANON, -1, 0));
  const view = k.mutatorView(base, 4 * GIB);
  const last = GIB - 1;
  view.store(last, 7);
  view.store(GIB / 2, 8);
  expect([view.load(last), k.load32(base + last * 4), k.load32(base + 2 * GIB)]).toEqual([7, 7, 8]);
});

it.each([4 * GIB, 4 * GIB + P, 33 * GIB])('a file holds data at %d', (offset) => {
  const k = openMachine();
  const uffd = openUffd(k);
  const fd = ok(k.memfd_create('large', 0));
  const memory = mapAnon(k, 2);
  k.store32(memory, 0x12345678);
  expect(k.pwrite(fd, memory, 4, offset + 8)).toBe(4);
  expect(k.pread(fd, memory + P, 100, offset)).toBe(12);
  expect(k.load32(memory + P + 8)).toBe(0x12345678);
  expect(k.pread(fd, memory + P, 4, 8)).toBe(4); // a hole, not the same page modulo 2^32
  expect(k.load32(memory + P)).toBe(0);
  const addr = ok(k.mmap(0, 2 * P, RW, u.MAP_SHARED, fd, offset));
  uffd.register(addr, 2 * P, MINOR);
  expect(uffd.continue(addr, P)).toEqual({ done: P, errno: 0 });
  expect([k.load32(addr + 8), accessed(() => k.load32(addr + P))]).toEqual([0x12345678, 'SIGBUS']);
  expect(k.memory().bytes).toBe(3 * P);
  expect(k.fallocate(fd, u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE, offset, P)).toBe(0);
  expect(k.memory().bytes).toBe(2 * P);
  expect(said(k.pwrite(fd, memory, 4, offset))).toBe('ok');
  k.ftruncate(fd, 4);
  expect(k.memory().bytes).toBe(2 * P);
});

it('the largest file there can be, and one byte more', () => {
  const k = openMachine();
  const { fd } = mapFile(k, 1);
  expect(k.ftruncate(fd, 64 * GIB)).toBe(0);
  expect(said(k.ftruncate(fd, 64 * GIB + 1))).toBe('EFBIG');
  const memory = mapAnon(k, 1);
  expect(k.pwrite(fd, memory, 100, 64 * GIB - 10)).toBe(10);
  expect(said(k.pwrite(fd, memory, 1, 64 * GIB))).toBe('EFBIG');
  const last = ok(k.mmap(0, P, RW, u.MAP_SHARED, fd, 64 * GIB - P));
  expect(k.load32(last)).toBe(0);
  expect(said(k.mmap(0, 2 * P, RW, u.MAP_SHARED, fd, 64 * GIB - P))).toBe('EOVERFLOW');
});
