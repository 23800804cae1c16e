/** Views: a mutator's, whose accesses may fault, and a collector's, page by page. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { accessed, mapAnon, mapFile, openMachine, P, punch, RW } from './machine.js';

const W = u.PAGE_WORDS;

it("a mutator's view loads and stores signed words, and sees what the kernel does", () => {
  const k = openMachine();
  const addr = mapAnon(k, 4);
  const view = k.mutatorView(addr + P, 2 * P);
  view.enter();
  expect([view.load(0), view.load(2 * W - 1)]).toEqual([0, 0]);
  view.store(5, -3);
  view.store(W, 2 ** 31 - 1);
  expect([view.load(5), k.load32(addr + P + 20), k.load32(addr + 2 * P)]).toEqual([
    -3,
    2 ** 32 - 3,
    2 ** 31 - 1,
  ]);
  view.quiesce();
  k.mremap(addr + P, P, P, u.MREMAP_MAYMOVE | u.MREMAP_FIXED, addr + 3 * P);
  k.mmap(addr + P, P, RW, u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED, -1, 0);
  expect([view.load(5), k.load32(addr + 3 * P + 20)]).toEqual([0, 2 ** 32 - 3]);
  view.leave();
});

it('its accesses meet signals, with the exact address', () => {
  const k = openMachine();
  const { fd, addr } = mapFile(k, 2);
  const view = k.mutatorView(addr, 2 * P);
  view.enter();
  view.store(1, 7);
  k.mprotect(addr, P, u.PROT_READ);
  expect([view.load(1), accessed(() => view.store(1, 8))]).toEqual([7, 'SIGSEGV']);
  k.mprotect(addr, P, u.PROT_NONE);
  expect(accessed(() => view.load(1))).toBe('SIGSEGV');
  k.ftruncate(fd, P);
  expect(() => view.load(W + 3)).toThrow(`SIGBUS at 0x${(addr + P + 12).toString(16)}`);
  k.munmap(addr, 2 * P);
  expect(accessed(() => view.load(0))).toBe('SIGSEGV');
  view.leave();
});

it('silent faults are no stalls', () => {
  const k = openMachine();
  const addr = mapAnon(k, 2);
  const view = k.mutatorView(addr, 2 * P);
  view.onStall = () => expect.unreachable();
  view.enter();
  view.load(0);
  view.store(0, 1);
  view.store(W, 1);
  view.leave();
});

it("a collector's view gives the words of each page, faulted in as asked", () => {
  const k = openMachine();
  const { fd, addr, alias } = mapFile(k, 3);
  k.store32(addr + P + 4, 9);
  const view = k.pageView(alias, 3 * P);
  expect(view.words[view.readable(1) + 1]).toBe(9);
  view.words[view.writable(2)] = 11;
  expect(k.load32(addr + 2 * P)).toBe(11);
  punch(k, fd, 1);
  expect(view.words[view.readable(1) + 1]).toBe(0);
  const anon = mapAnon(k, 1);
  const own = k.pageView(anon, P);
  expect(own.words[own.readable(0)]).toBe(0);
  own.words[own.writable(0)] = 5; // no longer the zero page
  expect([k.load32(anon), own.words[own.readable(0)], k.memory().bytes]).toEqual([5, 5, 3 * P]);
});

it('a view is of whole pages that the machine has, and of at most 4 GiB for a mutator', () => {
  const k = openMachine();
  for (const [addr, length] of [
    [1, P],
    [0, 0],
    [0, P + 4],
    [-P, P],
    [(8 << 20) - P, 2 * P],
    [2 ** 40, P],
    [Number.NaN, P],
  ] as const) {
    expect(() => k.mutatorView(addr, length)).toThrow(RangeError);
    expect(() => k.pageView(addr, length)).toThrow(RangeError);
  }
  expect(() => k.mutatorView(0, 2 ** 32 + P)).toThrow(RangeError);
  const view = k.mutatorView(mapAnon(k, 1), P);
  expect(() => view.store(W, 1)).toThrow();
  expect(() => view.store(-1, 1)).toThrow(RangeError);
});
