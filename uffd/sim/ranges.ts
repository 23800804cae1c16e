/** Addresses and ranges of them, as system calls get them: plain numbers, which may be anything. */
import { MAP_HUGE_2MB, MAP_HUGE_SHIFT } from '../abi.ts';
import { PAGE_BYTES } from '../kernel.ts';

/** One past the highest user address, as on x86-64. */
export const TASK_SIZE = 0x7ffffffff000;

/** The page of a byte address. */
export function pageOf(address: number): number {
  return Math.floor(address / PAGE_BYTES);
}

/** Pages that `bytes` bytes take, rounded up. */
export function pagesOf(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}

/** Whether it is a multiple of the page size (nothing else is: no fraction, no NaN). */
export function isAligned(bytes: number): boolean {
  return bytes % PAGE_BYTES === 0;
}

/** The bits of the flags of mmap or memfd_create that tell the size of huge pages, for which all of them stand (0x3f). */
export function sizeBits(flags: number): number {
  return flags & (0x3f << MAP_HUGE_SHIFT);
}

/** Whether these flags ask for huge pages of the one size there is, or of none in particular. */
export function isHugeSize(flags: number): boolean {
  return sizeBits(flags) === 0 || sizeBits(flags) === MAP_HUGE_2MB;
}

/** Whether [start, start + length) are addresses a program may have. What C passes as a huge unsigned is none. */
export function isUserRange(start: number, length: number): boolean {
  return (
    Number.isSafeInteger(start) &&
    Number.isSafeInteger(length) &&
    start >= 0 &&
    length >= 0 &&
    start + length <= TASK_SIZE
  );
}

/** Whether [start, start + length) may be the range of a userfaultfd ioctl: whole pages of user addresses. */
export function isPageRange(start: number, length: number): boolean {
  return isAligned(start) && isSourceRange(start, length);
}

/** The same for COPY's source, which may start anywhere. */
export function isSourceRange(start: number, length: number): boolean {
  return length > 0 && isAligned(length) && isUserRange(start, length);
}

/** Bytes of one page, within a longer run: `n` bytes from byte `within` of the page, `at` bytes into the run. */
export interface Piece {
  readonly page: number;
  readonly within: number;
  readonly at: number;
  readonly n: number;
}

/** The pieces, page by page, of `length` bytes from `start` on (an address, or a position in a file). */
export function* pieces(start: number, length: number): Generator<Piece> {
  for (let at = 0; at < length; ) {
    const page = pageOf(start + at);
    const within = start + at - page * PAGE_BYTES;
    const n = Math.min(PAGE_BYTES - within, length - at);
    yield { page, within, at, n };
    at += n;
  }
}
