/** How long a write protection lasts: what keeps it, what takes it away, and what the other ioctls make of it. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  continueRange,
  copy,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  move,
  ok,
  openMachine,
  openUffd,
  P,
  poison,
  presence,
  protection,
  punch,
  said,
  WP,
  writeprotect,
  zeropage,
} from './machine.js';

const TO = u.MREMAP_MAYMOVE | u.MREMAP_FIXED;
const FREE = 4 << 20;
const done = (bytes: number) => ({ errno: 'ok', out: bytes });
const failed = (errno: 'EEXIST' | 'EFAULT' | 'EINVAL') => ({ errno, out: -u[errno] });

/** Private memory and a file, each of three pages, page 0 written, page 2 not protected. */
function setUp(mode = WP) {
  const k = openMachine();
  const flags = u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY; // a system call tells a userfault without sleeping in it
  const uffd = openUffd(k, flags, u.UFFD_FEATURE_WP_UNPOPULATED);
  const anon = mapAnon(k, 3);
  const { fd: file, addr, alias } = mapFile(k, 3);
  for (const start of [anon, addr]) {
    k.store32(start, 5);
    uffd.register(start, 3 * P, mode);
    expect(writeprotect(k, uffd.fd, start, 2 * P)).toBe('ok');
  }
  return { k, uffd, fd: uffd.fd, anon, file, addr, alias, source: mapAnon(k, 1) };
}

it('DONTNEED: a file keeps it, private memory does not', () => {
  const { k, anon, addr } = setUp();
  for (const start of [anon, addr]) k.madvise(start, 3 * P, u.MADV_DONTNEED);
  expect([protection(k, anon, 3), protection(k, addr, 3)]).toEqual(['000', '110']);
  expect([presence(k, anon, 3), presence(k, addr, 3)]).toEqual(['000', '000']);
  k.store32(anon, 6);
  expect([k.load32(addr), protection(k, addr, 3)]).toEqual([5, '110']);
});

it('a hole in the file, and its truncation, keep it', () => {
  for (const empty of [
    (k: u.Kernel, file: number) => punch(k, file, 0, 3),
    (k: u.Kernel, _: number, addr: number) => k.madvise(addr, 3 * P, u.MADV_REMOVE),
    (k: u.Kernel, file: number) => k.ftruncate(file, 0) + k.ftruncate(file, 3 * P),
  ]) {
    const { k, file, addr } = setUp();
    expect(empty(k, file, addr)).toBe(0);
    expect([presence(k, addr, 3), protection(k, addr, 3)]).toEqual(['000', '110']);
    expect([k.load32(addr), protection(k, addr, 3)]).toEqual([0, '110']);
  }
});

it('UNREGISTER takes it away, of the pages that are there and of those that are not', () => {
  const { k, uffd, anon, addr } = setUp();
  for (const start of [anon, addr]) {
    uffd.unregister(start + P, 2 * P);
    expect(protection(k, start, 3)).toBe('100');
    uffd.unregister(start, P);
    expect(protection(k, start, 3)).toBe('000');
    uffd.register(start, 3 * P, WP);
    for (let i = 0; i < 2; i++) k.store32(start + i * P, 7);
  }
});

it('registered anew without WP, a range is not watched for writes; once WP is back, where nobody wrote meanwhile it is', () => {
  const { k, uffd, fd, anon, addr } = setUp();
  for (const start of [anon, addr]) {
    uffd.register(start, 3 * P, MISSING);
    expect([protection(k, start, 3), writeprotect(k, fd, start, P)]).toEqual(['110', 'ENOENT']);
    k.store32(start + 4, 6);
    uffd.register(start, 3 * P, WP);
    k.store32(start + 4, 7);
    expect(said(k.madvise(start + P, P, u.MADV_POPULATE_WRITE))).toBe('EFAULT');
    expect([k.load32(start), k.load32(start + 4)]).toEqual([5, 7]);
  }
});

it('closing the userfaultfd takes it away', () => {
  const { k, uffd, anon, addr } = setUp();
  uffd.close();
  for (const start of [anon, addr]) {
    expect(protection(k, start, 3)).toBe('000');
    for (let i = 0; i < 2; i++) k.store32(start + i * P, 7);
  }
});

it('mremap takes it away, at the old place too', () => {
  for (const flags of [TO, TO | u.MREMAP_DONTUNMAP]) {
    const { k, anon, addr } = setUp();
    for (const start of [anon, addr]) {
      ok(k.mremap(start, 3 * P, 3 * P, flags, FREE));
      expect([protection(k, start, 3), protection(k, FREE, 3)]).toEqual(['000', '000']);
      expect(presence(k, FREE, 3)).toBe('100');
      for (let i = 0; i < 2; i++) k.store32(FREE + i * P, 7);
    }
  }
});

it('COPY ends it unless it has MODE_WP, which makes it; a page that is there stays as it is', () => {
  const { k, fd, anon, addr, source } = setUp(MISSING | WP);
  const { UFFDIO_COPY_MODE_WP: mode } = u;
  for (const start of [anon, addr]) {
    expect(copy(k, fd, start, source, P)).toEqual(failed('EEXIST'));
    expect(copy(k, fd, start + P, source, P)).toEqual(done(P));
    expect(copy(k, fd, start + 2 * P, source, P, mode)).toEqual(done(P));
    expect([presence(k, start, 3), protection(k, start, 3)]).toEqual(['111', '101']);
  }
});

it('CONTINUE ends it unless it has MODE_WP, which is EINVAL where the range is not registered for it', () => {
  const { k, uffd, fd, file, addr, alias } = setUp();
  const { UFFDIO_CONTINUE_MODE_WP: mode } = u;
  k.fallocate(file, 0, 0, 3 * P);
  expect(continueRange(k, fd, addr, P)).toEqual(failed('EEXIST'));
  expect(continueRange(k, fd, addr + P, P)).toEqual(done(P));
  expect(continueRange(k, fd, addr + 2 * P, P, mode)).toEqual(done(P));
  expect([presence(k, addr, 3), protection(k, addr, 3)]).toEqual(['111', '101']);
  uffd.register(alias, P, MINOR);
  expect(continueRange(k, fd, alias, P, mode)).toEqual(failed('EINVAL'));
  expect(presence(k, alias, 1)).toBe('0');
});

it('ZEROPAGE ends it in a file; in private memory a marker is EEXIST', () => {
  const { k, fd, anon, addr } = setUp();
  expect(zeropage(k, fd, addr + P, P)).toEqual(done(P));
  expect(protection(k, addr, 3)).toBe('100');
  expect(zeropage(k, fd, anon + P, P)).toEqual(failed('EEXIST'));
  expect([presence(k, anon, 3), protection(k, anon, 3)]).toEqual(['100', '110']);
});

it('POISON of what is protected is EEXIST, page or marker; and poison is not protected', () => {
  const { k, fd, anon, addr } = setUp();
  for (const start of [anon, addr]) {
    for (let i = 0; i < 2; i++) expect(poison(k, fd, start + i * P, P)).toEqual(failed('EEXIST'));
    expect(poison(k, fd, start + 2 * P, P)).toEqual(done(P));
    expect(writeprotect(k, fd, start, 3 * P)).toBe('ok');
    expect(protection(k, start, 3)).toBe('110');
  }
});

it('MOVE leaves it behind; a marker is EEXIST at the target and EFAULT at the source', () => {
  const { k, uffd, fd, anon } = setUp(MISSING | WP);
  const target = mapAnon(k, 3);
  uffd.register(target, 3 * P, MISSING | WP);
  writeprotect(k, fd, target, P);
  expect(move(k, fd, target, anon, P)).toEqual(failed('EEXIST'));
  expect(move(k, fd, target + 2 * P, anon + P, P)).toEqual(failed('EFAULT'));
  expect(move(k, fd, target + P, anon, P)).toEqual(done(P));
  expect([protection(k, anon, 3), protection(k, target, 3)]).toEqual(['010', '100']);
  k.store32(target + P + 4, 6);
  expect(k.load32(target + P)).toBe(5);
});
