/** fallocate: refusals, allocation, and holes, whole pages and parts of pages. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { accessed, mapFile, ok, openMachine, openUffd, P, presence, punch, RW, said } from './machine.js';

const PUNCH = u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE;

it('names what is wrong with its arguments', () => {
  const k = openMachine();
  const { fd } = mapFile(k, 2);
  const uffd = openUffd(k).fd;
  const allocate = (on: number, mode: number, offset: number, length: number) =>
    said(k.fallocate(on, mode, offset, length));
  // biome-ignore format: a table
  const cases: [string, string, string][] = [
    ['bad fd', allocate(99, 0, -1, 0), 'EBADF'],
    ['negative offset', allocate(fd, 0, -1, P), 'EINVAL'],
    ['no length', allocate(fd, 0, 0, 0), 'EINVAL'],
    ['no length, bad mode', allocate(fd, 0x80, 0, 0), 'EINVAL'],
    ['not a number', allocate(fd, 0, Number.NaN, P), 'EINVAL'],
    ['hole that changes the size', allocate(fd, u.FALLOC_FL_PUNCH_HOLE, 0, P), 'EOPNOTSUPP'],
    ['zero range: not in tmpfs', allocate(fd, u.FALLOC_FL_ZERO_RANGE, 0, P), 'EOPNOTSUPP'],
    ['collapse', allocate(fd, u.FALLOC_FL_COLLAPSE_RANGE, 0, P), 'EOPNOTSUPP'],
    ['userfaultfd', allocate(uffd, 0, 0, P), 'EBADF'],
    ['userfaultfd, negative offset', allocate(uffd, 0, -1, P), 'EINVAL'],
    ['too large', allocate(fd, 0, 2 ** 50, P), 'EFBIG'],
    ['hole too far', allocate(fd, PUNCH, 2 ** 50, P), 'EFBIG'],
  ];
  for (const [what, got, wanted] of cases) expect(`${what}: ${got}`).toBe(`${what}: ${wanted}`);
});

it('mode 0 caches zero pages and grows the file; KEEP_SIZE does not grow it', () => {
  const k = openMachine();
  const { fd, addr } = mapFile(k, 4);
  k.ftruncate(fd, P);
  expect(k.fallocate(fd, u.FALLOC_FL_KEEP_SIZE, P, P)).toBe(0);
  expect(k.memory().bytes).toBe(P);
  expect(accessed(() => k.load32(addr + P))).toBe('SIGBUS');
  expect(k.fallocate(fd, 0, 2 * P + 5, P)).toBe(0);
  expect(accessed(() => k.load32(addr + 3 * P))).toBe('ok');
  expect(k.memory().bytes).toBe(3 * P); // pages 1, and 2 and 3, which it touches
});

it('what was allocated past the end goes when the file is truncated, even to its own size', () => {
  const k = openMachine();
  const { fd } = mapFile(k, 1);
  k.fallocate(fd, u.FALLOC_FL_KEEP_SIZE, 4 * P, 2 * P);
  expect(k.memory().bytes).toBe(2 * P);
  k.ftruncate(fd, P);
  expect(k.memory().bytes).toBe(0);
});

it('a hole takes whole pages out of the cache and zeroes the parts of pages at its ends', () => {
  const k = openMachine();
  const { fd, addr, alias } = mapFile(k, 5);
  k.copyIn(addr, new Uint8Array(5 * P).fill(7));
  k.load32(alias + 2 * P);
  expect(k.fallocate(fd, PUNCH, P - 3, 2 * P + 10)).toBe(0);
  const bytes = new Uint8Array(5 * P);
  k.copyOut(alias, bytes);
  const zeroes = Array.from(bytes.keys()).filter((i) => bytes[i] === 0);
  expect([zeroes[0], zeroes.length, zeroes.at(-1)]).toEqual([P - 3, 2 * P + 10, 3 * P + 6]);
});

it('a hole gives frames back and unmaps in every mapping; within one page it only zeroes', () => {
  const k = openMachine();
  const { fd, addr, alias } = mapFile(k, 3);
  k.copyIn(addr, new Uint8Array(3 * P).fill(1));
  for (let i = 0; i < 3; i++) k.load32(alias + i * P);
  expect(punch(k, fd, 1)).toBe(0);
  expect([presence(k, addr, 3), presence(k, alias, 3), k.memory().bytes]).toEqual(['101', '101', 2 * P]);
  expect(k.fallocate(fd, PUNCH, 4, 4)).toBe(0);
  expect([k.load32(addr), k.load32(addr + 4), k.load32(addr + 8)]).toEqual([0x01010101, 0, 0x01010101]);
  expect(k.memory().bytes).toBe(2 * P);
  expect(punch(k, fd, 64, 64)).toBe(0); // past the end
});

it('a hole that ends within the first page unmaps all that follows, which stays cached: so does Linux 6.18', () => {
  const k = openMachine();
  const { fd, addr, alias } = mapFile(k, 3);
  for (let i = 0; i < 3; i++) k.store32(addr + i * P, i + 1);
  k.load32(alias);
  expect(k.fallocate(fd, PUNCH, 4, 4)).toBe(0);
  expect([presence(k, addr, 3), presence(k, alias, 3), k.memory().bytes]).toEqual(['100', '100', 3 * P]);
  expect(k.fallocate(fd, PUNCH, 0, 4)).toBe(0);
  expect([presence(k, addr, 3), presence(k, alias, 3)]).toEqual(['000', '000']);
  expect([0, 1, 2].map((i) => k.load32(addr + i * P))).toEqual([0, 2, 3]);
  expect(k.fallocate(fd, PUNCH, P + 4, 4)).toBe(0);
  expect(presence(k, addr, 3)).toBe('111');
});

it('a hole in the middle of a file that a mapping shows from an offset', () => {
  const k = openMachine();
  const { fd, addr } = mapFile(k, 6);
  for (let i = 0; i < 6; i++) k.store32(addr + i * P, i + 1);
  const part = ok(k.mmap(0, 2 * P, RW, u.MAP_SHARED, fd, 2 * P));
  expect([k.load32(part), k.load32(part + P)]).toEqual([3, 4]);
  punch(k, fd, 3, 2);
  expect([presence(k, part, 2), k.load32(part), k.load32(part + P)]).toEqual(['10', 3, 0]);
});

it('what does not fit allocates nothing', () => {
  const k = openMachine({ memoryBytes: 8 * P });
  const { fd, addr } = mapFile(k, 64);
  k.store32(addr + P, 5);
  const before = k.memory().bytes;
  expect(said(k.fallocate(fd, 0, 0, 64 * P))).toBe('ENOSPC');
  expect([k.memory().bytes, k.load32(addr + P)]).toEqual([before, 5]);
});
