/**
 * Accesses to machine memory by address: the memory management unit in slow motion, for loads and stores of a
 * program (user mode) and for system calls that touch its memory (kernel mode).
 */
import { AccessError, PAGE_BYTES } from '../kernel.ts';
import { type FaultOutcome, handleFault } from './fault.ts';
import { type Machine, NO_PTE, pageOf } from './machine.ts';
import { frameWord, isPresent, isWritable, loadPte } from './page-table.ts';

/** Index in physical memory of the page's first word, once an access of this kind is allowed. @throws AccessError */
export function translate(m: Machine, task: number, page: number, write: boolean): number {
  for (;;) {
    const pte = page < m.addressPages ? loadPte(m, page) : NO_PTE;
    if (isAccessible(pte, write)) return frameWord(pte);
    const outcome = handleFault(m, task, { page, write, kernelMode: false });
    if (outcome !== 'ok') throw accessError(outcome, page * PAGE_BYTES);
  }
}

/** The same for a system call: null where Linux answers EFAULT. */
export function translateInKernel(m: Machine, task: number, page: number, write: boolean): number | null {
  for (;;) {
    const pte = page < m.addressPages ? loadPte(m, page) : NO_PTE;
    if (isAccessible(pte, write)) return frameWord(pte);
    if (handleFault(m, task, { page, write, kernelMode: true }) !== 'ok') return null;
  }
}

/** Readable (sign bit clear) and, for a write, writable. */
function isAccessible(pte: number, write: boolean): boolean {
  return pte >= 0 && isPresent(pte) && (!write || isWritable(pte));
}

export function accessError(outcome: FaultOutcome, address: number): AccessError {
  if (outcome === 'SIGBUS') return new AccessError('SIGBUS', address, 'past the end of the file mapped there');
  if (outcome === 'nomem') {
    return new AccessError('SIGBUS', address, 'the machine has no physical memory left; open it with more');
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
  if (!Number.isSafeInteger(address) || address < 0 || address % 4 !== 0) {
    throw new RangeError(`address ${address} is not aligned to 4 bytes`);
  }
  const page = pageOf(address);
  return translate(m, task, page, write) + (address - page * PAGE_BYTES) / 4;
}

/** Runs of bytes in one page each, for a range of addresses. */
function* pieces(address: number, length: number): Generator<{ page: number; within: number; at: number; n: number }> {
  for (let at = 0; at < length; ) {
    const page = pageOf(address + at);
    const within = address + at - page * PAGE_BYTES;
    const n = Math.min(PAGE_BYTES - within, length - at);
    yield { page, within, at, n };
    at += n;
  }
}

/** The bytes of physical memory, for copies. */
function frameBytes(m: Machine): Uint8Array {
  return new Uint8Array(m.frames.buffer, m.frames.byteOffset, m.frames.byteLength);
}

export function copyIn(m: Machine, task: number, address: number, bytes: Uint8Array): void {
  const memory = frameBytes(m);
  for (const { page, within, at, n } of pieces(address, bytes.length)) {
    const start = translate(m, task, page, true) * 4 + within;
    memory.set(bytes.subarray(at, at + n), start);
  }
}

export function copyOut(m: Machine, task: number, address: number, bytes: Uint8Array): void {
  const memory = frameBytes(m);
  for (const { page, within, at, n } of pieces(address, bytes.length)) {
    const start = translate(m, task, page, false) * 4 + within;
    bytes.set(memory.subarray(start, start + n), at);
  }
}

/** A kernel-mode copy between memory and a file's page; answers the bytes that could be copied. */
export function kernelCopy(
  m: Machine,
  task: number,
  address: number,
  length: number,
  write: boolean,
  move: (memory: Uint8Array, at: number, n: number) => boolean,
): number {
  const memory = frameBytes(m);
  for (const { page, within, at, n } of pieces(address, length)) {
    const start = translateInKernel(m, task, page, write);
    if (start === null) return at;
    if (!move(memory.subarray(start * 4 + within, start * 4 + within + n), at, n)) return at;
  }
  return length;
}

/** Where a page of source for COPY is, or null: EFAULT. A source that is not page-aligned is gathered into `spare`. */
export function sourcePage(m: Machine, task: number, address: number, spare: Int32Array): number | Int32Array | null {
  if (address % PAGE_BYTES === 0) return translateInKernel(m, task, pageOf(address), false);
  const bytes = new Uint8Array(spare.buffer, spare.byteOffset, PAGE_BYTES);
  const copied = kernelCopy(m, task, address, PAGE_BYTES, false, (memory, at) => {
    bytes.set(memory, at);
    return true;
  });
  return copied === PAGE_BYTES ? spare : null;
}

