/** UFFDIO_ZEROPAGE without sleepers. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  accessed,
  MINOR,
  MISSING,
  mapAnon,
  mapFile,
  ok,
  openMachine,
  openUffd,
  P,
  RW,
  zeropage,
} from './machine.js';

it('private memory gets the shared zero page, and a copy of its own at the first write', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 2);
  uffd.register(addr, 2 * P, MISSING);
  expect(zeropage(k, uffd.fd, addr, 2 * P)).toEqual({ errno: 'ok', out: 2 * P });
  expect([k.load32(addr), k.memory().bytes]).toEqual([0, 0]);
  k.store32(addr, 6);
  expect([k.load32(addr), k.load32(addr + P), k.memory().bytes]).toEqual([6, 0, P]);
});

it('a shared file gets a page of zeroes; EEXIST if it has one; EFAULT past its end', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const { fd, addr, alias } = mapFile(k, 3);
  k.ftruncate(fd, 2 * P);
  k.store32(alias + P, 4);
  uffd.register(addr, 3 * P, MINOR);
  expect(zeropage(k, uffd.fd, addr, 3 * P)).toEqual({ errno: 'EAGAIN', out: P });
  expect(k.memory().bytes).toBe(2 * P);
  expect(zeropage(k, uffd.fd, addr + P, P)).toEqual({ errno: 'EEXIST', out: -u.EEXIST });
  expect(zeropage(k, uffd.fd, addr + 2 * P, P)).toEqual({ errno: 'EFAULT', out: -u.EFAULT });
  k.store32(alias, 8);
  expect(k.load32(addr)).toBe(8);
});

it('a private mapping of a file gets the zero page, up to the end of the file', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const { fd } = mapFile(k, 1);
  const addr = ok(k.mmap(0, 2 * P, RW, u.MAP_PRIVATE, fd, 0));
  uffd.register(addr, 2 * P, MISSING);
  expect(zeropage(k, uffd.fd, addr, 2 * P)).toEqual({ errno: 'EAGAIN', out: P });
  expect(zeropage(k, uffd.fd, addr + P, P)).toEqual({ errno: 'EFAULT', out: -u.EFAULT });
  expect(k.memory().bytes).toBe(0);
});

it('EEXIST over what is mapped, ENOENT where nothing is registered', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 3);
  k.store32(addr, 1);
  expect(zeropage(k, uffd.fd, addr, P)).toEqual({ errno: 'ENOENT', out: -u.ENOENT });
  uffd.register(addr, 2 * P, MISSING);
  expect(zeropage(k, uffd.fd, addr, P)).toEqual({ errno: 'EEXIST', out: -u.EEXIST });
  expect(zeropage(k, uffd.fd, addr + P, 2 * P)).toEqual({ errno: 'ENOENT', out: -u.ENOENT });
});

it('a forbidden page may be filled and stays forbidden', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 1, u.PROT_NONE);
  uffd.register(addr, P, MISSING);
  expect(zeropage(k, uffd.fd, addr, P).errno).toBe('ok');
  expect(accessed(() => k.load32(addr))).toBe('SIGSEGV');
  k.mprotect(addr, P, u.PROT_READ);
  expect([k.load32(addr), accessed(() => k.store32(addr, 1))]).toEqual([0, 'SIGSEGV']);
});
