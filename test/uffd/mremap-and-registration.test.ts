/** mremap and userfaultfd without the REMAP event: the pages' new place is not registered, the old one stays so. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  copy,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  ok,
  openMachine,
  openUffd,
  P,
  presence,
  said,
  zeropage,
} from './machine.js';

const FREE = 4 << 20;
const TO = u.MREMAP_MAYMOVE | u.MREMAP_FIXED;

/** Whether the page is registered: only there is an occupied page EEXIST. */
function isRegistered(k: u.Kernel, fd: number, addr: number): boolean {
  return zeropage(k, fd, addr, P).errno !== 'ENOENT';
}

it('a moved range is registered nowhere', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 2);
  uffd.register(addr, 2 * P, MISSING);
  ok(k.mremap(addr, 2 * P, 2 * P, TO, FREE));
  expect([isRegistered(k, uffd.fd, addr), isRegistered(k, uffd.fd, FREE)]).toEqual([false, false]);
  expect(k.load32(FREE)).toBe(0); // would sleep for ever
});

it('DONTUNMAP: the old range stays registered, and empty', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 2);
  const source = mapAnon(k, 1);
  k.store32(source, 8);
  k.store32(addr, 5);
  uffd.register(addr, 2 * P, MISSING);
  ok(k.mremap(addr, 2 * P, 2 * P, TO | u.MREMAP_DONTUNMAP, FREE));
  expect(isRegistered(k, uffd.fd, FREE)).toBe(false);
  expect(k.load32(FREE)).toBe(5);
  expect(copy(k, uffd.fd, addr, source, P)).toEqual({ errno: 'ok', out: P });
  expect(k.load32(addr)).toBe(8);
});

it('DONTUNMAP of shared memory: CONTINUE maps the same page at the old place', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const { addr } = mapFile(k, 1);
  k.store32(addr, 5);
  uffd.register(addr, P, MINOR);
  ok(k.mremap(addr, P, P, TO | u.MREMAP_DONTUNMAP, FREE));
  expect(k.pagemap(addr).present).toBe(false);
  expect(uffd.continue(addr, P)).toEqual({ done: P, errno: 0 });
  expect([k.load32(addr), k.load32(FREE)]).toEqual([5, 5]);
});

it('growing in place extends the registration, shrinking ends it', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 2);
  uffd.register(addr, 2 * P, MISSING);
  expect(k.mremap(addr, 2 * P, 4 * P, 0, 0)).toBe(addr);
  expect(zeropage(k, uffd.fd, addr, 4 * P)).toEqual({ errno: 'ok', out: 4 * P });
  expect(k.mremap(addr, 4 * P, P, 0, 0)).toBe(addr);
  expect(isRegistered(k, uffd.fd, addr + P)).toBe(false);
});

it('a mapping that MAP_FIXED puts over a registered one is not registered, and does not merge into it', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 4);
  uffd.register(addr, 4 * P, MISSING);
  const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED;
  ok(k.mmap(addr + P, P, u.PROT_READ | u.PROT_WRITE, flags, -1, 0));
  expect([0, 1, 2, 3].map((i) => isRegistered(k, uffd.fd, addr + i * P))).toEqual([true, false, true, true]);
  ok(k.mmap(addr + 4 * P, P, u.PROT_READ | u.PROT_WRITE, flags, -1, 0));
  expect(isRegistered(k, uffd.fd, addr + 4 * P)).toBe(false);
});

it('mprotect splits a registered range and all parts stay registered', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 3);
  uffd.register(addr, 3 * P, MISSING);
  k.mprotect(addr + P, P, u.PROT_READ);
  expect(zeropage(k, uffd.fd, addr, 3 * P)).toEqual({ errno: 'ENOENT', out: -u.ENOENT }); // three VMAs now
  expect([0, 1, 2].map((i) => zeropage(k, uffd.fd, addr + i * P, P).errno)).toEqual(['ok', 'ok', 'ok']);
});

it('of several mappings none may be registered: the first such ends the call, and those before it have moved', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 4);
  for (let i = 0; i < 4; i++) k.store32(addr + i * P, i + 1);
  uffd.register(addr + P, P, MISSING);
  expect(said(k.mremap(addr + P, 2 * P, 2 * P, TO, FREE))).toBe('EFAULT');
  expect([k.pagemap(FREE).present, presence(k, addr, 4)]).toEqual([false, '1111']);
  expect(said(k.mremap(addr, 4 * P, 4 * P, TO, FREE))).toBe('EFAULT');
  expect([presence(k, FREE, 4), presence(k, addr, 4)]).toEqual(['1000', '0111']);
  expect([k.load32(FREE), isRegistered(k, uffd.fd, addr + P)]).toEqual([1, true]);
  expect(k.mremap(addr + P, P, P, TO, FREE)).toBe(FREE);
  expect(k.load32(FREE)).toBe(2);
});
