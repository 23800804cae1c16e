/** ftruncate: refusals; shrinking unmaps and frees, growing makes holes. */
import { expect, it } from 'vitest';
import { accessed, mapFile, openMachine, openUffd, P, presence, said } from './machine.js';

it('names what is wrong with its arguments', () => {
  const k = openMachine();
  const { fd } = mapFile(k, 1);
  expect(said(k.ftruncate(99, -1))).toBe('EINVAL');
  expect(said(k.ftruncate(99, 0))).toBe('EBADF');
  expect(said(k.ftruncate(fd, -1))).toBe('EINVAL');
  expect(said(k.ftruncate(fd, Number.NaN))).toBe('EINVAL');
  expect(said(k.ftruncate(fd, 2 ** 52))).toBe('EFBIG');
  expect(said(k.ftruncate(openUffd(k).fd, 0))).toBe('EINVAL');
});

it('shrinking takes the pages past the end away; an access there is SIGBUS; regrown they are holes', () => {
  const k = openMachine();
  const { fd, addr, alias } = mapFile(k, 3);
  for (let i = 0; i < 3; i++) k.store32(addr + i * P, i + 1);
  k.load32(alias + 2 * P);
  expect(k.ftruncate(fd, P)).toBe(0);
  expect([presence(k, addr, 3), presence(k, alias, 3), k.memory().bytes]).toEqual(['100', '100', P]);
  expect([0, 1, 2].map((i) => accessed(() => k.load32(alias + i * P)))).toEqual(['ok', 'SIGBUS', 'SIGBUS']);
  expect(accessed(() => k.store32(addr + P, 1))).toBe('SIGBUS');
  k.ftruncate(fd, 3 * P);
  expect([0, 1, 2].map((i) => k.load32(addr + i * P))).toEqual([1, 0, 0]);
});

it('the last page stays when the end is within it, and is zeroed past the end', () => {
  const k = openMachine();
  const { fd, addr } = mapFile(k, 2);
  k.copyIn(addr, new Uint8Array(2 * P).fill(255));
  k.ftruncate(fd, P + 4);
  expect([k.load32(addr + P), k.load32(addr + P + 4)]).toEqual([0xffff_ffff, 0]);
  // What a mapping stores past the end in that page is still there when the file grows.
  k.store32(addr + P + 8, 6);
  k.ftruncate(fd, 2 * P);
  expect(k.load32(addr + P + 8)).toBe(6);
});
