/** pread and pwrite: a file against machine memory. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import {
  accessed,
  copy,
  MISSING,
  mapAnon,
  mapFile,
  openMachine,
  openUffd,
  P,
  presence,
  said,
} from './machine.js';

it('names what is wrong with the arguments', () => {
  const k = openMachine();
  const { fd } = mapFile(k, 2);
  const uffd = openUffd(k).fd;
  const memory = mapAnon(k, 1);
  for (const call of [k.pread, k.pwrite]) {
    expect(said(call(99, memory, 1, -1))).toBe('EINVAL');
    expect(said(call(99, memory, 1, 0))).toBe('EBADF');
    expect(said(call(fd, memory, 1, -1))).toBe('EINVAL');
    expect(said(call(uffd, memory, 1, 0))).toBe('ESPIPE');
    expect(said(call(fd, 0, 8, 0))).toBe('EFAULT');
    expect(said(call(fd, -P, 8, 0))).toBe('EFAULT');
    expect(said(call(fd, 0x7ffffffff000, 8, 0))).toBe('EFAULT');
    expect(said(call(fd, memory, -1, 0))).toBe('EFAULT');
    expect(call(fd, 0, 0, 0)).toBe(0);
  }
  expect(said(k.pwrite(fd, memory, 1, 2 ** 50))).toBe('EFBIG');
  expect(k.pread(fd, memory, 1, 2 ** 50)).toBe(0);
});

it('pread stops at the end of the file, reads holes as zero, and does not fill them', () => {
  const k = openMachine();
  const { fd, addr } = mapFile(k, 4);
  k.ftruncate(fd, 2 * P + 100);
  k.store32(addr + P, 5);
  const memory = mapAnon(k, 4);
  k.store32(memory, 9);
  const used = k.memory().bytes;
  expect(k.pread(fd, memory, 2 * P, 0)).toBe(2 * P);
  expect([k.load32(memory), k.load32(memory + P)]).toEqual([0, 5]);
  expect(k.memory().bytes).toBe(used + P); // memory's second page, none of the file's
  expect(k.pread(fd, memory, P, 2 * P)).toBe(100);
  expect(k.pread(fd, memory, P, 2 * P + 100)).toBe(0);
});

it('pwrite grows the file, caches what it writes, and shows in mappings', () => {
  const k = openMachine();
  const { fd, addr } = mapFile(k, 4);
  k.ftruncate(fd, 0);
  const memory = mapAnon(k, 2);
  k.copyIn(
    memory,
    Uint8Array.from({ length: 2 * P }, (_, i) => i),
  );
  expect(k.pwrite(fd, memory + 1, 6, P - 3)).toBe(6);
  const bytes = new Uint8Array(8);
  k.copyOut(addr + P - 4, bytes);
  expect([...bytes]).toEqual([0, 1, 2, 3, 4, 5, 6, 0]);
  expect(accessed(() => k.load32(addr + 2 * P))).toBe('SIGBUS');
  expect(k.memory().bytes).toBe(4 * P);
});

it('pwrite caches the page, and has the file reach there, before it looks at the memory', () => {
  const k = openMachine();
  const { fd, addr } = mapFile(k, 4);
  k.ftruncate(fd, 0);
  const unmapped = 4 << 20;
  expect(said(k.pwrite(fd, unmapped, 4, P + 100))).toBe('EFAULT');
  expect(k.memory().bytes).toBe(P);
  expect([0, 1, 2].map((i) => accessed(() => k.load32(addr + i * P)))).toEqual(['ok', 'ok', 'SIGBUS']);
  expect(k.pread(fd, mapAnon(k, 2), 2 * P, 0)).toBe(P + 100);
});

it('both stop where memory cannot be accessed, with what was done, or EFAULT for nothing', () => {
  const k = openMachine();
  const { fd } = mapFile(k, 4);
  const memory = mapAnon(k, 4);
  k.mprotect(memory + P, P, u.PROT_NONE);
  for (const call of [k.pread, k.pwrite]) {
    expect(call(fd, memory, 4 * P, 0)).toBe(P);
    expect(call(fd, memory + P - 6, 100, P + 10)).toBe(6);
    expect(said(call(fd, memory + P, 8, 0))).toBe('EFAULT');
  }
  k.mprotect(memory, P, u.PROT_READ);
  expect(said(k.pread(fd, memory, 8, 0))).toBe('EFAULT');
  expect(k.pwrite(fd, memory, 8, 0)).toBe(8);
});

it('a file written from its own mapping, and read into it', () => {
  const k = openMachine();
  const { fd, addr } = mapFile(k, 3);
  k.store32(addr, 1);
  k.store32(addr + P, 2);
  expect(k.pwrite(fd, addr, 2 * P, P)).toBe(2 * P);
  expect([0, 1, 2].map((i) => k.load32(addr + i * P))).toEqual([1, 1, 1]); // page by page, as the kernel copies
  expect(k.pread(fd, addr + 2 * P, P, 2 * P)).toBe(P);
});

it('a userfault in USER_MODE_ONLY is EFAULT, after what was done', () => {
  const k = openMachine();
  const uffd = openUffd(k, u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY);
  const { fd } = mapFile(k, 4);
  const memory = mapAnon(k, 4);
  k.store32(memory, 1);
  uffd.register(memory, 4 * P, MISSING);
  expect([k.pwrite(fd, memory, 2 * P, 0), k.pread(fd, memory, 2 * P, 0)]).toEqual([P, P]);
  expect([said(k.pwrite(fd, memory + P, P, 0)), said(k.pread(fd, memory + P, P, 0))]).toEqual([
    'EFAULT',
    'EFAULT',
  ]);
  expect(said(k.madvise(memory + P, P, u.MADV_POPULATE_READ))).toBe('EFAULT');
  const target = mapAnon(k, 1);
  uffd.register(target, P, MISSING);
  expect(copy(k, uffd.fd, target, memory + P, P)).toEqual({ errno: 'EFAULT', out: -u.EFAULT });
  expect(k.fdinfo(uffd.fd)).toMatchObject({ pending: 0, total: 0 });
  expect(presence(k, memory, 4)).toBe('1000');
});
