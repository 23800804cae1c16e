/** UFFDIO_COPY without sleepers: what it installs, each errno, and how far it gets. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  accessed,
  copy,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  openMachine,
  openUffd,
  P,
  presence,
  punch,
  zeropage,
} from './machine.js';

const done = (bytes: number) => ({ errno: 'ok', out: bytes });
const failed = (errno: 'EEXIST' | 'EFAULT' | 'ENOENT' | 'EINVAL' | 'ENOMEM') => ({ errno, out: -u[errno] });
const partial = (bytes: number) => ({ errno: 'EAGAIN', out: bytes });

function setUp(pages: number, options = {}) {
  const k = openMachine(options);
  const uffd = openUffd(k);
  const source = mapAnon(k, pages);
  for (let i = 0; i < pages; i++) k.store32(source + i * P, 100 + i);
  return { k, uffd, fd: uffd.fd, source };
}

it('fills private memory with a copy of its own, in several pages at once', () => {
  const { k, uffd, fd, source } = setUp(3);
  const addr = mapAnon(k, 3);
  uffd.register(addr, 3 * P, MISSING);
  expect(copy(k, fd, addr, source, 3 * P)).toEqual(done(3 * P));
  expect([0, 1, 2].map((i) => k.load32(addr + i * P))).toEqual([100, 101, 102]);
  k.store32(addr, 7);
  expect(k.load32(source)).toBe(100);
});

it('fills a shared file: its content, for every mapping', () => {
  const { k, uffd, fd, source } = setUp(1);
  const { fd: file, addr, alias } = mapFile(k, 1);
  uffd.register(addr, P, MISSING);
  expect(copy(k, fd, addr, source, P)).toEqual(done(P));
  expect([presence(k, addr, 1), presence(k, alias, 1)]).toEqual(['1', '0']);
  k.store32(addr, 5);
  expect(k.load32(alias)).toBe(5);
  expect(k.pread(file, source, 4, 0)).toBe(4);
  expect(k.load32(source)).toBe(5);
});

it('EEXIST: whatever is mapped, and what the cache of a shared file holds', () => {
  const { k, uffd, fd, source } = setUp(1);
  const addr = mapAnon(k, 2);
  k.load32(addr); // the zero page
  k.store32(addr + P, 1);
  uffd.register(addr, 2 * P, MISSING);
  expect(copy(k, fd, addr, source, P)).toEqual(failed('EEXIST'));
  expect(copy(k, fd, addr + P, source, P)).toEqual(failed('EEXIST'));
  for (const mode of [MISSING, MINOR, MISSING | MINOR]) {
    const { addr: file, alias } = mapFile(k, 1);
    k.store32(alias, 9);
    uffd.register(file, P, mode);
    expect(copy(k, fd, file, source, P)).toEqual(failed('EEXIST'));
    expect(k.load32(alias)).toBe(9);
  }
});

it('does not ask for the MISSING mode, nor for its own registration, only for one', () => {
  const { k, fd, source } = setUp(1);
  const other = openUffd(k);
  const { addr } = mapFile(k, 1);
  other.register(addr, P, MINOR);
  expect(copy(k, fd, addr, source, P)).toEqual(done(P));
});

it('ENOENT: unmapped, unregistered, or across the end of the mapping', () => {
  const { k, uffd, fd, source } = setUp(4);
  const addr = mapAnon(k, 4);
  expect(copy(k, fd, addr, source, P)).toEqual(failed('ENOENT'));
  expect(copy(k, fd, 4 << 20, source, P)).toEqual(failed('ENOENT'));
  expect(copy(k, fd, 2 ** 46, source, P)).toEqual(failed('ENOENT'));
  uffd.register(addr, 2 * P, MISSING);
  expect(copy(k, fd, addr + P, source, 2 * P)).toEqual(failed('ENOENT'));
  expect(presence(k, addr, 4)).toBe('0000');
});

it('any protection may be filled, and is kept', () => {
  const { k, uffd, fd, source } = setUp(1);
  const addr = mapAnon(k, 2, u.PROT_NONE);
  k.mprotect(addr + P, P, u.PROT_READ);
  uffd.register(addr, 2 * P, MISSING);
  expect([copy(k, fd, addr, source, P), copy(k, fd, addr + P, source, P)]).toEqual([done(P), done(P)]);
  expect(accessed(() => k.load32(addr))).toBe('SIGSEGV');
  expect([k.load32(addr + P), accessed(() => k.store32(addr + P, 1))]).toEqual([100, 'SIGSEGV']);
  k.mprotect(addr, P, u.PROT_READ | u.PROT_WRITE);
  k.store32(addr + 4, 3);
  expect([k.load32(addr), k.load32(addr + 4)]).toEqual([100, 3]);
});

it('EFAULT: past the end of the file; the partly covered last page is fine', () => {
  const { k, uffd, fd, source } = setUp(3);
  const { fd: file, addr } = mapFile(k, 3);
  k.ftruncate(file, P + 1);
  uffd.register(addr, 3 * P, MISSING);
  expect(copy(k, fd, addr + 2 * P, source, P)).toEqual(failed('EFAULT'));
  expect(copy(k, fd, addr, source, 3 * P)).toEqual(partial(2 * P));
  const beyond = mapAnon(k, 1);
  expect(k.pread(file, beyond, P, P)).toBe(1); // the size is what it was
});

it('EFAULT: a source that cannot be read, and that comes before EEXIST on the same page', () => {
  const { k, uffd, fd, source } = setUp(3);
  const addr = mapAnon(k, 3);
  k.store32(addr + 2 * P, 1);
  uffd.register(addr, 3 * P, MISSING);
  expect(copy(k, fd, addr, 0, P)).toEqual(failed('EFAULT'));
  k.munmap(source + 2 * P, P);
  expect(copy(k, fd, addr + 2 * P, source + 2 * P, P)).toEqual(failed('EFAULT'));
  expect(copy(k, fd, addr, source, 3 * P)).toEqual(partial(2 * P));
  expect(copy(k, fd, addr + 2 * P, 2 ** 46, P)).toEqual(failed('EFAULT'));
});

it('the source may be unaligned, untouched, a file, read-only, or the zero page', () => {
  const { k, uffd, fd, source } = setUp(2);
  const bytes = Uint8Array.from({ length: 2 * P }, (_, i) => (i * 31) >>> 3);
  k.copyIn(source, bytes);
  const addr = mapAnon(k, 4);
  uffd.register(addr, 4 * P, MISSING);
  expect(copy(k, fd, addr, source + 1001, P)).toEqual(done(P));
  const got = new Uint8Array(P);
  k.copyOut(addr, got);
  expect(got).toEqual(bytes.subarray(1001, 1001 + P));
  const untouched = mapAnon(k, 1, u.PROT_READ);
  expect(copy(k, fd, addr + P, untouched, P)).toEqual(done(P));
  expect(k.load32(addr + P)).toBe(0);
  const { alias } = mapFile(k, 1);
  k.store32(alias, 44);
  expect(copy(k, fd, addr + 2 * P, alias, P)).toEqual(done(P));
  expect(k.load32(addr + 2 * P)).toBe(44);
  // Unaligned, its second page unreadable: no part of it is installed.
  k.munmap(source + P, P);
  expect(copy(k, fd, addr + 3 * P, source + 8, P)).toEqual(failed('EFAULT'));
  expect(presence(k, addr, 4)).toBe('1110');
});

it('stops at the first page that is there: EAGAIN and the bytes before it; the rest is left alone', () => {
  const { k, uffd, fd, source } = setUp(4);
  const addr = mapAnon(k, 4);
  k.store32(addr + 2 * P, 1);
  uffd.register(addr, 4 * P, MISSING);
  expect(copy(k, fd, addr, source, 4 * P)).toEqual(partial(2 * P));
  expect(presence(k, addr, 4)).toBe('1110');
  expect(copy(k, fd, addr + 2 * P, source + 2 * P, 2 * P)).toEqual(failed('EEXIST')); // the cause
});

it('MODE_WP is EINVAL in the field where the range is not registered for write protection, and that comes before the source', () => {
  const { k, uffd, fd, source } = setUp(1);
  const addr = mapAnon(k, 1);
  expect(copy(k, fd, addr, source, P, u.UFFDIO_COPY_MODE_WP)).toEqual(failed('ENOENT'));
  uffd.register(addr, P, MISSING);
  expect(copy(k, fd, addr, source, P, u.UFFDIO_COPY_MODE_WP)).toEqual(failed('EINVAL'));
  expect(copy(k, fd, addr, 0, P, u.UFFDIO_COPY_MODE_WP)).toEqual(failed('EINVAL'));
});

it('ENOMEM when memory is full: nothing, or a part; and no frame is lost', () => {
  const { k, uffd, fd, source } = setUp(2, { memoryBytes: 4 * P });
  const addr = mapAnon(k, 4);
  uffd.register(addr, 4 * P, MISSING);
  expect(copy(k, fd, addr, source, 2 * P)).toEqual(done(2 * P));
  expect(copy(k, fd, addr + 2 * P, source, P)).toEqual(failed('ENOMEM'));
  k.munmap(addr, P);
  expect(copy(k, fd, addr + 2 * P, source, 2 * P)).toEqual(partial(P));
  expect(k.memory().bytes).toBe(4 * P);
});

it('a page copied into a hole that was punched is mapped anew', () => {
  const { k, uffd, fd, source } = setUp(1);
  const { fd: file, addr, alias } = mapFile(k, 1);
  uffd.register(addr, P, MISSING);
  for (let round = 0; round < 3; round++) {
    k.store32(source, round + 1);
    expect(copy(k, fd, addr, source, P)).toEqual(done(P));
    expect(k.load32(alias)).toBe(round + 1);
    punch(k, file, 0);
    expect([presence(k, addr, 1), presence(k, alias, 1)]).toEqual(['0', '0']);
  }
  expect(zeropage(k, fd, addr, P)).toEqual(done(P));
});
