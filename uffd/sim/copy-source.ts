/**
 * What a COPY copies. Under the lock it is read as it stands, if all of it can be. Else the lock is let go and it is read once,
 * page by page in ascending order, into memory that nobody else sees; each page may have to be faulted in, which the caller
 * may sleep for. What has been read by then stays read, whatever becomes of its page: so it is on Linux (mm/userfaultfd.c).
 */
import { PAGE_BYTES, PAGE_WORDS } from '../kernel.ts';
import { readableWord } from './access.ts';
import { faultIn } from './fault.ts';
import type { Machine } from './machine.ts';
import { sharing } from './mm-lock.ts';
import { type Piece, pageOf, pieces } from './ranges.ts';

/** So many bytes of a process's memory, and who reads them. */
export interface Source {
  readonly m: Machine;
  readonly task: number;
  readonly address: number;
  readonly bytes: number;
}

/** One page of a COPY, small or huge. */
export interface PageCopy {
  /** The range that was asked for is [first, end), what is left of it [page, end). */
  readonly first: number;
  readonly page: number;
  readonly end: number;
  readonly source: Source;
  readonly mode: number;
}

/**
 * Where what must lie in one mapping begins: of all that was asked for once the lock has been let go, to wait for the source. (Linux
 * holds it from there to the end; here it is let go between pages, which shows in nothing.)
 */
export function lookedAtFrom({ first, page }: PageCopy, read: Uint8Array | null): number {
  return read === null ? page : first;
}

/** What an attempt under the lock comes to that is not over yet, beside 0 and −errno. */
export const IS_HUGE = 1;
/** Not all of the source can be read as it stands. */
export const SOURCE_ABSENT = 2;

/** Whether all of it can be read as it stands, which stays so under the lock. */
export function isReadable({ m, address, bytes }: Source): boolean {
  const last = pageOf(address + bytes - 1);
  for (let page = pageOf(address); page <= last; page++) if (readableWord(m, page) < 0) return false;
  return true;
}

/** Fills memory from this frame on with what was read, or with what can be read (under the lock). */
export function fillFrom(source: Source, read: Uint8Array | null, frame: number): void {
  const { m, address, bytes } = source;
  const to = frame * PAGE_BYTES;
  if (read !== null) {
    m.bytes.set(read, to);
    return;
  }
  if (bytes === PAGE_BYTES && address % PAGE_BYTES === 0) {
    const from = readableWord(m, address / PAGE_BYTES);
    m.frames.copyWithin(frame * PAGE_WORDS, from, from + PAGE_WORDS);
    return;
  }
  for (const { page, within, at, n } of pieces(address, bytes)) {
    const from = readableWord(m, page) * 4 + within;
    m.bytes.copyWithin(to + at, from, from + n);
  }
}

/** Reads it without the lock: null if some of it cannot be had. */
export function readFaulting(source: Source): Uint8Array | null {
  const { m, task, address, bytes } = source;
  const read = new Uint8Array(bytes);
  for (const piece of pieces(address, bytes))
    while (!readPiece(m, piece, read))
      if (faultIn(m, task, piece.page, false, piece.within) !== 'ok') return null;
  return read;
}

/** False if its page cannot be read as it stands. */
function readPiece(m: Machine, { page, within, at, n }: Piece, into: Uint8Array): boolean {
  return sharing(m, () => {
    const word = readableWord(m, page);
    if (word < 0) return false;
    into.set(m.bytes.subarray(word * 4 + within, word * 4 + within + n), at);
    return true;
  });
}
