/**
 * Flags of descriptors: open, fcntl and poll on x86-64 Linux.
 * Source: include/uapi/asm-generic/{fcntl,poll}.h, Linux 5.14; fcntl(2), poll(2).
 */

export const O_RDONLY = 0;
export const O_WRONLY = 1;
export const O_RDWR = 2;
/** read(2) answers −EAGAIN where it would sleep. */
export const O_NONBLOCK = 0o4000;
/** The descriptor is closed by exec. */
export const O_CLOEXEC = 0o2000000;

export const F_DUPFD = 0;
/** Descriptor flags: FD_CLOEXEC. */
export const F_GETFD = 1;
export const F_SETFD = 2;
/** Status flags of the open file, shared by its duplicates: O_NONBLOCK, and the access mode. */
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_DUPFD_CLOEXEC = 1030;
export const FD_CLOEXEC = 1;

/** Something to read. */
export const POLLIN = 0x01;
export const POLLPRI = 0x02;
export const POLLOUT = 0x04;
/** An error: what a userfaultfd before its handshake, or without O_NONBLOCK, always reports. */
export const POLLERR = 0x08;
export const POLLHUP = 0x10;
/** Not an open descriptor. */
export const POLLNVAL = 0x20;
