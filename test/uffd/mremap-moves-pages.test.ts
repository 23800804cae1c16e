/** mremap: shrinking, growing, moving with and without the old range, second mappings of shared memory. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { accessed, mapAnon, mapFile, ok, openMachine, P, RW } from './machine.js';

const [MOVE, FIXED, KEEP] = [u.MREMAP_MAYMOVE, u.MREMAP_FIXED, u.MREMAP_DONTUNMAP];
const FREE = 4 << 20;

function numbered(k: u.Kernel, addr: number, pages: number): number {
  for (let i = 0; i < pages; i++) k.store32(addr + i * P, i + 1);
  return addr;
}

const contents = (k: u.Kernel, addr: number, pages: number) =>
  Array.from({ length: pages }, (_, i) => {
    const at = addr + i * P;
    return accessed(() => k.load32(at)) === 'ok' ? k.load32(at) : '-';
  });

it('shrinks in place', () => {
  const k = openMachine();
  const addr = numbered(k, mapAnon(k, 4), 4);
  expect(k.mremap(addr, 4 * P, P + 1, 0, 0)).toBe(addr);
  expect(contents(k, addr, 4)).toEqual([1, 2, '-', '-']);
  expect(k.memory().bytes).toBe(2 * P);
});

it('grows in place where it is free behind, and moves where it is not', () => {
  const k = openMachine();
  const addr = numbered(k, mapAnon(k, 2), 2);
  expect(k.mremap(addr, 2 * P, 4 * P, 0, 0)).toBe(addr);
  expect(contents(k, addr, 4)).toEqual([1, 2, 0, 0]);
  mapAnon(k, 1);
  const moved = ok(k.mremap(addr, 4 * P, 8 * P, MOVE, 0));
  expect(moved).not.toBe(addr);
  expect(contents(k, moved, 8)).toEqual([1, 2, 0, 0, 0, 0, 0, 0]);
  expect(contents(k, addr, 4)).toEqual(['-', '-', '-', '-']);
});

it('moves to a fixed place, over what is there, from the middle of a mapping', () => {
  const k = openMachine();
  const addr = numbered(k, mapAnon(k, 4), 4);
  const target = numbered(k, mapAnon(k, 4), 4);
  expect(k.mremap(addr + P, 2 * P, 2 * P, MOVE | FIXED, target + P)).toBe(target + P);
  expect(contents(k, addr, 4)).toEqual([1, '-', '-', 4]);
  expect(contents(k, target, 4)).toEqual([1, 2, 3, 4]);
  expect(k.memory().bytes).toBe(6 * P);
});

it('moves and shrinks, moves and grows, in one call', () => {
  const k = openMachine();
  const addr = numbered(k, mapAnon(k, 3), 3);
  expect(k.mremap(addr, 3 * P, 2 * P, MOVE | FIXED, FREE)).toBe(FREE);
  expect([contents(k, addr, 3), contents(k, FREE, 3)]).toEqual([
    ['-', '-', '-'],
    [1, 2, '-'],
  ]);
  expect(k.mremap(FREE, 2 * P, 4 * P, MOVE | FIXED, FREE + 8 * P)).toBe(FREE + 8 * P);
  expect(contents(k, FREE + 8 * P, 5)).toEqual([1, 2, 0, 0, '-']);
});

it('within one mapping, over a part of itself', () => {
  const k = openMachine();
  const addr = numbered(k, mapAnon(k, 6), 6);
  expect(k.mremap(addr, 2 * P, 2 * P, MOVE | FIXED, addr + 3 * P)).toBe(addr + 3 * P);
  expect(contents(k, addr, 6)).toEqual(['-', '-', 3, 1, 2, 6]);
});

it('DONTUNMAP leaves private memory mapped and empty', () => {
  const k = openMachine();
  const addr = numbered(k, mapAnon(k, 2), 2);
  expect(k.mremap(addr, 2 * P, 2 * P, MOVE | FIXED | KEEP, FREE)).toBe(FREE);
  expect([contents(k, addr, 2), contents(k, FREE, 2)]).toEqual([
    [0, 0],
    [1, 2],
  ]);
  const hinted = k.mremap(FREE, P, P, MOVE | KEEP, FREE + 64 * P);
  expect(hinted).toBe(FREE + 64 * P);
  expect(contents(k, hinted, 1)).toEqual([1]);
});

it('DONTUNMAP leaves a shared mapping on its file', () => {
  const k = openMachine();
  const { addr } = mapFile(k, 2);
  numbered(k, addr, 2);
  const moved = ok(k.mremap(addr, 2 * P, 2 * P, MOVE | KEEP, 0));
  expect([contents(k, addr, 2), contents(k, moved, 2)]).toEqual([
    [1, 2],
    [1, 2],
  ]);
  k.store32(moved, 9);
  expect(k.load32(addr)).toBe(9);
});

it('an old length of 0 maps the same shared pages once more', () => {
  const k = openMachine();
  const { addr } = mapFile(k, 4);
  numbered(k, addr, 4);
  const second = ok(k.mremap(addr + P, 0, 2 * P, MOVE, 0));
  expect(contents(k, second, 3)).toEqual([2, 3, '-']);
  expect(contents(k, addr, 4)).toEqual([1, 2, 3, 4]);
});

it('a part of a shared mapping keeps its place in the file, and its protection, when it moves', () => {
  const k = openMachine();
  const { fd, addr } = mapFile(k, 4);
  numbered(k, addr, 4);
  k.mprotect(addr + 2 * P, 2 * P, u.PROT_READ);
  ok(k.mremap(addr + 2 * P, P, P, MOVE | FIXED, FREE));
  expect(contents(k, FREE, 1)).toEqual([3]);
  expect(accessed(() => k.store32(FREE, 1))).toBe('SIGSEGV');
  k.mprotect(FREE, P, RW);
  k.store32(FREE, 33);
  expect(k.load32(ok(k.mmap(0, P, RW, u.MAP_SHARED, fd, 2 * P)))).toBe(33);
});

it('takes all mappings of the range to a fixed place, and leaves what is there at the holes between', () => {
  const k = openMachine();
  const addr = numbered(k, mapAnon(k, 6), 6);
  const { fd } = mapFile(k, 1);
  ok(k.mmap(addr + P, P, RW, u.MAP_SHARED | u.MAP_FIXED, fd, 0));
  k.store32(addr + P, 9);
  k.munmap(addr + 3 * P, P);
  k.munmap(addr + 5 * P, P);
  const target = numbered(k, mapAnon(k, 6), 6);
  expect(k.mremap(addr, 6 * P, 6 * P, MOVE | FIXED, target)).toBe(target);
  expect(contents(k, target, 6)).toEqual([1, 9, 3, 4, 5, 6]);
  expect(contents(k, addr, 6)).toEqual(['-', '-', '-', '-', '-', '-']);
  const before = ok(k.mmap(addr, P, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED, -1, 0));
  expect(k.mremap(target, 3 * P, 3 * P, MOVE | FIXED | KEEP, before + P)).toBe(before + P);
  expect([contents(k, before, 4), contents(k, target, 3)]).toEqual([
    [0, 1, 9, 3],
    [0, 9, 0],
  ]);
});

it('what was moved to where nothing was before is gone with its mapping', () => {
  const k = openMachine({ addressBytes: 64 << 20 });
  const far = 40 << 20; // in a page table that nothing else uses
  for (const addr of [numbered(k, mapAnon(k, 2), 2), numbered(k, mapFile(k, 2).addr, 2)]) {
    expect(k.mremap(addr, 2 * P, 2 * P, MOVE | FIXED, far)).toBe(far);
    expect(contents(k, far, 2)).toEqual([1, 2]);
    expect(k.munmap(far, 2 * P)).toBe(0);
    expect(contents(k, far, 2)).toEqual(['-', '-']);
    expect(ok(k.mmap(far, 2 * P, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED, -1, 0))).toBe(far);
    expect(contents(k, far, 2)).toEqual([0, 0]);
    k.munmap(far, 2 * P);
  }
});
