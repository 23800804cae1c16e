/** Descriptors: lowest free number, dup, fcntl, close, and how many there are. */
import { expect, it } from 'vitest';
import * as u from '../../dist/uffd/index.js';
import { mapFile, ok, openMachine, openUffd, P, RW, said } from './machine.js';

it('numbers are the lowest free from 3 on', () => {
  const k = openMachine();
  const [a, b] = [k.memfd_create('a', 0), k.userfaultfd(0)];
  expect([a, b, k.dup(a)]).toEqual([3, 4, 5]);
  expect(k.close(b)).toBe(0);
  expect(k.dup(a)).toBe(4);
  expect(k.fcntl(a, u.F_DUPFD, 0)).toBe(6);
  expect(k.fcntl(a, u.F_DUPFD, 50)).toBe(50);
  expect(k.fcntl(a, u.F_DUPFD, 50)).toBe(51);
});

it('what is not open is EBADF, or POLLNVAL', () => {
  const k = openMachine();
  const fd = k.memfd_create('a', 0);
  k.close(fd);
  const none = new Uint8Array(64);
  for (const bad of [fd, 99, -1, 1024, 0, 3.5, Number.NaN]) {
    const answers = [
      k.close(bad),
      k.dup(bad),
      k.fcntl(bad, u.F_GETFL, 0),
      k.fcntl(bad, 12345, 0),
      k.read(bad, none),
      k.ioctl(bad, u.UFFDIO_API, none),
      k.fdinfo(bad),
    ];
    expect(new Set(answers)).toEqual(new Set([-u.EBADF]));
    expect(k.poll(bad, u.POLLIN, 0)).toBe(bad < 0 ? 0 : u.POLLNVAL); // a negative one is passed over
  }
});

it('duplicates share the status flags but not close-on-exec', () => {
  const k = openMachine();
  const fd = k.userfaultfd(u.O_CLOEXEC);
  const twin = k.dup(fd);
  const exec = k.fcntl(fd, u.F_DUPFD_CLOEXEC, 3);
  expect([fd, twin, exec].map((d) => k.fcntl(d, u.F_GETFD, 0))).toEqual([1, 0, 1]);
  expect(k.fcntl(twin, u.F_SETFD, u.FD_CLOEXEC)).toBe(0);
  expect(k.fcntl(twin, u.F_GETFD, 0)).toBe(1);
  expect(k.fcntl(twin, u.F_SETFL, u.O_NONBLOCK)).toBe(0);
  expect(k.fcntl(fd, u.F_GETFL, 0)).toBe(u.O_NONBLOCK);
  k.fcntl(fd, u.F_SETFL, 0);
  expect(k.fcntl(twin, u.F_GETFL, 0)).toBe(0);
});

it('fcntl refuses what it does not know', () => {
  const k = openMachine();
  const fd = k.memfd_create('a', u.MFD_CLOEXEC);
  expect(k.fcntl(fd, u.F_GETFL, 0)).toBe(0x8002); // O_RDWR | O_LARGEFILE
  expect(k.fcntl(fd, u.F_GETFD, 0)).toBe(1);
  expect(said(k.fcntl(fd, u.F_DUPFD, -1))).toBe('EINVAL');
  expect(said(k.fcntl(fd, u.F_DUPFD, 1 << 20))).toBe('EINVAL');
  expect(said(k.fcntl(fd, 12345, 0))).toBe('EINVAL');
});

it('the table is full at 1024: EMFILE, and nothing leaks', () => {
  const k = openMachine();
  const fd = k.memfd_create('a', 0);
  while (k.dup(fd) >= 0);
  expect(said(k.dup(fd))).toBe('EMFILE');
  expect(said(k.userfaultfd(0))).toBe('EMFILE');
  expect(said(k.memfd_create('b', 0))).toBe('EMFILE');
  expect(said(k.fcntl(fd, u.F_DUPFD, 5))).toBe('EMFILE');
  for (let i = 0; i < 1000; i++) expect(said(k.userfaultfd(0))).toBe('EMFILE');
  k.close(1023);
  expect(k.userfaultfd(0)).toBe(1023);
});

it('contexts and files run out with ENFILE, and come back when closed', () => {
  const k = openMachine();
  const uffds: number[] = [];
  for (let fd = k.userfaultfd(0); fd >= 0; fd = k.userfaultfd(0)) uffds.push(fd);
  expect([uffds.length, said(k.userfaultfd(0))]).toEqual([128, 'ENFILE']);
  k.close(uffds[5] as number);
  expect(k.userfaultfd(0)).toBe(uffds[5]);
  const files: number[] = [];
  for (let fd = k.memfd_create('f', 0); fd >= 0; fd = k.memfd_create('f', 0)) files.push(fd);
  expect([files.length, said(k.memfd_create('f', 0))]).toEqual([256, 'ENFILE']);
  expect(said(k.mmap(0, P, RW, u.MAP_SHARED | u.MAP_ANONYMOUS, -1, 0))).toBe('ENOMEM');
  for (const fd of files) ok(k.close(fd));
  expect(said(k.memfd_create('f', 0))).toBe('ok');
});

it('memfd_create refuses unknown flags, huge pages of a size it has not, and long names', () => {
  const k = openMachine();
  expect(said(k.memfd_create('a', 0x100))).toBe('EINVAL');
  expect(said(k.memfd_create('a', u.MFD_HUGETLB | (16 << u.MAP_HUGE_SHIFT)))).toBe('ENODEV');
  expect(said(k.memfd_create('a', u.MFD_HUGETLB | 0x100))).toBe('EINVAL');
  expect(said(k.memfd_create('a', u.MFD_HUGE_2MB))).toBe('EINVAL');
  expect(said(k.memfd_create('a'.repeat(250), 0))).toBe('EINVAL');
  expect(said(k.memfd_create('ä'.repeat(125), 0))).toBe('EINVAL');
  expect(said(k.memfd_create('a'.repeat(249), u.MFD_ALLOW_SEALING))).toBe('ok');
});

it('a file of memory is always ready, and has no fdinfo of a userfaultfd', () => {
  const k = openMachine();
  const { fd } = mapFile(k, 1);
  expect(k.poll(fd, u.POLLIN | u.POLLOUT, 0)).toBe(u.POLLIN | u.POLLOUT);
  expect(k.poll(fd, u.POLLOUT, -1)).toBe(u.POLLOUT);
  expect(k.fdinfo(fd)).toBe(-u.EBADF);
  expect(said(k.ioctl(fd, u.UFFDIO_API, new Uint8Array(24)))).toBe('ENOTTY');
});

it('a new context knows nothing of the one whose slot it has', () => {
  const k = openMachine();
  const first = openUffd(k, u.O_NONBLOCK | u.UFFD_USER_MODE_ONLY, u.UFFD_FEATURE_THREAD_ID);
  first.close();
  const second = k.userfaultfd(0);
  expect(k.fdinfo(second)).toMatchObject({ pending: 0, total: 0, events: 0, features: 0n });
  expect(said(k.read(second, new Uint8Array(32)))).toBe('EINVAL'); // before its own handshake
});
