/** Which mappings see whose stores: shared mappings of a file each other's, private memory nobody's. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { mapAnon, mapFile, ok, openMachine, P, RW } from './machine.js';

it('new memory reads as zero, and keeps what is stored', () => {
  const k = openMachine();
  const { addr: shared } = mapFile(k, 2);
  for (const addr of [mapAnon(k, 2), shared]) {
    expect(k.load32(addr + 8)).toBe(0);
    k.store32(addr + P, 0xffff_ffff);
    expect(k.load32(addr + P)).toBe(0xffff_ffff);
    expect(k.load32(addr + P + 4)).toBe(0);
  }
});

it('two mappings of a file are the same pages, at any offset', () => {
  const k = openMachine();
  const { fd, addr, alias } = mapFile(k, 4);
  k.store32(addr + 2 * P + 4, 5);
  expect(k.load32(alias + 2 * P + 4)).toBe(5);
  const tail = ok(k.mmap(0, 2 * P, RW, u.MAP_SHARED, fd, 2 * P));
  expect(k.load32(tail + 4)).toBe(5);
  k.store32(tail + P, 6);
  expect(k.load32(addr + 3 * P)).toBe(6);
});

it('each MAP_SHARED | MAP_ANONYMOUS mapping is memory of its own', () => {
  const k = openMachine();
  const flags = u.MAP_SHARED | u.MAP_ANONYMOUS;
  const [a, b] = [0, 1].map(() => ok(k.mmap(0, 2 * P, RW, flags, -1, 0))) as [number, number];
  k.store32(a, 1);
  expect(k.load32(b)).toBe(0);
  k.munmap(a, 2 * P);
  expect(ok(k.mmap(a, 2 * P, RW, flags | u.MAP_FIXED, -1, 0))).toBe(a);
  expect(k.load32(a)).toBe(0);
});

it('a file lives on in its mappings when its descriptor is closed, and in its descriptor without mappings', () => {
  const k = openMachine();
  const { fd, addr, alias } = mapFile(k, 1);
  k.store32(addr, 3);
  k.munmap(addr, P);
  k.munmap(alias, P);
  const again = ok(k.mmap(0, P, RW, u.MAP_SHARED, fd, 0));
  expect(k.load32(again)).toBe(3);
  expect(k.close(fd)).toBe(0);
  expect(k.load32(again)).toBe(3);
});

it('copyIn and copyOut cross pages at any byte', () => {
  const k = openMachine();
  const addr = mapAnon(k, 3);
  const bytes = Uint8Array.from({ length: P + 100 }, (_, i) => i * 7);
  k.copyIn(addr + P - 51, bytes);
  const back = new Uint8Array(bytes.length + 2);
  k.copyOut(addr + P - 52, back);
  expect(back).toEqual(Uint8Array.from([0, ...bytes, 0]));
});
