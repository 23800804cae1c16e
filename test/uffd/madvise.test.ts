/** madvise: refusals, DONTNEED, REMOVE, POPULATE; checked against Linux 6.18. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { mapAnon, mapFile, ok, openMachine, P, presence, RW, said } from './machine.js';

it('names what is wrong with its arguments', () => {
  const k = openMachine();
  const addr = mapAnon(k, 4);
  k.munmap(addr + 2 * P, P);
  const { addr: file } = mapFile(k, 2);
  const advise = (start: number, length: number, advice: number) => said(k.madvise(start, length, advice));
  // biome-ignore format: a table
  const cases: [string, string, string][] = [
    ['unknown advice', advise(addr, P, 999), 'EINVAL'],
    ['unknown advice, nothing', advise(addr, 0, 999), 'EINVAL'],
    ['unaligned', advise(addr + 1, P, u.MADV_DONTNEED), 'EINVAL'],
    ['unaligned, nothing', advise(addr + 1, 0, u.MADV_DONTNEED), 'EINVAL'],
    ['negative length', advise(addr, -1, u.MADV_DONTNEED), 'EINVAL'],
    ['negative address', advise(-P, P, u.MADV_DONTNEED), 'EINVAL'],
    ['nothing', advise(addr, 0, u.MADV_DONTNEED), 'ok'],
    ['unmapped', advise(addr + 2 * P, P, u.MADV_DONTNEED), 'ENOMEM'],
    ['partly unmapped', advise(addr, 4 * P, u.MADV_DONTNEED), 'ENOMEM'],
    ['remove of private memory', advise(addr, P, u.MADV_REMOVE), 'EINVAL'],
    ['free of a file', advise(file, P, u.MADV_FREE), 'EINVAL'],
    ['free of private memory', advise(addr, P, u.MADV_FREE), 'ok'],
    ['a hint', advise(addr, P, u.MADV_WILLNEED), 'ok'],
    ['a hint over a hole', advise(addr, 4 * P, u.MADV_HUGEPAGE), 'ENOMEM'],
  ];
  for (const [what, got, wanted] of cases) expect(`${what}: ${got}`).toBe(`${what}: ${wanted}`);
});

it('DONTNEED goes on past a hole, and gives frames back', () => {
  const k = openMachine();
  const addr = mapAnon(k, 4);
  for (let i = 0; i < 4; i++) k.store32(addr + i * P, 1);
  k.munmap(addr + P, P);
  expect(k.memory().bytes).toBe(3 * P);
  expect(said(k.madvise(addr, 3 * P, u.MADV_DONTNEED))).toBe('ENOMEM');
  expect([k.load32(addr), k.load32(addr + 2 * P), k.load32(addr + 3 * P)]).toEqual([0, 0, 1]);
  expect(k.memory().bytes).toBe(P);
});

it('DONTNEED of a shared mapping unmaps, and keeps what is cached', () => {
  const k = openMachine();
  const { addr, alias } = mapFile(k, 2);
  k.store32(addr, 5);
  k.load32(alias);
  expect(k.madvise(addr, 2 * P, u.MADV_DONTNEED)).toBe(0);
  expect([presence(k, addr, 1), presence(k, alias, 1)]).toEqual(['0', '1']);
  expect([k.load32(addr), k.memory().bytes]).toEqual([5, P]);
});

it('REMOVE punches the file for every mapping, whatever the protection, and gives frames back', () => {
  const k = openMachine();
  const { addr, alias } = mapFile(k, 3);
  for (let i = 0; i < 3; i++) k.store32(addr + i * P, i + 1);
  for (let i = 0; i < 3; i++) k.load32(alias + i * P);
  k.mprotect(addr, 3 * P, u.PROT_NONE);
  expect(k.madvise(addr + P, P, u.MADV_REMOVE)).toBe(0);
  expect(presence(k, alias, 3)).toBe('101');
  expect([0, 1, 2].map((i) => k.load32(alias + i * P))).toEqual([1, 0, 3]);
});

it('REMOVE stops at the first mapping it cannot serve; what came before is done', () => {
  const k = openMachine();
  const { fd } = mapFile(k, 1);
  const area = mapAnon(k, 2);
  ok(k.mmap(area, P, RW, u.MAP_SHARED | u.MAP_FIXED, fd, 0));
  k.store32(area, 5);
  k.store32(area + P, 6);
  expect(said(k.madvise(area, 2 * P, u.MADV_REMOVE))).toBe('EINVAL');
  expect([k.load32(area), k.load32(area + P)]).toEqual([0, 6]);
});

it('POPULATE faults in, and tells unmapped, forbidden and past the end apart', () => {
  const k = openMachine();
  const addr = mapAnon(k, 3);
  expect(k.madvise(addr, P, u.MADV_POPULATE_READ)).toBe(0);
  expect([presence(k, addr, 3), k.memory().bytes]).toEqual(['100', 0]);
  expect(k.madvise(addr, 2 * P, u.MADV_POPULATE_WRITE)).toBe(0);
  expect([presence(k, addr, 3), k.memory().bytes]).toEqual(['110', 2 * P]);
  k.mprotect(addr, P, u.PROT_READ);
  k.mprotect(addr + P, P, u.PROT_NONE);
  expect(said(k.madvise(addr, P, u.MADV_POPULATE_READ))).toBe('ok');
  expect(said(k.madvise(addr, P, u.MADV_POPULATE_WRITE))).toBe('EINVAL');
  expect(said(k.madvise(addr + P, P, u.MADV_POPULATE_READ))).toBe('EINVAL');
  k.mprotect(addr + 2 * P, P, u.PROT_WRITE); // can be read, but not be populated for that
  expect(said(k.madvise(addr + 2 * P, P, u.MADV_POPULATE_READ))).toBe('EINVAL');
  expect([k.load32(addr + 2 * P), k.madvise(addr + 2 * P, P, u.MADV_POPULATE_WRITE)]).toEqual([0, 0]);
  k.munmap(addr, P);
  expect(said(k.madvise(addr, P, u.MADV_POPULATE_READ))).toBe('ENOMEM');
  const { fd, addr: file } = mapFile(k, 2);
  k.ftruncate(fd, P);
  expect(said(k.madvise(file, 2 * P, u.MADV_POPULATE_READ))).toBe('EFAULT');
});
