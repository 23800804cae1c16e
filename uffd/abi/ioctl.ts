/**
 * How Linux packs an ioctl request number: direction, argument size, type and ordinal in 32 bits.
 * Source: include/uapi/asm-generic/ioctl.h (x86-64 and arm64 use it as it is).
 */

const NR_SHIFT = 0;
const TYPE_SHIFT = 8;
const SIZE_SHIFT = 16;
const DIR_SHIFT = 30;

/** No argument, or one passed by value. */
export const _IOC_NONE = 0;
/** The caller writes the argument, the kernel reads it. */
export const _IOC_WRITE = 1;
/** The caller reads the argument, the kernel writes it. */
export const _IOC_READ = 2;

/** The request number of (direction, type, ordinal, argument size in bytes): unsigned, 32 bits. */
export function _IOC(dir: number, type: number, nr: number, size: number): number {
  return ((dir << DIR_SHIFT) | (size << SIZE_SHIFT) | (type << TYPE_SHIFT) | (nr << NR_SHIFT)) >>> 0;
}

/** A request without an argument structure. */
export function _IO(type: number, nr: number): number {
  return _IOC(_IOC_NONE, type, nr, 0);
}

/** A request whose structure of `size` bytes the caller reads. */
export function _IOR(type: number, nr: number, size: number): number {
  return _IOC(_IOC_READ, type, nr, size);
}

/** A request whose structure of `size` bytes the caller writes. */
export function _IOW(type: number, nr: number, size: number): number {
  return _IOC(_IOC_WRITE, type, nr, size);
}

/** A request whose structure of `size` bytes goes both ways. */
export function _IOWR(type: number, nr: number, size: number): number {
  return _IOC(_IOC_READ | _IOC_WRITE, type, nr, size);
}

/** The direction bits of a request number. */
export function _IOC_DIR(request: number): number {
  return request >>> DIR_SHIFT;
}

/** The type byte of a request number (0xAA for userfaultfd). */
export function _IOC_TYPE(request: number): number {
  return (request >>> TYPE_SHIFT) & 0xff;
}

/** The ordinal of a request number. */
export function _IOC_NR(request: number): number {
  return (request >>> NR_SHIFT) & 0xff;
}

/** Bytes in the argument structure of a request number. */
export function _IOC_SIZE(request: number): number {
  return (request >>> SIZE_SHIFT) & 0x3fff;
}
