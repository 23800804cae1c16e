/** UFFDIO_REGISTER and UNREGISTER: which ranges, which memory, all or nothing, registering again. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  ok,
  openMachine,
  openUffd,
  P,
  RW,
  register,
  unregister,
  WP,
  zeropage,
} from './machine.js';

const BASE = 0x13c; // WAKE, COPY, ZEROPAGE, MOVE, POISON
const WRITEPROTECT = 0x40;
const CONTINUE = 0x80;

/** Which pages are registered, as '1' and '0'; fills them with the zero page. */
function registered(k: u.Kernel, fd: number, addr: number, pages: number): string {
  const digits = Array.from({ length: pages }, (_, i) => zeropage(k, fd, addr + i * P, P).errno !== 'ENOENT');
  return digits.map((is) => (is ? '1' : '0')).join('');
}

it('the answered mask depends on what was asked, not on the memory', () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  const anon = mapAnon(k, 1);
  const { addr } = mapFile(k, 1);
  const shared = ok(k.mmap(0, P, RW, u.MAP_SHARED | u.MAP_ANONYMOUS, -1, 0));
  expect(register(k, fd, anon, P, MISSING)).toEqual({ errno: 'ok', out: BASE });
  expect(register(k, fd, anon, P, WP)).toEqual({ errno: 'ok', out: BASE | WRITEPROTECT });
  expect(register(k, fd, anon, P, MISSING | WP)).toEqual({ errno: 'ok', out: BASE | WRITEPROTECT });
  for (const start of [addr, shared]) {
    expect(register(k, fd, start, P, MISSING)).toEqual({ errno: 'ok', out: BASE });
    expect(register(k, fd, start, P, MINOR)).toEqual({ errno: 'ok', out: BASE | CONTINUE });
    expect(register(k, fd, start, P, MISSING | MINOR)).toEqual({ errno: 'ok', out: BASE | CONTINUE });
    expect(register(k, fd, start, P, WP)).toEqual({ errno: 'ok', out: BASE | WRITEPROTECT });
    const all = { errno: 'ok', out: BASE | WRITEPROTECT | CONTINUE };
    expect(register(k, fd, start, P, MINOR | WP)).toEqual(all);
    expect(register(k, fd, start, P, MISSING | MINOR | WP)).toEqual(all);
  }
});

it('refuses modes it has not, private memory for MINOR, and ranges without a mapping', () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  const addr = mapAnon(k, 2);
  const refused = { errno: 'EINVAL', out: 'untouched' };
  for (const mode of [0, 8, 9, 15, 2 ** 32, 2 ** 32 + 1, 2 ** 63, MINOR, MISSING | MINOR, MINOR | WP, 7]) {
    expect(register(k, fd, addr, P, mode)).toEqual(refused);
  }
  expect(register(k, fd, addr + 100 * P, P, MISSING)).toEqual(refused);
  expect(register(k, fd, 0, P, MISSING)).toEqual(refused);
  expect(register(k, fd, addr, 2 * P, MISSING).errno).toBe('ok');
});

it('any protection can be registered', () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  for (const prot of [u.PROT_NONE, u.PROT_READ]) {
    expect(register(k, fd, mapAnon(k, 1, prot), P, MISSING).errno).toBe('ok');
    expect(register(k, fd, mapAnon(k, 1, prot), P, WP).errno).toBe('ok');
  }
});

it('holes are fine anywhere, and mappings are split at the edges', () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  const addr = mapAnon(k, 8);
  k.munmap(addr + 3 * P, P);
  expect(register(k, fd, addr + 2 * P, 4 * P, MISSING).errno).toBe('ok');
  expect(registered(k, fd, addr, 8)).toBe('00101100');
  const edge = mapAnon(k, 4);
  k.munmap(edge, P);
  k.munmap(edge + 3 * P, P);
  expect(register(k, fd, edge, 4 * P, MISSING).errno).toBe('ok');
  expect(registered(k, fd, edge, 4)).toBe('0110');
});

it('all or nothing: one unfit mapping, or one of another userfaultfd, and nothing is registered', () => {
  const k = openMachine();
  const [mine, other] = [openUffd(k).fd, openUffd(k).fd];
  const area = mapAnon(k, 3);
  const { fd } = mapFile(k, 1);
  ok(k.mmap(area, P, RW, u.MAP_SHARED | u.MAP_FIXED, fd, 0));
  expect(register(k, mine, area, 3 * P, MINOR)).toEqual({ errno: 'EINVAL', out: 'untouched' });
  expect(registered(k, mine, area, 3)).toBe('000');
  register(k, other, area + 2 * P, P, MISSING);
  expect(register(k, mine, area, 3 * P, MISSING)).toEqual({ errno: 'EBUSY', out: 'untouched' });
  expect(registered(k, mine, area, 3)).toBe('001');
  // For one and the same mapping EINVAL comes first.
  expect(register(k, mine, area + 2 * P, P, MINOR).errno).toBe('EINVAL');
});

it('EBUSY lasts until the owner unregisters or is closed', () => {
  const k = openMachine();
  const [mine, other] = [openUffd(k).fd, openUffd(k).fd];
  const addr = mapAnon(k, 2);
  register(k, other, addr, 2 * P, MISSING);
  expect(register(k, mine, addr, P, MISSING).errno).toBe('EBUSY');
  expect(unregister(k, other, addr, P)).toBe('ok');
  expect(register(k, mine, addr, P, MISSING).errno).toBe('ok');
  expect(register(k, mine, addr + P, P, MISSING).errno).toBe('EBUSY');
  k.close(other);
  expect(register(k, mine, addr + P, P, MISSING).errno).toBe('ok');
});

it('registering again: a subset changes nothing, anything else replaces; the mask is of the request', () => {
  const k = openMachine();
  const { fd } = openUffd(k, u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY); // so that a kernel-mode access tells
  const { fd: file, addr, alias } = mapFile(k, 2);
  const alone = () => fault(k, addr, alias, file);
  register(k, fd, addr, 2 * P, MISSING | MINOR);
  expect(register(k, fd, addr, 2 * P, MISSING)).toEqual({ errno: 'ok', out: BASE });
  expect(alone()).toEqual({ hole: 'userfault', cached: 'userfault' });
  expect(register(k, fd, addr, 2 * P, MINOR)).toEqual({ errno: 'ok', out: BASE | CONTINUE });
  expect(alone()).toEqual({ hole: 'userfault', cached: 'userfault' });
  unregister(k, fd, addr, 2 * P);
  register(k, fd, addr, 2 * P, MISSING);
  expect(alone()).toEqual({ hole: 'userfault', cached: 'silent' });
  register(k, fd, addr, 2 * P, MINOR);
  expect(alone()).toEqual({ hole: 'silent', cached: 'userfault' });
  register(k, fd, addr, 2 * P, MISSING | MINOR);
  expect(alone()).toEqual({ hole: 'userfault', cached: 'userfault' });
});

/** Whether page 0, a hole, and page 1, cached, raise a userfault at `addr`: asked in kernel mode. */
function fault(k: u.Kernel, addr: number, alias: number, file: number) {
  k.fallocate(file, u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE, 0, P);
  k.store32(alias + P, 1);
  k.madvise(addr, 2 * P, u.MADV_DONTNEED);
  const probe = (at: number) => (k.madvise(at, P, u.MADV_POPULATE_READ) === 0 ? 'silent' : 'userfault');
  return { hole: probe(addr), cached: probe(addr + P) };
}

it('UNREGISTER: foreign or unmapped ranges are EINVAL, holes and unregistered memory are fine', () => {
  const k = openMachine();
  const [mine, other] = [openUffd(k).fd, openUffd(k).fd];
  const addr = mapAnon(k, 4);
  expect(unregister(k, mine, addr, P)).toBe('ok');
  expect(unregister(k, mine, addr + 100 * P, P)).toBe('EINVAL');
  register(k, mine, addr, 2 * P, MISSING);
  register(k, other, addr + 2 * P, P, MISSING);
  expect(unregister(k, mine, addr, 4 * P)).toBe('EINVAL');
  expect(unregister(k, other, addr, P)).toBe('EINVAL');
  k.munmap(addr + P, P);
  expect(unregister(k, mine, addr, 2 * P)).toBe('ok');
  expect(registered(k, mine, addr, 4)).toBe('0010');
});

it('UNREGISTER of a part splits, and what is present stays', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 3);
  k.store32(addr + P, 5);
  uffd.register(addr, 3 * P, MISSING);
  uffd.unregister(addr + P, P);
  expect(k.load32(addr + P)).toBe(5);
  expect(registered(k, uffd.fd, addr, 3)).toBe('101');
});
