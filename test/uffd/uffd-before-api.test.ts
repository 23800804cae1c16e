/** A userfaultfd before its handshake: creation flags, and everything but the handshake refused. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { openMachine, openUffd, said } from './machine.js';

it('userfaultfd takes three flags and no others', () => {
  const k = openMachine();
  const good = u.O_CLOEXEC | u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY;
  expect(said(k.userfaultfd(good))).toBe('ok');
  for (const bad of [2, -1, 4, 1 << 30, good | 2]) expect(said(k.userfaultfd(bad))).toBe('EINVAL');
});

it('every request is EINVAL, even without an argument; read too; poll is POLLERR in both modes', () => {
  const k = openMachine();
  for (const flags of [0, u.O_NONBLOCK]) {
    const fd = k.userfaultfd(flags);
    const requests = [
      u.UFFDIO_REGISTER,
      u.UFFDIO_WAKE,
      u.UFFDIO_COPY,
      u.UFFDIO_CONTINUE,
      u.UFFDIO_ZEROPAGE,
      u.UFFDIO_MOVE,
      u.UFFDIO_POISON,
      u.UFFDIO_WRITEPROTECT,
      0x1234,
    ];
    for (const request of requests) {
      expect(said(k.ioctl(fd, request, null))).toBe('EINVAL');
      expect(said(k.ioctl(fd, request, new Uint8Array(64)))).toBe('EINVAL');
    }
    expect(said(k.read(fd, new Uint8Array(32)))).toBe('EINVAL');
    expect(k.poll(fd, u.POLLIN, 0)).toBe(u.POLLERR);
    expect(k.poll(fd, 0, -1)).toBe(u.POLLERR);
  }
});

it('the whole request number counts: other sizes, directions and types are EINVAL, not ENOTTY', () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  const arg = new Uint8Array(64);
  const { _IOWR, _IOW, _IOR } = u;
  for (const request of [
    0,
    _IOWR(0xaa, 3, 48),
    _IOW(0xaa, 2, 16),
    _IOWR(0xab, 3, 40),
    _IOR(0xaa, 0x3f, 24),
    u.UFFDIO_CONTINUE_IOR,
    _IOWR(0xaa, 5, 32),
    u.USERFAULTFD_IOC_NEW, // the device's
    _IOWR(0xaa, 6, 32), // WRITEPROTECT has no output field
    _IOWR(0xaa, 8, 24),
    _IOWR(0xaa, 9, 32), // none has this number
  ]) {
    expect(said(k.ioctl(fd, request, arg))).toBe('EINVAL');
    expect(said(k.ioctl(fd, request, null))).toBe('EINVAL');
  }
  expect(arg).toEqual(new Uint8Array(64));
});

it('a known request without its structure is EFAULT; a longer buffer is fine; so is a signed request number', () => {
  const k = openMachine();
  const { fd } = openUffd(k);
  const ranges = ['API', 'REGISTER', 'UNREGISTER', 'WAKE', 'WRITEPROTECT'] as const;
  const names = [...ranges, 'COPY', 'ZEROPAGE', 'CONTINUE', 'MOVE', 'POISON'] as const;
  for (const name of names) {
    const request = u[`UFFDIO_${name}`];
    expect(said(k.ioctl(fd, request, null))).toBe('EFAULT');
    expect(said(k.ioctl(fd, request, new Uint8Array(u._IOC_SIZE(request) - 1)))).toBe('EFAULT');
  }
  const wake = new Uint8Array(100);
  u.uffdioRange.encode({ start: 0, len: 4096 }, wake);
  expect(k.ioctl(fd, u.UFFDIO_WAKE, wake)).toBe(0);
  expect(k.ioctl(fd, u.UFFDIO_WAKE | 0, wake)).toBe(0);
});
