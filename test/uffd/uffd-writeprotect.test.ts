/** UFFDIO_WRITEPROTECT without sleepers: what it protects, what that means for accesses, and how far it gets. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  accessed,
  MISSING,
  mapAnon,
  mapFile,
  ok,
  openMachine,
  openUffd,
  P,
  presence,
  protection,
  RW,
  said,
  WP,
  writeprotect,
} from './machine.js';

const UNPROTECT = 0;
const DONTWAKE = u.UFFDIO_WRITEPROTECT_MODE_DONTWAKE;
const [UNPOPULATED, ASYNC] = [u.UFFD_FEATURE_WP_UNPOPULATED, u.UFFD_FEATURE_WP_ASYNC];

/** User mode only: a system call tells what would be a userfault, without sleeping in it. */
function setUp(features = 0n) {
  const k = openMachine();
  const uffd = openUffd(k, u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY, features);
  return { k, uffd, fd: uffd.fd };
}

/** Which pages can be written without a userfault, as '1' and '0'. */
function writable(k: u.Kernel, addr: number, pages: number): string {
  const answers = Array.from({ length: pages }, (_, i) =>
    said(k.madvise(addr + i * P, P, u.MADV_POPULATE_WRITE)),
  );
  for (const answer of answers) expect(['ok', 'EFAULT']).toContain(answer);
  return answers.map((answer) => (answer === 'ok' ? '1' : '0')).join('');
}

it('EINVAL for modes that there are not; ENOENT where nothing is mapped, or not registered for it', () => {
  const { k, uffd, fd } = setUp();
  const addr = mapAnon(k, 3);
  uffd.register(addr, P, WP);
  uffd.register(addr + P, P, MISSING);
  for (const mode of [3, 4, 5, 8, 2 ** 32 + 1, 2 ** 63]) {
    expect(writeprotect(k, fd, addr, P, mode)).toBe('EINVAL');
  }
  for (const mode of [UNPROTECT, u.UFFDIO_WRITEPROTECT_MODE_WP, DONTWAKE]) {
    expect(writeprotect(k, fd, addr, P, mode)).toBe('ok');
    expect(writeprotect(k, fd, addr + P, P, mode)).toBe('ENOENT');
    expect(writeprotect(k, fd, addr + 2 * P, P, mode)).toBe('ENOENT');
    expect(writeprotect(k, fd, 5 << 20, P, mode)).toBe('ENOENT');
  }
});

it('private memory: what is there, the zero page too; what is not only with WP_UNPOPULATED or WP_ASYNC', () => {
  for (const [features, wanted, then] of [
    [0n, '110', '001'],
    [UNPOPULATED, '111', '000'],
    [ASYNC, '111', '111'],
  ] as const) {
    const { k, uffd, fd } = setUp(features);
    const addr = mapAnon(k, 3);
    k.store32(addr, 5);
    k.load32(addr + P);
    uffd.register(addr, 3 * P, WP);
    expect(writable(k, addr, 1)).toBe('1'); // registered is not protected
    const used = k.memory().bytes;
    expect(writeprotect(k, fd, addr, 3 * P)).toBe('ok');
    expect([protection(k, addr, 3), presence(k, addr, 3)]).toEqual([wanted, '110']);
    expect(k.memory().bytes).toBe(used);
    expect(writable(k, addr, 3)).toBe(then);
  }
});

it('a file: every page of this mapping, mapped, cached or a hole; other mappings and pwrite are free', () => {
  const { k, uffd, fd } = setUp();
  const { fd: file, addr, alias } = mapFile(k, 3);
  k.store32(addr, 5);
  k.store32(alias + P, 6);
  uffd.register(addr, 3 * P, WP);
  expect(writeprotect(k, fd, addr, 3 * P)).toBe('ok');
  expect([protection(k, addr, 3), presence(k, addr, 3), protection(k, alias, 3)]).toEqual([
    '111',
    '100',
    '000',
  ]);
  expect(writable(k, addr, 3)).toBe('000');
  k.store32(alias, 7);
  expect(k.pwrite(file, alias, 4, 2 * P)).toBe(4);
  expect([0, 1, 2].map((i) => k.load32(addr + i * P))).toEqual([7, 6, 7]);
});

it('reads are silent, map nothing around, and leave what they map protected', () => {
  const { k, uffd, fd } = setUp(UNPOPULATED);
  const { addr: shared, alias } = mapFile(k, 3);
  for (let i = 0; i < 3; i++) k.store32(alias + i * P, 9);
  for (const [addr, value] of [
    [mapAnon(k, 3), 0],
    [shared, 9],
  ] as const) {
    uffd.register(addr, 3 * P, WP);
    writeprotect(k, fd, addr, 2 * P);
    expect([k.load32(addr), presence(k, addr, 3), protection(k, addr, 3)]).toEqual([value, '100', '110']);
    expect([k.load32(addr + P), k.load32(addr + 2 * P)]).toEqual([value, value]);
    expect([presence(k, addr, 3), protection(k, addr, 3)]).toEqual(['111', '110']);
    expect(writable(k, addr, 3)).toBe('001');
  }
});

it('a system call cannot write there, and reads as it did', () => {
  const { k, uffd, fd } = setUp();
  const { fd: file, alias } = mapFile(k, 2);
  const addr = mapAnon(k, 2);
  k.store32(addr, 5);
  k.store32(addr + P, 6);
  uffd.register(addr, 2 * P, WP);
  writeprotect(k, fd, addr + P, P);
  expect(k.pread(file, addr, 2 * P, 0)).toBe(P);
  expect(said(k.pread(file, addr + P, P, 0))).toBe('EFAULT');
  expect(k.pwrite(file, addr + P, P, P)).toBe(P);
  expect(k.load32(alias + P)).toBe(6);
  expect(said(k.madvise(addr, 2 * P, u.MADV_POPULATE_READ))).toBe('ok');
  expect(said(k.madvise(addr, 2 * P, u.MADV_POPULATE_WRITE))).toBe('EFAULT');
});

it('unprotected, pages are written again; a marker leaves nothing behind', () => {
  const { k, uffd, fd } = setUp(UNPOPULATED);
  const addr = mapAnon(k, 3);
  k.store32(addr, 5);
  k.load32(addr + P);
  uffd.register(addr, 3 * P, WP);
  writeprotect(k, fd, addr, 3 * P);
  expect(writeprotect(k, fd, addr, 2 * P, UNPROTECT)).toBe('ok');
  expect(writeprotect(k, fd, addr + 2 * P, P, DONTWAKE)).toBe('ok');
  expect([protection(k, addr, 3), presence(k, addr, 3)]).toEqual(['000', '110']);
  for (let i = 0; i < 3; i++) k.store32(addr + i * P + 4, 7);
  expect([0, 1, 2].map((i) => k.load32(addr + i * P))).toEqual([5, 0, 0]);
});

it('WP_ASYNC: a write ends the protection, and is no message; missing pages still are', () => {
  const { k, uffd, fd } = setUp(ASYNC);
  const { addr: shared } = mapFile(k, 2);
  const addr = mapAnon(k, 3);
  k.store32(addr, 5);
  k.load32(addr + P);
  uffd.register(addr, 3 * P, MISSING | WP);
  uffd.register(shared, 2 * P, WP);
  writeprotect(k, fd, addr, 2 * P);
  writeprotect(k, fd, shared, 2 * P);
  for (const page of [addr, addr + P, shared]) k.store32(page + 4, 6);
  expect([protection(k, addr, 2), protection(k, shared, 2)]).toEqual(['00', '01']);
  expect([k.load32(addr), k.load32(addr + P + 4), k.load32(shared + 4)]).toEqual([5, 6, 6]);
  expect(k.fdinfo(fd)).toMatchObject({ pending: 0, total: 0 });
  expect(said(k.madvise(addr + 2 * P, P, u.MADV_POPULATE_READ))).toBe('EFAULT');
});

it('one call covers several mappings and passes over holes', () => {
  const { k, uffd, fd } = setUp(UNPOPULATED);
  const addr = mapAnon(k, 6);
  const { fd: file } = mapFile(k, 1);
  ok(k.mmap(addr + P, P, RW, u.MAP_SHARED | u.MAP_FIXED, file, 0));
  k.munmap(addr + 3 * P, P);
  uffd.register(addr, 6 * P, WP);
  expect(writeprotect(k, fd, addr, 6 * P)).toBe('ok');
  expect(protection(k, addr, 6)).toBe('111011');
  expect(writeprotect(k, fd, addr + 3 * P, P)).toBe('ENOENT');
  expect(writeprotect(k, fd, addr, 5 * P, UNPROTECT)).toBe('ok');
  expect(protection(k, addr, 6)).toBe('000001');
});

it('the first mapping that is not registered for it ends the call with ENOENT; what is below has changed', () => {
  const { k, uffd, fd } = setUp(UNPOPULATED);
  const addr = mapAnon(k, 5);
  uffd.register(addr, 2 * P, WP);
  uffd.register(addr + 3 * P, 2 * P, WP);
  expect(writeprotect(k, fd, addr + P, 4 * P)).toBe('ENOENT');
  expect(protection(k, addr, 5)).toBe('01000');
  writeprotect(k, fd, addr + 3 * P, 2 * P);
  expect(writeprotect(k, fd, addr, 5 * P, UNPROTECT)).toBe('ENOENT');
  expect(protection(k, addr, 5)).toBe('00011');
});

it('any userfaultfd may be asked, and whose feature counts is the one that is registered', () => {
  const { k, uffd, fd } = setUp(UNPOPULATED);
  const other = openUffd(k);
  const [addr, plain] = [mapAnon(k, 1), mapAnon(k, 1)];
  uffd.register(addr, P, WP);
  other.register(plain, P, WP);
  expect([writeprotect(k, other.fd, addr, P), writeprotect(k, fd, plain, P)]).toEqual(['ok', 'ok']);
  expect([protection(k, addr, 1), protection(k, plain, 1)]).toEqual(['1', '0']);
});

it('permissions come first, and what mprotect gives back is still protected', () => {
  const { k, uffd, fd } = setUp();
  const addr = mapAnon(k, 1);
  k.store32(addr, 5);
  uffd.register(addr, P, WP);
  writeprotect(k, fd, addr, P);
  k.mprotect(addr, P, u.PROT_READ);
  expect(accessed(() => k.store32(addr, 1))).toBe('SIGSEGV');
  k.mprotect(addr, P, RW);
  expect([protection(k, addr, 1), writable(k, addr, 1), k.load32(addr)]).toEqual(['1', '0', 5]);
});
