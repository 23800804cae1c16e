/**
 * Making a userfaultfd, in the ways there are: the system call, which wants CAP_SYS_PTRACE, or the sysctl
 * vm.unprivileged_userfaultfd, or UFFD_USER_MODE_ONLY; and /dev/userfaultfd, which wants access to the device.
 */
import { O_CLOEXEC, O_RDWR } from '../abi.ts';
import { ENOSYS, EPERM } from '../errno.ts';
import type { Libc } from './libc.ts';

/** Number of userfaultfd(2), by process.arch: glibc has no function for it. */
const SYSCALL_NUMBER: Readonly<Record<string, number>> = { x64: 323, arm64: 282 };
export const DEVICE = '/dev/userfaultfd';
const USERFAULTFD_IOC_NEW = 0xaa00;

/** By the system call alone: a descriptor or −errno. */
export function bySyscall(libc: Libc, flags: number): number {
  const number = SYSCALL_NUMBER[process.arch];
  return number === undefined ? -ENOSYS : libc.syscall(number, flags);
}

/** By the device alone: a descriptor or −errno. */
export function byDevice(libc: Libc, flags: number): number {
  const device = libc.open(DEVICE, O_RDWR | O_CLOEXEC);
  if (device < 0) return device;
  const fd = libc.ioctlValue(device, USERFAULTFD_IOC_NEW, flags);
  libc.close(device);
  return fd;
}

/** Whichever works: the system call's answer unless it lacks the privilege and the device is open to us. */
export function openUserfaultfdFile(libc: Libc, flags: number): number {
  const fd = bySyscall(libc, flags);
  if (fd !== -EPERM) return fd;
  const other = byDevice(libc, flags);
  return other < 0 ? fd : other;
}
