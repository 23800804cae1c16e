/** UFFDIO_CONTINUE without sleepers: it maps what the page cache has, and makes nothing. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  accessed,
  continueRange,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  openMachine,
  openUffd,
  P,
  presence,
} from './machine.js';

const done = (bytes: number) => ({ errno: 'ok', out: bytes });
const failed = (errno: 'EEXIST' | 'EFAULT' | 'ENOENT' | 'EINVAL') => ({ errno, out: -u[errno] });
const partial = (bytes: number) => ({ errno: 'EAGAIN', out: bytes });

function setUp(pages: number, mode = MINOR) {
  const k = openMachine();
  const uffd = openUffd(k);
  const file = mapFile(k, pages);
  uffd.register(file.addr, pages * P, mode);
  return { k, uffd: uffd.fd, ...file };
}

it('maps the cached page itself, for reading and writing, without using memory', () => {
  const { k, uffd, addr, alias } = setUp(2);
  k.store32(alias, 5);
  k.store32(alias + P, 6);
  const used = k.memory().bytes;
  expect(continueRange(k, uffd, addr, 2 * P)).toEqual(done(2 * P));
  expect(k.memory().bytes).toBe(used);
  expect(k.load32(addr)).toBe(5);
  k.store32(addr, 7);
  expect(k.load32(alias)).toBe(7);
});

it('serves whatever mode is registered, with whichever userfaultfd; protection is kept', () => {
  const { k, addr, alias } = setUp(1, MISSING);
  k.store32(alias, 5);
  k.mprotect(addr, P, u.PROT_READ);
  expect(continueRange(k, openUffd(k).fd, addr, P)).toEqual(done(P));
  expect([k.load32(addr), accessed(() => k.store32(addr, 1))]).toEqual([5, 'SIGSEGV']);
});

it('maps here alone: other mappings of the file are left as they are', () => {
  const { k, uffd, addr, alias, fd } = setUp(1);
  k.pwrite(fd, mapAnon(k, 1), 1, 0); // one byte makes it cached
  expect(continueRange(k, uffd, addr, P)).toEqual(done(P));
  expect([presence(k, addr, 1), presence(k, alias, 1)]).toEqual(['1', '0']);
});

it('a page that was only allocated is in the cache', () => {
  const { k, uffd, addr, fd } = setUp(1);
  k.fallocate(fd, 0, 0, P);
  expect(continueRange(k, uffd, addr, P)).toEqual(done(P));
});

it('EINVAL past the end, EFAULT for a hole, EEXIST for what is mapped, in this order', () => {
  const { k, uffd, addr, alias, fd } = setUp(4);
  k.ftruncate(fd, 2 * P + 1);
  k.store32(alias, 1);
  k.store32(alias + 2 * P, 1);
  expect(continueRange(k, uffd, addr + 3 * P, P)).toEqual(failed('EINVAL'));
  expect(continueRange(k, uffd, addr + P, P)).toEqual(failed('EFAULT'));
  expect(k.memory().bytes).toBe(2 * P);
  expect(continueRange(k, uffd, addr, P)).toEqual(done(P));
  expect(continueRange(k, uffd, addr, P)).toEqual(failed('EEXIST'));
  expect(continueRange(k, uffd, addr + 2 * P, 2 * P)).toEqual(partial(P)); // the partly covered page, then the end
});

it('partial: before a hole, before a mapped page, and what comes after is left alone', () => {
  const { k, uffd, addr, alias } = setUp(5);
  for (const page of [0, 1, 3, 4]) k.store32(alias + page * P, 1);
  expect(continueRange(k, uffd, addr, 3 * P)).toEqual(partial(2 * P));
  expect(continueRange(k, uffd, addr + 4 * P, P)).toEqual(done(P));
  expect(continueRange(k, uffd, addr + 3 * P, 2 * P)).toEqual(partial(P));
  expect(presence(k, addr, 5)).toBe('11011');
});

it('EINVAL, in the field, for private memory; ENOENT where nothing is registered or the mapping ends', () => {
  const { k, uffd, addr, alias } = setUp(1);
  const anon = mapAnon(k, 1);
  expect(continueRange(k, uffd, anon, P)).toEqual(failed('ENOENT'));
  u.attachUserfaultfd(k, uffd).register(anon, P, MISSING);
  expect(continueRange(k, uffd, anon, P)).toEqual(failed('EINVAL'));
  expect(continueRange(k, uffd, alias, P)).toEqual(failed('ENOENT'));
  expect(continueRange(k, uffd, addr, 2 * P)).toEqual(failed('ENOENT'));
});

it('again after DONTNEED, and after a hole was filled anew', () => {
  const { k, uffd, addr, alias, fd } = setUp(1);
  k.store32(alias, 5);
  continueRange(k, uffd, addr, P);
  k.madvise(addr, P, u.MADV_DONTNEED);
  expect(continueRange(k, uffd, addr, P)).toEqual(done(P));
  k.fallocate(fd, u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE, 0, P);
  expect(continueRange(k, uffd, addr, P)).toEqual(failed('EFAULT'));
  k.store32(alias, 6);
  expect(continueRange(k, uffd, addr, P)).toEqual(done(P));
  expect(k.load32(addr)).toBe(6);
});
