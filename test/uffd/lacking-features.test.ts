/** A simulated kernel that lacks something answers as Linux without it does. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';

const PAGE = 4096;
const SHARED = u.MAP_SHARED | u.MAP_ANONYMOUS;
const READ_WRITE = u.PROT_READ | u.PROT_WRITE;
const open = (...lacks: string[]) =>
  u.openKernel('sim', { memoryBytes: 1 << 20, addressBytes: 4 << 20, lacks });

it('userfaultfd: ENOSYS, in every thread', () => {
  const k = open('userfaultfd');
  expect(k.userfaultfd(0)).toBe(-u.ENOSYS);
  expect(u.openKernel(k.handle()).userfaultfd(0)).toBe(-u.ENOSYS);
});

it('a feature is not offered, and refused to who asks for it', () => {
  const k = open('UFFD_FEATURE_MOVE');
  const fd = k.userfaultfd(0);
  const arg = u.uffdioApi.encode({ api: u.UFFD_API, features: 0n });
  expect(k.ioctl(fd, u.UFFDIO_API, arg)).toBe(0);
  const offered = u.uffdioApi.take(arg, 'features');
  expect(offered & u.UFFD_FEATURE_MOVE).toBe(0n);
  expect(offered & u.UFFD_FEATURE_MINOR_SHMEM).toBe(u.UFFD_FEATURE_MINOR_SHMEM);
  expect(() => u.openUserfaultfd(k, { features: u.UFFD_FEATURE_MOVE })).toThrow(/^UFFDIO_API: EINVAL/);
});

it('without minor faults: not registered for them, no CONTINUE', () => {
  const k = open('UFFD_FEATURE_MINOR_SHMEM');
  const uffd = u.openUserfaultfd(k);
  const addr = k.mmap(0, PAGE, READ_WRITE, SHARED, -1, 0);
  expect(() => uffd.register(addr, PAGE, u.UFFDIO_REGISTER_MODE_MINOR)).toThrow(/EINVAL/);
  const ioctls = uffd.register(addr, PAGE, u.UFFDIO_REGISTER_MODE_MISSING);
  expect(ioctls & u.ioctlMask(u._UFFDIO_CONTINUE)).toBe(0n);
  expect(() => uffd.continue(addr, PAGE)).toThrow(/^UFFDIO_CONTINUE: EINVAL/);
  expect(uffd.zeropage(addr, PAGE)).toEqual({ done: PAGE, errno: 0 });
});

it('without MOVE: it is no ioctl of a range, and EINVAL', () => {
  const k = open('UFFD_FEATURE_MOVE');
  const uffd = u.openUserfaultfd(k);
  const addr = k.mmap(0, 2 * PAGE, READ_WRITE, u.MAP_PRIVATE | u.MAP_ANONYMOUS, -1, 0);
  const ioctls = uffd.register(addr, PAGE, u.UFFDIO_REGISTER_MODE_MISSING);
  expect(ioctls & u.ioctlMask(u._UFFDIO_MOVE)).toBe(0n);
  k.store32(addr + PAGE, 7);
  expect(() => uffd.move(addr, addr + PAGE, PAGE)).toThrow(/^UFFDIO_MOVE: EINVAL/);
});

it('without POISON: it is no ioctl of a range, and EINVAL', () => {
  const k = open('UFFD_FEATURE_POISON');
  const uffd = u.openUserfaultfd(k);
  const addr = k.mmap(0, PAGE, READ_WRITE, u.MAP_PRIVATE | u.MAP_ANONYMOUS, -1, 0);
  const ioctls = uffd.register(addr, PAGE, u.UFFDIO_REGISTER_MODE_MISSING);
  expect(ioctls & u.ioctlMask(u._UFFDIO_POISON)).toBe(0n);
  expect(() => uffd.poison(addr, PAGE)).toThrow(/^UFFDIO_POISON: EINVAL/);
});

it('without write protection: not registered for it, and WRITEPROTECT is EINVAL, with a structure or without', () => {
  const k = open('UFFD_FEATURE_PAGEFAULT_FLAG_WP');
  const uffd = u.openUserfaultfd(k);
  const addr = k.mmap(0, PAGE, READ_WRITE, u.MAP_PRIVATE | u.MAP_ANONYMOUS, -1, 0);
  expect(() => uffd.register(addr, PAGE, u.UFFDIO_REGISTER_MODE_WP)).toThrow(/EINVAL/);
  for (const arg of [null, u.uffdioWriteprotect.encode({ start: addr, len: PAGE, mode: 0 })])
    expect(k.ioctl(uffd.fd, u.UFFDIO_WRITEPROTECT, arg)).toBe(-u.EINVAL);
});

it('without write protection of shared memory: private memory has it', () => {
  const k = open('UFFD_FEATURE_WP_HUGETLBFS_SHMEM');
  const uffd = u.openUserfaultfd(k);
  const [shared, addr] = [SHARED, u.MAP_PRIVATE | u.MAP_ANONYMOUS].map((flags) =>
    k.mmap(0, PAGE, READ_WRITE, flags, -1, 0),
  ) as [number, number];
  expect(() => uffd.register(shared, PAGE, u.UFFDIO_REGISTER_MODE_WP)).toThrow(/EINVAL/);
  const ioctls = uffd.register(addr, PAGE, u.UFFDIO_REGISTER_MODE_WP);
  expect(ioctls & u.ioctlMask(u._UFFDIO_WRITEPROTECT)).not.toBe(0n);
});

it('without missing faults on shared memory: not registered', () => {
  const k = open('UFFD_FEATURE_MISSING_SHMEM');
  const uffd = u.openUserfaultfd(k);
  const addr = k.mmap(0, PAGE, READ_WRITE, SHARED, -1, 0);
  expect(() => uffd.register(addr, PAGE, u.UFFDIO_REGISTER_MODE_MISSING)).toThrow(/EINVAL/);
});

it('what no kernel has cannot be lacking', () => {
  expect(() => open('UFFD_FEATURE_TELEPATHY')).toThrow(
    'lacks: UFFD_FEATURE_TELEPATHY is neither userfaultfd nor a UFFD_FEATURE_*',
  );
});
