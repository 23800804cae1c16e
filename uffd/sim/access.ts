/**
 * Accesses to machine memory by address: the memory management unit in slow motion, for loads and stores of a
 * program (user mode) and for system calls that touch its memory (kernel mode).
 */
import { AccessError, PAGE_BYTES } from '../kernel.ts';
import { type FaultOutcome, faultIn, handleFault } from './fault.ts';
import type { Machine } from './machine.ts';
import type { exclusively, sharing } from './mm-lock.ts';
import { frameWord, isPresent, isWritable, loadPte, NO_PTE } from './page-table.ts';
import { type Piece, pageOf, pieces } from './ranges.ts';

/**
 * Index in physical memory of the first word of the page at `address`, once an access of this kind is allowed. It
 * is good until the thread's next quiescent point, if the thread is translating (tasks.ts).
 * @throws AccessError
 */
export function translate(m: Machine, task: number, address: number, write: boolean): number {
  const page = pageOf(address);
  for (;;) {
    const pte = pteAt(m, page);
    if (isAccessible(pte, write)) return frameWord(pte);
    const outcome = handleFault(m, task, { page, write, kernelMode: false, offset: address % PAGE_BYTES });
    if (outcome !== 'ok' && outcome !== 'retry') throw accessError(outcome, address);
  }
}

function pteAt(m: Machine, page: number): number {
  return page < m.addressPages ? loadPte(m, page) : NO_PTE;
}

/** Readable (sign bit clear) and, for a write, writable. */
function isAccessible(pte: number, write: boolean): boolean {
  return pte >= 0 && isPresent(pte) && (!write || isWritable(pte));
}

function accessError(outcome: FaultOutcome, address: number): AccessError {
  if (outcome === 'SIGBUS')
    return new AccessError('SIGBUS', address, 'past the end of the file mapped there');
  if (outcome === 'nomem') {
    const why = 'the machine has no physical memory left; open it with more';
    return new AccessError('SIGBUS', address, why, true);
  }
  return new AccessError('SIGSEGV', address, 'nothing is mapped there, or the mapping forbids the access');
}

export function load32(m: Machine, task: number, address: number): number {
  return (m.frames[wordAt(m, task, address, false)] as number) >>> 0;
}

export function store32(m: Machine, task: number, address: number, value: number): void {
  m.frames[wordAt(m, task, address, true)] = value;
}

function wordAt(m: Machine, task: number, address: number, write: boolean): number {
  requireAddress(address);
  if (address % 4 !== 0) throw new RangeError(`address 0x${address.toString(16)} is not aligned to 4 bytes`);
  return translate(m, task, address, write) + (address % PAGE_BYTES) / 4;
}

function requireAddress(address: number): void {
  if (Number.isSafeInteger(address) && address >= 0) return;
  throw new RangeError(`${address} is not an address`);
}

export function copyIn(m: Machine, task: number, address: number, bytes: Uint8Array): void {
  requireAddress(address);
  for (const { at, within, n } of pieces(address, bytes.length)) {
    const start = translate(m, task, address + at, true) * 4 + within;
    m.bytes.set(bytes.subarray(at, at + n), start);
  }
}

export function copyOut(m: Machine, task: number, address: number, bytes: Uint8Array): void {
  requireAddress(address);
  for (const { at, within, n } of pieces(address, bytes.length)) {
    const start = translate(m, task, address + at, false) * 4 + within;
    bytes.set(m.bytes.subarray(start, start + n), at);
  }
}

/** Machine memory that a system call copies from ('read') or to ('write'), and how it holds the mm lock for that. */
export interface KernelRange {
  readonly address: number;
  readonly length: number;
  readonly direction: 'read' | 'write';
  readonly hold: typeof sharing | typeof exclusively;
  /**
   * What is done first, so far into the range and under the lock: before it is known whether that can be accessed. False ends
   * the copy there.
   */
  readonly before?: (at: number) => boolean;
}

/**
 * Copies piece by piece: `each` gets a piece of memory, and how far into the range it begins, under the mm lock,
 * and answers how many bytes it took. Taking less than all ends the copy; so does an address that cannot be
 * accessed. Answers the bytes done.
 */
export function kernelCopy(
  m: Machine,
  task: number,
  range: KernelRange,
  each: (memory: Uint8Array, at: number) => number,
): number {
  for (const { page, within, at, n } of pieces(range.address, range.length)) {
    const done = whileAccessible(m, task, { page, within, at }, range, (word) =>
      each(m.bytes.subarray(word * 4 + within, word * 4 + within + n), at),
    );
    if (done === null) return at;
    if (done < n) return at + done;
  }
  return range.length;
}

/** Runs `body` with the page's first word, under the lock; null where Linux answers EFAULT. */
function whileAccessible(
  m: Machine,
  task: number,
  { page, within, at }: Omit<Piece, 'n'>,
  { direction, hold, before }: KernelRange,
  body: (word: number) => number,
): number | null {
  const write = direction === 'write';
  for (;;) {
    const done = hold(m, () => {
      if (before?.(at) === false) return 0;
      const pte = pteAt(m, page);
      return isAccessible(pte, write) ? body(frameWord(pte)) : null;
    });
    if (done !== null) return done;
    if (faultIn(m, task, page, write, within) !== 'ok') return null;
  }
}

/** The first word of a page that a system call may read as it stands, or −1. The mm lock is held. */
export function readableWord(m: Machine, page: number): number {
  const pte = pteAt(m, page);
  return isAccessible(pte, false) ? frameWord(pte) : -1;
}
