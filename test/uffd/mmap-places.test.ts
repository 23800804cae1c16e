/** Where mmap puts a mapping: its own choice, a hint, MAP_FIXED, MAP_FIXED_NOREPLACE. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { accessed, mapAnon, mapFile, openMachine, P, RW, said } from './machine.js';

const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS;

it('its own choice overlaps nothing, and refills a hole', () => {
  const k = openMachine();
  const [a, b, c] = [mapAnon(k, 3), mapAnon(k, 2), mapAnon(k, 4)];
  expect(new Set([a, b, c].map((addr) => addr % P))).toEqual(new Set([0]));
  expect(b).toBeGreaterThanOrEqual(a + 3 * P);
  expect(c).toBeGreaterThanOrEqual(b + 2 * P);
  k.munmap(b, 2 * P);
  expect(mapAnon(k, 2)).toBe(b);
});

it('leaves the lowest addresses alone unless told, as mmap_min_addr does', () => {
  const k = openMachine();
  expect(mapAnon(k, 1)).toBeGreaterThanOrEqual(16 * P);
  expect(k.mmap(0, P, RW, ANON | u.MAP_FIXED, -1, 0)).toBe(0);
  k.store32(4, 9);
  expect(k.load32(4)).toBe(9);
});

it('a hint is taken, rounded down, where the place is free', () => {
  const k = openMachine();
  const hint = 1 << 20;
  expect(k.mmap(hint + 123, P, RW, ANON, -1, 0)).toBe(hint);
  expect(k.mmap(hint, P, RW, ANON, -1, 0)).not.toBe(hint);
  expect(said(k.mmap(2 ** 46, P, RW, ANON, -1, 0))).toBe('ok');
  expect(said(k.mmap(-P, P, RW, ANON, -1, 0))).toBe('ok');
});

it('a length is rounded up to whole pages', () => {
  const k = openMachine();
  const addr = k.mmap(0, P + 1, RW, ANON, -1, 0);
  k.store32(addr + P, 1);
  expect(accessed(() => k.load32(addr + 2 * P))).toBe('SIGSEGV');
});

it('MAP_FIXED replaces what is there, page by page, and leaves the rest', () => {
  const k = openMachine();
  const addr = mapAnon(k, 3);
  for (let i = 0; i < 3; i++) k.store32(addr + i * P, 10 + i);
  expect(k.mmap(addr + P, P, RW, ANON | u.MAP_FIXED, -1, 0)).toBe(addr + P);
  expect([0, 1, 2].map((i) => k.load32(addr + i * P))).toEqual([10, 0, 12]);
  const { fd, alias } = mapFile(k, 1);
  k.store32(alias, 77);
  k.mmap(addr + P, P, RW, u.MAP_SHARED | u.MAP_FIXED, fd, 0);
  expect([0, 1, 2].map((i) => k.load32(addr + i * P))).toEqual([10, 77, 12]);
});

it('MAP_FIXED_NOREPLACE answers EEXIST for any overlap and else maps', () => {
  const k = openMachine();
  const addr = mapAnon(k, 2);
  k.munmap(addr + P, P);
  const at = (start: number, pages: number) =>
    k.mmap(start, pages * P, RW, ANON | u.MAP_FIXED_NOREPLACE, -1, 0);
  expect(said(at(addr, 2))).toBe('EEXIST');
  expect(said(at(addr - P, 2))).toBe('EEXIST');
  expect(at(addr + P, 1)).toBe(addr + P);
});

it('MAP_POPULATE faults every page in', () => {
  const k = openMachine();
  const addr = k.mmap(0, 4 * P, RW, ANON | u.MAP_POPULATE, -1, 0);
  expect([0, 1, 2, 3].every((i) => k.pagemap(addr + i * P).present)).toBe(true);
  expect(k.memory().bytes).toBe(4 * P);
});
