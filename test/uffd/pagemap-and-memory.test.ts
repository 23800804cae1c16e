/** What can be seen of pages from outside: pagemap, and how much memory is in use. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { MISSING, mapAnon, mapFile, ok, openMachine, openUffd, P, punch, RW } from './machine.js';

it('pagemap tells presence, and private from file pages', () => {
  const k = openMachine();
  const anon = mapAnon(k, 2);
  const { addr } = mapFile(k, 2);
  const nothing = { present: false, writeProtected: false, file: false };
  for (const address of [anon, addr, 0, 5 << 20, 2 ** 46]) expect(k.pagemap(address)).toEqual(nothing);
  k.store32(anon, 1);
  k.load32(anon + P);
  k.load32(addr);
  expect(k.pagemap(anon + 100)).toEqual({ present: true, writeProtected: false, file: false });
  expect(k.pagemap(anon + P)).toEqual({ present: true, writeProtected: false, file: false });
  expect(k.pagemap(addr)).toEqual({ present: true, writeProtected: false, file: true });
});

it('presence tells it of many pages at once', () => {
  const k = openMachine();
  const addr = mapAnon(k, 4);
  for (const page of [0, 3]) k.store32(addr + page * P, 1);
  expect(k.presence(addr, 4)).toEqual(Uint8Array.of(1, 0, 0, 1));
  expect(k.presence(addr + 2 * P + 8, 2)).toEqual(Uint8Array.of(0, 1));
  expect(k.presence(2 ** 46, 2)).toEqual(new Uint8Array(2));
  expect(k.presence(addr, 0)).toEqual(new Uint8Array(0));
});

it('a page counts once, however often it is mapped; the peak stays', () => {
  const k = openMachine();
  expect(k.memory()).toEqual({ bytes: 0, peakBytes: 0 });
  const { fd, addr, alias } = mapFile(k, 4);
  for (let i = 0; i < 4; i++) k.store32(addr + i * P, 1);
  for (let i = 0; i < 4; i++) k.load32(alias + i * P);
  expect(k.memory()).toEqual({ bytes: 4 * P, peakBytes: 4 * P });
  punch(k, fd, 1, 2);
  expect(k.memory()).toEqual({ bytes: 2 * P, peakBytes: 4 * P });
  const anon = mapAnon(k, 4);
  for (let i = 0; i < 4; i++) k.store32(anon + i * P, 1);
  expect(k.memory()).toEqual({ bytes: 6 * P, peakBytes: 6 * P });
  k.madvise(anon, 3 * P, u.MADV_DONTNEED);
  expect(k.memory().bytes).toBe(3 * P);
});

it('a private mapping of a file gives back what it has copied: dropped, or cut off with the end of the file', () => {
  const k = openMachine();
  const { fd, alias } = mapFile(k, 2);
  for (const at of [alias, alias + P]) k.store32(at, 1);
  const own = ok(k.mmap(0, 2 * P, RW, u.MAP_PRIVATE, fd, 0));
  for (const at of [own, own + P]) k.store32(at, 2);
  expect(k.memory().bytes).toBe(4 * P);
  k.madvise(own, P, u.MADV_DONTNEED);
  expect([k.memory().bytes, k.load32(own)]).toEqual([3 * P, 1]);
  k.ftruncate(fd, P);
  expect(k.memory().bytes).toBe(P);
});

it('a file gives its memory back with its last mapping and descriptor, not before', () => {
  const k = openMachine();
  const { fd, addr, alias } = mapFile(k, 2);
  k.store32(addr, 1);
  const twin = k.dup(fd);
  k.close(fd);
  k.munmap(addr, 2 * P);
  k.munmap(alias + P, P);
  k.close(twin);
  expect([k.memory().bytes, k.load32(alias)]).toEqual([P, 1]);
  k.munmap(alias, P);
  expect(k.memory().bytes).toBe(0);
});

it('shared anonymous memory goes with its last mapping', () => {
  const k = openMachine();
  const addr = ok(k.mmap(0, 2 * P, RW, u.MAP_SHARED | u.MAP_ANONYMOUS, -1, 0));
  k.store32(addr, 1);
  const copy = ok(k.mremap(addr, 0, 2 * P, u.MREMAP_MAYMOVE, 0));
  k.munmap(addr, 2 * P);
  expect([k.memory().bytes, k.load32(copy)]).toEqual([P, 1]);
  k.munmap(copy, 2 * P);
  expect(k.memory().bytes).toBe(0);
});

it('closing a userfaultfd unregisters: what was missing fills silently', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 1);
  uffd.register(addr, P, MISSING);
  const twin = k.dup(uffd.fd);
  uffd.close();
  const other = openUffd(k);
  expect(() => other.register(addr, P, MISSING)).toThrow(/EBUSY/); // the duplicate keeps it
  k.close(twin);
  expect(k.load32(addr)).toBe(0);
});

it('memory comes back as often as it is used: far more than there is goes through it', () => {
  const k = openMachine({ memoryBytes: 16 * P });
  const { fd, addr } = mapFile(k, 8);
  const anon = mapAnon(k, 8);
  for (let round = 0; round < 500; round++) {
    for (let i = 0; i < 6; i++) {
      expect(k.load32(anon + i * P)).toBe(0);
      expect(k.load32(addr + i * P)).toBe(0);
      k.store32(anon + i * P, round + 1);
      k.store32(addr + i * P, round + 1);
    }
    k.madvise(anon, 8 * P, u.MADV_DONTNEED);
    punch(k, fd, 0, 8);
  }
  expect(k.memory()).toEqual({ bytes: 0, peakBytes: 12 * P });
});
