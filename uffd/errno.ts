/**
 * The errors a system call of this package may answer with: numbers (x86-64 Linux), names, a sentence of our own
 * each, and the Error that carries one. One row each: number, name, meaning.
 * Source: include/uapi/asm-generic/errno-base.h and errno.h; errno(3).
 */

type Meaning = { readonly name: string; readonly meaning: string };
const meaningOf = new Map<number, Meaning>();

function errno<const N extends number>(number: N, name: string, meaning: string): N {
  meaningOf.set(number, { name, meaning });
  return number;
}

export const EPERM = errno(1, 'EPERM', 'the caller lacks the privilege for it');
export const ENOENT = errno(2, 'ENOENT', 'there is nothing by that name, or nothing mapped at that range');
export const ESRCH = errno(3, 'ESRCH', 'the process whose memory it concerns is gone');
export const EINTR = errno(4, 'EINTR', 'a signal arrived before it was done');
export const EIO = errno(5, 'EIO', 'the device failed');
export const ENXIO = errno(6, 'ENXIO', 'no such device or address');
export const E2BIG = errno(7, 'E2BIG', 'the arguments are too long');
export const EBADF = errno(9, 'EBADF', 'not an open descriptor, or not open for this');
export const EAGAIN = errno(11, 'EAGAIN', 'not now: it would have to wait, or the mappings are changing');
export const ENOMEM = errno(12, 'ENOMEM', 'no memory, or no room in the address space');
export const EACCES = errno(13, 'EACCES', 'the permissions of the file or the mapping forbid it');
export const EFAULT = errno(14, 'EFAULT', 'an address it was given cannot be read or written');
export const EBUSY = errno(16, 'EBUSY', 'another user holds it');
export const EEXIST = errno(17, 'EEXIST', 'something is there already');
export const ENODEV = errno(19, 'ENODEV', 'the file or device cannot do this');
export const ENOTDIR = errno(20, 'ENOTDIR', 'a part of the path is not a folder');
export const EISDIR = errno(21, 'EISDIR', 'it is a folder');
export const EINVAL = errno(22, 'EINVAL', 'an argument, or the state it meets, does not allow it');
export const ENFILE = errno(23, 'ENFILE', 'the machine has no descriptor left');
export const EMFILE = errno(24, 'EMFILE', 'the process has no descriptor left');
export const ENOTTY = errno(25, 'ENOTTY', 'the descriptor does not know this request');
export const ETXTBSY = errno(26, 'ETXTBSY', 'the file is being executed');
export const EFBIG = errno(27, 'EFBIG', 'the file would become too large');
export const ENOSPC = errno(28, 'ENOSPC', 'no space left');
export const ESPIPE = errno(29, 'ESPIPE', 'the descriptor has no position to read from');
export const EROFS = errno(30, 'EROFS', 'the file system is read-only');
export const EPIPE = errno(32, 'EPIPE', 'nobody is left to read it');
export const ERANGE = errno(34, 'ERANGE', 'the result does not fit');
export const EDEADLK = errno(35, 'EDEADLK', 'it would wait for itself');
export const ENAMETOOLONG = errno(36, 'ENAMETOOLONG', 'the name is too long');
export const ENOSYS = errno(38, 'ENOSYS', 'this kernel has no such system call');
export const EOVERFLOW = errno(75, 'EOVERFLOW', 'a number does not fit its type');
export const EOPNOTSUPP = errno(95, 'EOPNOTSUPP', 'not supported on this kind of file');
export const ETIMEDOUT = errno(110, 'ETIMEDOUT', 'the time was up first');
export const ECANCELED = errno(125, 'ECANCELED', 'it was called off');
export const EHWPOISON = errno(133, 'EHWPOISON', 'the page is marked as broken memory');
/** The same number as {@link EAGAIN} on Linux. */
export const EWOULDBLOCK = EAGAIN;

/** The name of an errno, given as a positive or a negative number; `ERRNO_999` for one without a row. */
export function errnoName(errno: number): string {
  const number = Math.abs(errno);
  return meaningOf.get(number)?.name ?? `ERRNO_${number}`;
}

/** What an errno (positive or negative) means, in a few words. */
export function describeErrno(errno: number): string {
  return meaningOf.get(Math.abs(errno))?.meaning ?? 'an error this package has no words for';
}

/** What a call was given, for its error's message. */
export type Operands = Readonly<Record<string, number | bigint | string>>;

function formatOperands(operands: Operands): string {
  const words = Object.entries(operands).map(([name, value]) =>
    typeof value === 'string' ? `${name} ${value}` : `${name} ${hex(value)}`,
  );
  return words.length === 0 ? '' : ` (${words.join(', ')})`;
}

function hex(value: number | bigint): string {
  return value < 0 ? String(value) : `0x${value.toString(16)}`;
}

/** A system call that failed, in the shape of Node's own: `code` is the name, `errno` is negative. */
export class SyscallError extends Error {
  readonly code: string;
  /** Negative, as Node has it. */
  readonly errno: number;
  readonly syscall: string;
  readonly operands: Operands;

  /** `errno` may be positive or negative; `operands` are numbers (shown in hex) or words. */
  constructor(syscall: string, errno: number, operands: Operands = {}) {
    const code = errnoName(errno);
    super(`${syscall}: ${code}, ${describeErrno(errno)}${formatOperands(operands)}`);
    this.name = 'SyscallError';
    this.code = code;
    this.errno = -Math.abs(errno);
    this.syscall = syscall;
    this.operands = operands;
  }
}
