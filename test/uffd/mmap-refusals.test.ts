/** What mmap refuses, and with which errno: checked against Linux 6.18. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { mapAnon, mapFile, openMachine, openUffd, P, RW, said } from './machine.js';

const ANON = u.MAP_PRIVATE | u.MAP_ANONYMOUS;
const FIXED = ANON | u.MAP_FIXED;

it('mmap names what is wrong with its arguments', () => {
  const k = openMachine();
  const { fd } = mapFile(k, 4);
  const uffd = openUffd(k).fd;
  const map = (addr: number, length: number, flags: number, on = -1, offset = 0, prot = RW) =>
    said(k.mmap(addr, length, prot, flags, on, offset));
  // biome-ignore format: a table
  const cases: [string, string, string][] = [
    ['length 0', map(0, 0, ANON), 'EINVAL'],
    ['length 0, bad fd', map(0, 0, u.MAP_PRIVATE, 99), 'EBADF'],
    ['length not a number', map(0, Number.NaN, ANON), 'EINVAL'],
    ['negative length', map(0, -P, ANON), 'EINVAL'],
    ['more than there can be', map(0, 2 ** 60, ANON), 'ENOMEM'],
    ['more than this machine has', map(0, 16 << 20, ANON), 'ENOMEM'],
    ['no type', map(0, P, u.MAP_ANONYMOUS), 'EINVAL'],
    ['no type, file', map(0, P, 0, fd), 'EINVAL'],
    ['no type, bad fd', map(0, P, 0, 99), 'EBADF'],
    ['validated anonymous', map(0, P, u.MAP_SHARED_VALIDATE | u.MAP_ANONYMOUS), 'EINVAL'],
    ['bad fd', map(0, P, u.MAP_SHARED, 99), 'EBADF'],
    ['negative fd', map(0, P, u.MAP_SHARED, -1), 'EBADF'],
    ['fraction of an fd', map(0, P, u.MAP_SHARED, fd + 0.5), 'EBADF'],
    ['unaligned offset', map(0, P, u.MAP_SHARED, fd, 1), 'EINVAL'],
    ['unaligned offset, bad fd', map(0, P, u.MAP_SHARED, 99, 1), 'EINVAL'],
    ['unaligned offset, anonymous', map(0, P, ANON, -1, 1), 'EINVAL'],
    ['negative offset', map(0, P, u.MAP_SHARED, fd, -P), 'EINVAL'],
    ['offset past any file', map(0, P, u.MAP_SHARED, fd, 2 ** 50), 'EOVERFLOW'],
    ['userfaultfd, writable', map(0, P, u.MAP_SHARED, uffd), 'EACCES'],
    ['userfaultfd, readable', map(0, P, u.MAP_SHARED, uffd, 0, u.PROT_READ), 'ENODEV'],
    ['userfaultfd, private', map(0, P, u.MAP_PRIVATE, uffd), 'ENODEV'],
    ['private file', map(0, P, u.MAP_PRIVATE, fd), 'ok'],
    ['huge pages, none in the pool', map(0, 2 << 20, ANON | u.MAP_HUGETLB), 'ENOMEM'],
    ['huge pages of another size', map(0, P, ANON | u.MAP_HUGETLB | (16 << u.MAP_HUGE_SHIFT)), 'EINVAL'],
    ['huge pages of a file of small ones', map(0, P, u.MAP_SHARED | u.MAP_HUGETLB, fd), 'EINVAL'],
    ['fixed, unaligned', map(P + 1, P, FIXED), 'EINVAL'],
    ['fixed, fraction', map(P + 0.5, P, FIXED), 'ENOMEM'],
    ['fixed, negative', map(-P, P, FIXED), 'ENOMEM'],
    ['fixed, past user addresses', map(0x7ffffffff000, P, FIXED), 'ENOMEM'],
    ['fixed, past this machine', map(8 << 20, P, FIXED), 'ENOMEM'],
    ['fixed, half past it', map((8 << 20) - P, 2 * P, FIXED), 'ENOMEM'],
    ['no replace, unaligned', map(P + 1, P, ANON | u.MAP_FIXED_NOREPLACE), 'EINVAL'],
  ];
  for (const [what, got, wanted] of cases) expect(`${what}: ${got}`).toBe(`${what}: ${wanted}`);
});

it('a refused mapping changes nothing, also where it would have replaced one', () => {
  const k = openMachine();
  const addr = mapAnon(k, 1);
  k.store32(addr, 7);
  expect(said(k.mmap(addr, P, RW, u.MAP_FIXED | u.MAP_SHARED, 99, 0))).toBe('EBADF');
  expect(said(k.mmap(addr, P, RW, ANON | u.MAP_FIXED_NOREPLACE, -1, 0))).toBe('EEXIST');
  expect(k.load32(addr)).toBe(7);
});
