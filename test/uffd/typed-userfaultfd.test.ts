/** The typed Userfaultfd: outcomes for what the kernel may legitimately answer, errors for misuse. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { MINOR, MISSING, mapAnon, mapFile, openMachine, openUffd, P } from './machine.js';

it('tells how far an operation got and why it stopped, apart', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const { addr, alias } = mapFile(k, 3);
  const source = mapAnon(k, 3);
  k.store32(alias + P, 1);
  uffd.register(addr, 3 * P, MISSING | MINOR);
  expect(uffd.copy(addr, source, 3 * P)).toEqual({ done: P, errno: u.EAGAIN });
  expect(uffd.copy(addr + P, source, P)).toEqual({ done: 0, errno: u.EEXIST });
  expect(uffd.continue(addr + P, 2 * P)).toEqual({ done: P, errno: u.EAGAIN });
  expect(uffd.continue(addr + 2 * P, P)).toEqual({ done: 0, errno: u.EFAULT });
  expect(uffd.zeropage(addr + 2 * P, P)).toEqual({ done: P, errno: 0 });
  const [target, pages] = [mapAnon(k, 3), mapAnon(k, 3)];
  k.store32(pages, 4);
  uffd.register(target, 3 * P, MISSING);
  expect(uffd.move(target, pages, 2 * P)).toEqual({ done: P, errno: u.EAGAIN });
  expect(uffd.move(target + P, pages + P, P)).toEqual({ done: 0, errno: u.ENOENT });
  const holes = u.UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES;
  expect(uffd.move(target + P, pages + P, 2 * P, holes)).toEqual({ done: 2 * P, errno: 0 });
  expect(k.load32(target)).toBe(4);
  expect(uffd.poison(target, P)).toEqual({ done: 0, errno: u.EEXIST });
  expect(uffd.poison(target + P, 2 * P)).toEqual({ done: 2 * P, errno: 0 });
  expect(uffd.read()).toBe(null);
});

it('protects a range and ends that', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 1);
  k.store32(addr, 1);
  uffd.register(addr, P, u.UFFDIO_REGISTER_MODE_WP);
  uffd.writeprotect(addr, P, u.UFFDIO_WRITEPROTECT_MODE_WP);
  expect(k.pagemap(addr).writeProtected).toBe(true);
  uffd.writeprotect(addr, P, 0);
  expect(k.pagemap(addr).writeProtected).toBe(false);
  expect(() => uffd.writeprotect(addr + P, P, 0)).toThrow(/UFFDIO_WRITEPROTECT: ENOENT/);
});

it('throws SyscallError for what can only be a mistake', () => {
  const k = openMachine();
  const uffd = openUffd(k);
  const addr = mapAnon(k, 1);
  expect(() => uffd.copy(addr + 1, addr, P)).toThrow(/UFFDIO_COPY: EINVAL/);
  expect(() => uffd.zeropage(addr, 0)).toThrow(/UFFDIO_ZEROPAGE: EINVAL/);
  expect(() => uffd.continue(addr, P, 8)).toThrow(/UFFDIO_CONTINUE: EINVAL/);
  expect(() => uffd.move(addr, addr, P, 4)).toThrow(/UFFDIO_MOVE: EINVAL/);
  expect(() => uffd.poison(addr, P, 2)).toThrow(/UFFDIO_POISON: EINVAL/);
  expect(() => uffd.register(addr, P, MINOR)).toThrow(/UFFDIO_REGISTER: EINVAL/);
  expect(() => uffd.unregister(5 << 20, P)).toThrow(/UFFDIO_UNREGISTER: EINVAL/);
  expect(() => uffd.wake(addr, 1)).toThrow(/UFFDIO_WAKE: EINVAL/);
  uffd.close();
  expect(() => uffd.close()).toThrow(/close: EBADF/);
  expect(() => uffd.read()).toThrow(/read: EBADF/);
  expect(() => uffd.copy(addr, addr, P)).toThrow(/UFFDIO_COPY: EBADF/);
});

it('closes what a failed handshake leaves', () => {
  const k = openMachine();
  expect(() => u.openUserfaultfd(k, { flags: 2 })).toThrow(/userfaultfd: EINVAL/);
  expect(() => u.openUserfaultfd(k, { features: 1n << 63n })).toThrow(/UFFDIO_API: EINVAL/);
  expect(k.userfaultfd(0)).toBe(3);
});
