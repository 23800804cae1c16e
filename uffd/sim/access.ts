/**
 * Accesses to machine memory by address: the memory management unit in slow motion, for loads and stores of a
 * program (user mode) and for system calls that touch its memory (kernel mode).
 */
import { AccessError, PAGE_BYTES } from '../kernel.ts';
import { handleFault } from './fault.ts';
import type { FaultOutcome } from './fault-step.ts';
import type { Machine } from './machine.ts';
import { frameWord, isPresent, isWritable, loadPte, NO_PTE } from './page-table.ts';
import { pageOf, pieces } from './ranges.ts';
import { sleepsOf } from './tasks.ts';

/**
 * Index in physical memory of the first word of the page at `address`, once an access of this kind is allowed. It
 * is good until the thread's next quiescent point, if the thread is translating (tasks.ts).
 * @throws AccessError
 */
export function translate(m: Machine, task: number, address: number, write: boolean): number {
  const page = pageOf(address);
  const sleeps = sleepsOf(m, task);
  for (;;) {
    const pte = pteAt(m, page);
    if (isAccessible(pte, write)) return frameWord(pte);
    const again = sleepsOf(m, task) !== sleeps;
    const offset = address % PAGE_BYTES;
    const outcome = handleFault(m, task, { page, write, kernelMode: false, offset, again });
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
    return new AccessError(
      'SIGBUS',
      address,
      'past the end of the file mapped there, poisoned, or watched by a userfaultfd with UFFD_FEATURE_SIGBUS ' +
        '(before Linux 5.7 also: woken from a userfault to meet another)',
    );
  if (outcome === 'nomem') {
    const why = 'the machine has no physical memory left; open it with more';
    return new AccessError('SIGBUS', address, why, true);
  }
  if (outcome === 'no huge page') {
    const why = 'the machine has no huge page left; open it with more (hugePages)';
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

/** The first word of a page that a system call may read as it stands, or −1. The mm lock is held. */
export function readableWord(m: Machine, page: number): number {
  const pte = pteAt(m, page);
  return isAccessible(pte, false) ? frameWord(pte) : -1;
}

/** The same for a page that it may write. */
export function writableWord(m: Machine, page: number): number {
  const pte = pteAt(m, page);
  return isAccessible(pte, true) ? frameWord(pte) : -1;
}
