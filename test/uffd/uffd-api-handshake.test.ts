/** UFFDIO_API: what it answers, when it fails, and that a failure zeroes the structure. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { openMachine, said } from './machine.js';

const SIM =
  u.UFFD_FEATURE_PAGEFAULT_FLAG_WP |
  u.UFFD_FEATURE_EVENT_REMAP |
  u.UFFD_FEATURE_EVENT_REMOVE |
  u.UFFD_FEATURE_EVENT_UNMAP |
  u.UFFD_FEATURE_MISSING_HUGETLBFS |
  u.UFFD_FEATURE_MISSING_SHMEM |
  u.UFFD_FEATURE_SIGBUS |
  u.UFFD_FEATURE_EVENT_FORK |
  u.UFFD_FEATURE_THREAD_ID |
  u.UFFD_FEATURE_MINOR_HUGETLBFS |
  u.UFFD_FEATURE_MINOR_SHMEM |
  u.UFFD_FEATURE_EXACT_ADDRESS |
  u.UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
  u.UFFD_FEATURE_WP_UNPOPULATED |
  u.UFFD_FEATURE_POISON |
  u.UFFD_FEATURE_WP_ASYNC |
  u.UFFD_FEATURE_MOVE;

function api(k: u.Kernel, fd: number, features = 0n, version = u.UFFD_API) {
  const arg = u.uffdioApi.encode({ api: version, features, ioctls: 0x1234n });
  return { errno: said(k.ioctl(fd, u.UFFDIO_API, arg)), ...u.uffdioApi.decode(arg) };
}

const zeroed = { errno: 'EINVAL', api: 0, features: 0n, ioctls: 0n };
const fine = { errno: 'ok', api: u.UFFD_API, features: SIM, ioctls: 0x8000_0000_0000_0003n };

it('tells all features there are, whichever were asked for, and enables those', () => {
  for (const features of [0n, u.UFFD_FEATURE_THREAD_ID, SIM]) {
    const k = openMachine();
    const fd = k.userfaultfd(0);
    expect(api(k, fd, features)).toEqual(fine);
    expect(k.fdinfo(fd)).toMatchObject({ pending: 0, total: 0, features });
  }
});

it('refuses other versions and every feature it has not, bit by bit, and can be asked again', () => {
  const k = openMachine();
  const fd = k.userfaultfd(0);
  for (const version of [0, 0xab, 0xaa + 2 ** 32]) expect(api(k, fd, 0n, version)).toEqual(zeroed);
  for (let bit = 0n; bit < 64n; bit++) {
    if ((SIM & (1n << bit)) === 0n)
      expect(api(k, fd, (1n << bit) | u.UFFD_FEATURE_THREAD_ID)).toEqual(zeroed);
  }
  expect(api(k, fd)).toEqual(fine);
});

it('a second call fails whatever it asks for, and changes nothing', () => {
  const k = openMachine();
  const fd = k.userfaultfd(0);
  api(k, fd, u.UFFD_FEATURE_THREAD_ID);
  expect(api(k, fd, u.UFFD_FEATURE_THREAD_ID)).toEqual(zeroed);
  expect(api(k, fd, 0n)).toEqual(zeroed);
  expect(k.fdinfo(fd)).toMatchObject({ features: u.UFFD_FEATURE_THREAD_ID });
});

it('a structure that is too short is left alone', () => {
  const k = openMachine();
  const fd = k.userfaultfd(0);
  const short = new Uint8Array(23).fill(7);
  expect(said(k.ioctl(fd, u.UFFDIO_API, short))).toBe('EFAULT');
  expect(short).toEqual(new Uint8Array(23).fill(7));
  expect(api(k, fd)).toEqual(fine);
});
