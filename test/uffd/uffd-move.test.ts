/** UFFDIO_MOVE without sleepers: what it takes along, each errno, and how far it gets; compared with Linux 6.18. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  accessed,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  move,
  ok,
  openMachine,
  openUffd,
  P,
  presence,
  RW,
  register,
} from './machine.js';

const HOLES = u.UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES;
const done = (bytes: number) => ({ errno: 'ok', out: bytes });
const failed = (errno: 'EEXIST' | 'ENOENT' | 'EINVAL') => ({ errno, out: -u[errno] });
const partial = (bytes: number) => ({ errno: 'EAGAIN', out: bytes });

/** A registered range and an unregistered one, of so many pages; the latter holds 100, 101 … where `filled` says so. */
function setUp(pages: number, filled = '1'.repeat(pages), options = {}) {
  const k = openMachine(options);
  const uffd = openUffd(k);
  const [dst, between, src] = [mapAnon(k, pages), mapAnon(k, 1), mapAnon(k, pages)];
  k.munmap(between, P);
  for (const [i, is] of [...filled].entries()) if (is === '1') k.store32(src + i * P, 100 + i);
  uffd.register(dst, pages * P, MISSING);
  return { k, uffd, fd: uffd.fd, dst, src };
}

/** The first word of each page that is there, '-' for each that is not. */
function pagesAt(k: u.Kernel, addr: number, pages: number): string {
  const words = Array.from({ length: pages }, (_, i) => addr + i * P);
  return words.map((at) => (k.pagemap(at).present ? k.load32(at) : '-')).join(' ');
}

it('takes pages to another address, in one call, and leaves none behind', () => {
  const { k, fd, dst, src } = setUp(3);
  expect(move(k, fd, dst, src, 3 * P)).toEqual(done(3 * P));
  expect([pagesAt(k, dst, 3), pagesAt(k, src, 3)]).toEqual(['100 101 102', '- - -']);
  k.store32(dst, 7);
  expect([k.load32(dst), k.load32(src)]).toEqual([7, 0]); // not registered: filled as any fresh page
});

it('copies nothing and needs no memory: it works when there is none left', () => {
  const { k, fd, dst, src } = setUp(3, '111', { memoryBytes: 3 * P });
  expect(move(k, fd, dst, src, 3 * P)).toEqual(done(3 * P));
  expect(k.memory()).toEqual({ bytes: 3 * P, peakBytes: 3 * P });
  k.munmap(src, 3 * P);
  expect(pagesAt(k, dst, 3)).toBe('100 101 102');
  k.munmap(dst, 3 * P);
  expect(k.memory().bytes).toBe(0);
});

it('the zero page moves as the zero page: a write copies it', () => {
  const { k, fd, dst, src } = setUp(2, '00');
  k.load32(src);
  k.load32(src + P);
  expect(move(k, fd, dst, src, 2 * P)).toEqual(done(2 * P));
  expect([pagesAt(k, dst, 2), presence(k, src, 2), k.memory().bytes]).toEqual(['0 0', '00', 0]);
  k.store32(dst, 6);
  expect([pagesAt(k, dst, 2), k.memory().bytes]).toEqual(['6 0', P]);
});

it('a page that the source has not is ENOENT, or counts as moved with ALLOW_SRC_HOLES', () => {
  const { k, fd, dst, src } = setUp(4, '1010');
  expect(move(k, fd, dst + P, src + P, 2 * P)).toEqual(failed('ENOENT'));
  expect(move(k, fd, dst, src, 4 * P)).toEqual(partial(P));
  expect([pagesAt(k, dst, 4), pagesAt(k, src, 4)]).toEqual(['100 - - -', '- - 102 -']);
  expect(move(k, fd, dst + P, src + P, 3 * P, HOLES)).toEqual(done(3 * P));
  expect([pagesAt(k, dst, 4), presence(k, src, 4)]).toEqual(['100 - 102 -', '0000']);
  expect(move(k, fd, dst + 3 * P, src, P, HOLES | u.UFFDIO_MOVE_MODE_DONTWAKE)).toEqual(done(P));
});

it('EEXIST: whatever is mapped at the destination, be the source there or not; it is asked first', () => {
  const { k, uffd, fd, dst, src } = setUp(2, '10');
  uffd.zeropage(dst, P);
  uffd.copy(dst + P, src, P);
  for (const mode of [0, HOLES]) {
    for (const from of [src, src + P]) {
      expect(move(k, fd, dst, from, P, mode)).toEqual(failed('EEXIST'));
      expect(move(k, fd, dst + P, from, P, mode)).toEqual(failed('EEXIST'));
    }
  }
  expect([pagesAt(k, dst, 2), pagesAt(k, src, 2)]).toEqual(['0 100', '100 -']);
});

it('stops at the first page that is there: EAGAIN and the bytes before it; the rest is left alone', () => {
  const { k, uffd, fd, dst, src } = setUp(4);
  uffd.zeropage(dst + 2 * P, P);
  expect(move(k, fd, dst, src, 4 * P)).toEqual(partial(2 * P));
  expect([pagesAt(k, dst, 4), pagesAt(k, src, 4)]).toEqual(['100 101 0 -', '- - 102 103']);
  expect(move(k, fd, dst + 2 * P, src + 2 * P, 2 * P)).toEqual(failed('EEXIST')); // the cause
});

it('ENOENT where nothing is mapped, at either end, before anything is said of what is', () => {
  const { k, fd, dst, src } = setUp(2);
  const { addr: shared } = mapFile(k, 1);
  k.munmap(src + P, P);
  for (const hole of [4 << 20, 2 ** 46, src + P]) {
    expect(move(k, fd, hole, src, P)).toEqual(failed('ENOENT'));
    expect(move(k, fd, dst, hole, P)).toEqual(failed('ENOENT'));
    expect(move(k, fd, hole, shared, P)).toEqual(failed('ENOENT'));
    expect(move(k, fd, src, hole, P)).toEqual(failed('ENOENT')); // a destination that is not registered
    expect(move(k, fd, shared, hole, 100 * P)).toEqual(failed('ENOENT'));
  }
});

it('EINVAL: a range that ends past its mapping, though more is mapped behind it', () => {
  const { k, uffd, fd, dst, src } = setUp(4);
  expect(move(k, fd, dst + 3 * P, src, 2 * P)).toEqual(failed('EINVAL'));
  expect(move(k, fd, dst, src + 3 * P, 2 * P)).toEqual(failed('EINVAL'));
  expect(move(k, fd, dst, src, 1000 * P)).toEqual(failed('EINVAL'));
  uffd.unregister(dst + 2 * P, 2 * P);
  expect(move(k, fd, dst + P, src, 2 * P)).toEqual(failed('EINVAL'));
  openUffd(k).register(src + 2 * P, 2 * P, MISSING);
  expect(move(k, fd, dst, src + P, 2 * P)).toEqual(failed('EINVAL'));
  expect([presence(k, dst, 4), presence(k, src, 4)]).toEqual(['0000', '1111']);
  expect(move(k, fd, dst, src + 2 * P, 2 * P)).toEqual(done(2 * P));
});

it('EINVAL: shared memory at either end, whatever its registration answered', () => {
  const { k, fd, dst, src } = setUp(1);
  const anonymous = ok(k.mmap(0, P, RW, u.MAP_SHARED | u.MAP_ANONYMOUS, -1, 0));
  for (const shared of [mapFile(k, 2).addr, anonymous]) {
    k.store32(shared, 1);
    expect(Number(register(k, fd, shared, P, MINOR).out) & (1 << 5)).not.toBe(0); // advice only
    k.madvise(shared, P, u.MADV_DONTNEED);
    expect(move(k, fd, shared, src, P)).toEqual(failed('EINVAL'));
    expect(move(k, fd, dst, shared, P)).toEqual(failed('EINVAL'));
    expect(move(k, fd, shared, shared, P)).toEqual(failed('EINVAL'));
  }
});

it('EINVAL: permissions that differ, or forbid to write', () => {
  const { k, fd, dst, src } = setUp(1);
  const { PROT_NONE, PROT_READ, PROT_WRITE, PROT_EXEC } = u;
  const protections = [PROT_NONE, PROT_READ, PROT_WRITE, RW, RW | PROT_EXEC];
  for (const to of protections) {
    for (const from of protections) {
      k.mprotect(dst, P, to);
      k.mprotect(src, P, from);
      const fine = to === from && (to & PROT_WRITE) !== 0;
      expect([to, from, move(k, fd, dst, src, P)]).toEqual([to, from, fine ? done(P) : failed('EINVAL')]);
      if (!fine) continue;
      k.store32(dst, to); // it may be written there as it might before
      k.mprotect(dst, P, RW);
      expect(pagesAt(k, dst, 1)).toBe(String(to));
      k.madvise(dst, P, u.MADV_DONTNEED);
      k.mprotect(src, P, RW);
      k.store32(src, 1);
    }
  }
});

it('EINVAL: a destination that is not registered, or with another userfaultfd', () => {
  const { k, fd, dst, src } = setUp(1);
  const other = openUffd(k);
  const plain = mapAnon(k, 1);
  expect(move(k, fd, plain, src, P)).toEqual(failed('EINVAL'));
  expect(move(k, other.fd, dst, src, P)).toEqual(failed('EINVAL'));
  other.register(src, P, MISSING);
  expect(move(k, other.fd, dst, src, P)).toEqual(failed('EINVAL'));
  expect(move(k, fd, dst, src, P)).toEqual(done(P)); // the source may be anybody's
});

it('a registered source is missing again; the mode is not asked for', () => {
  const k = openMachine();
  const uffd = openUffd(k, u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY); // so that a kernel-mode access tells
  const area = mapAnon(k, 2);
  k.store32(area, 5);
  uffd.register(area, 2 * P, MISSING);
  expect(move(k, uffd.fd, area + P, area, P)).toEqual(done(P));
  expect(pagesAt(k, area, 2)).toBe('- 5');
  expect(k.madvise(area, P, u.MADV_POPULATE_READ)).toBe(-u.EFAULT);
});

it('what was protected meanwhile moves as its mapping permits now', () => {
  const { k, fd, dst, src } = setUp(1);
  k.mprotect(src, P, u.PROT_READ);
  k.mprotect(src, P, RW);
  expect(move(k, fd, dst, src, P)).toEqual(done(P));
  k.store32(dst + 4, 8); // in place: no copy, no page of zeroes
  k.mprotect(dst, P, u.PROT_READ);
  expect([k.load32(dst), k.load32(dst + 4), k.memory().bytes]).toEqual([100, 8, P]);
  expect(accessed(() => k.store32(dst, 1))).toBe('SIGSEGV');
});

// biome-ignore format: a table, as Linux 6.18 answered it: [pages, to, from, length, mode, answer, pages after]
const overlaps: [string, number, number, number, number, object, string][] = [
  ['- 1 2 3 4 - - -', 0, 1, 4, 0, done(4 * P), '1 2 3 4 - - - -'],
  ['- - 2 3 4 5 - -', 0, 2, 4, 0, done(4 * P), '2 3 4 5 - - - -'],
  ['1 2 3 4 - - - -', 1, 0, 4, 0, failed('EEXIST'), '1 2 3 4 - - - -'],
  // Page by page: what was just moved is found again, and taken along.
  ['9 - - - - - - -', 1, 0, 4, 0, done(4 * P), '- - - - 9 - - -'],
  ['9 8 - - - - - -', 2, 0, 5, 0, done(5 * P), '- - - - - 8 9 -'],
  ['9 - 8 - - - - -', 1, 0, 3, HOLES, partial(P), '- 9 8 - - - - -'],
  ['- 9 - - 8 - - -', 0, 1, 6, HOLES, done(6 * P), '9 - - 8 - - - -'],
  ['1 - - - - - - -', 0, 0, 2, 0, failed('EEXIST'), '1 - - - - - - -'],
  ['- - 1 - - - - -', 0, 0, 2, 0, failed('ENOENT'), '- - 1 - - - - -'],
  ['- - 1 - - - - -', 0, 0, 2, HOLES, done(2 * P), '- - 1 - - - - -'],
];

it('ranges that overlap: page by page, in ascending order', () => {
  for (const [before, to, from, length, mode, answer, after] of overlaps) {
    const k = openMachine();
    const uffd = openUffd(k);
    const area = mapAnon(k, 8);
    for (const [i, word] of before.split(' ').entries()) if (word !== '-') k.store32(area + i * P, +word);
    uffd.register(area, 8 * P, MISSING);
    const answered = move(k, uffd.fd, area + to * P, area + from * P, length * P, mode);
    expect([before, answered, pagesAt(k, area, 8)]).toEqual([before, answer, after]);
  }
});

it('to and fro, filled and dropped anew: no frame is lost', () => {
  const { k, fd, dst, src } = setUp(4, '1111', { memoryBytes: 5 * P });
  for (let round = 1; round < 20; round++) {
    for (let i = 0; i < 4; i++) k.store32(src + i * P, round + i);
    expect(move(k, fd, dst, src, 4 * P)).toEqual(done(4 * P));
    expect(pagesAt(k, dst, 4)).toBe([0, 1, 2, 3].map((i) => round + i).join(' '));
    k.madvise(dst, 4 * P, u.MADV_DONTNEED);
    expect(k.memory().bytes).toBe(0);
  }
});

it('an old translation of the source shows the page until it is given up; its frame is not reused before', () => {
  const { k, fd, dst, src } = setUp(2, '10', { memoryBytes: 4 * P });
  const other = u.openKernel(k.handle());
  const view = other.mutatorView(src, 2 * P);
  const translations = other.pageView(src, 2 * P);
  view.enter();
  const word = translations.readable(0);
  expect(move(k, fd, dst, src, P)).toEqual(done(P));
  k.store32(dst, 55);
  expect(translations.words[word]).toBe(55);
  k.madvise(dst, P, u.MADV_DONTNEED);
  const more = mapAnon(k, 4);
  for (let i = 0; i < 3; i++) k.store32(more + i * P, 9); // three of the four frames are to be had
  expect(translations.words[word]).toBe(55);
  view.quiesce();
  k.store32(more + 3 * P, 9);
  expect(translations.words[word]).toBe(9);
  view.leave();
});
