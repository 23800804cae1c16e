/** munmap: refusals, holes, splitting. */
import { expect, it } from 'vitest';
import { accessed, mapAnon, openMachine, P, said } from './machine.js';

it('refuses what is no range of pages', () => {
  const k = openMachine();
  const addr = mapAnon(k, 1);
  for (const [start, length] of [
    [addr + 1, P],
    [addr, 0],
    [addr, -P],
    [-P, 2 * P],
    [-P, P],
    [0x7ffffffff000, P],
    [addr, 2 ** 48],
    [Number.NaN, P],
  ] as const) {
    expect(said(k.munmap(start, length))).toBe('EINVAL');
  }
  expect(accessed(() => k.load32(addr))).toBe('ok');
});

it('takes out any part, is content with holes, and rounds the length up', () => {
  const k = openMachine();
  const addr = mapAnon(k, 6);
  for (let i = 0; i < 6; i++) k.store32(addr + i * P, i + 1);
  expect(k.munmap(addr + P, P)).toBe(0);
  expect(k.munmap(addr + P, 2 * P - 1)).toBe(0);
  expect(k.munmap(addr + 64 * P, P)).toBe(0);
  const seen = Array.from({ length: 6 }, (_, i) => accessed(() => k.load32(addr + i * P)));
  expect(seen).toEqual(['ok', 'SIGSEGV', 'SIGSEGV', 'ok', 'ok', 'ok']);
  expect(k.load32(addr + 5 * P)).toBe(6);
  expect(k.memory().bytes).toBe(4 * P);
});

it('what was unmapped is zero when it is mapped again', () => {
  const k = openMachine();
  const addr = mapAnon(k, 1);
  k.store32(addr, 5);
  k.munmap(addr, P);
  expect(mapAnon(k, 1)).toBe(addr);
  expect(k.load32(addr)).toBe(0);
});
