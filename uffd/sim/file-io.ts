/**
 * pread and pwrite: a file against machine memory, which a thread may sleep on in a fault. Page by page of the file, so that
 * what others do to it meanwhile is seen, as on Linux.
 */
import { EFAULT, EFBIG, EINVAL, ENOSPC, ESPIPE } from '../errno.ts';
import { HUGE_PAGE_BYTES, PAGE_BYTES } from '../kernel.ts';
import { readableWord, writableWord } from './access.ts';
import { KIND, withOpen } from './descriptors.ts';
import { faultIn } from './fault.ts';
import { NO_FRAME } from './frames.ts';
import type { Machine } from './machine.ts';
import { exclusively, sharing } from './mm-lock.ts';
import {
  cachedFrame,
  cachedOrZeroed,
  fileSize,
  isHugeFile,
  MAX_FILE_BYTES,
  setFileSize,
  usedFrame,
} from './page-cache.ts';
import { isUserRange, pageOf, pieces } from './ranges.ts';

/** The bytes of a page, from its first frame on. */
export function frameBytes(m: Machine, frame: number, pageBytes = PAGE_BYTES): Uint8Array {
  return m.bytes.subarray(frame * PAGE_BYTES, frame * PAGE_BYTES + pageBytes);
}

/** The arguments of pread and pwrite. */
export interface FileCall {
  readonly fd: number;
  readonly addr: number;
  readonly length: number;
  readonly offset: number;
}

/** What both refuse, in Linux's order; else `body` with the file. Nobody writes to one of huge pages but by a mapping. */
function withFile(m: Machine, call: FileCall, body: (file: number) => number, writes = false): number {
  if (!(call.offset >= 0)) return -EINVAL;
  return withOpen(m, call.fd, ({ kind, object }) => {
    if (kind !== KIND.memfd) return -ESPIPE;
    if (writes && isHugeFile(m, object)) return -EINVAL;
    return isUserRange(call.addr, call.length) ? body(object) : -EFAULT;
  });
}

/** From a file into machine memory: bytes read, 0 at the end of the file. */
export function pread(m: Machine, task: number, call: FileCall): number {
  return withFile(m, call, (file) => {
    const pageBytes = isHugeFile(m, file) ? HUGE_PAGE_BYTES : PAGE_BYTES;
    let done = 0;
    while (done < call.length) {
      const page = nextPage(call, done, pageBytes);
      const read = readPage(m, task, file, page);
      if (read < 0) return done > 0 ? done : read;
      done += read;
      if (read < page.bytes) break;
    }
    return done;
  });
}

/** What of a call lies on one page of the file. */
interface PageCall {
  readonly address: number;
  readonly offset: number;
  readonly bytes: number;
  /** Of the file's pages. */
  readonly pageBytes: number;
}

/** Bytes read, fewer than asked for at the end of the file, where memory is not touched; or −errno if there are none. */
function readPage(m: Machine, task: number, file: number, call: PageCall): number {
  const { address, offset, bytes, pageBytes } = call;
  const index = Math.floor(offset / pageBytes);
  // As Linux does: the page that is read is the one that was there when its turn came, however long the memory takes.
  const { left, frame } = sharing(m, () => ({
    left: Math.max(0, Math.min(bytes, fileSize(m, file) - offset)),
    frame: usedFrame(m, file, index),
  }));
  const first = offset % pageBytes;
  let held: Uint8Array = new Uint8Array(0); // what is not copied yet, should the page go meanwhile; of a hole: nothing
  for (const { page, within, at, n } of pieces(address, left)) {
    const copied = (): boolean =>
      sharing(m, () => {
        const word = writableWord(m, page);
        const isThere = frame !== NO_FRAME && usedFrame(m, file, index) === frame;
        const rest = isThere
          ? frameBytes(m, frame, pageBytes).subarray(first + at, first + left)
          : held.subarray(held.length - (left - at));
        if (word < 0) held = rest.slice();
        else if (frame === NO_FRAME) m.bytes.fill(0, word * 4 + within, word * 4 + within + n);
        else m.bytes.set(rest.subarray(0, n), word * 4 + within);
        return word >= 0;
      });
    while (!copied()) if (faultIn(m, task, page, true, within) !== 'ok') return at > 0 ? at : -EFAULT;
  }
  return left;
}

/** From machine memory into a file, which grows as needed: bytes written. */
export function pwrite(m: Machine, task: number, call: FileCall): number {
  const write = (file: number): number => {
    const { addr, offset } = call;
    if (call.length > 0 && offset >= MAX_FILE_BYTES) return -EFBIG;
    const length = Math.min(call.length, MAX_FILE_BYTES - offset);
    let done = 0;
    while (done < length) {
      const written = writePage(m, task, file, nextPage({ addr, offset, length }, done));
      if (written < 0) return done > 0 ? done : written;
      done += written; // less than the page if not all of the memory could be read: the rest is tried once more
    }
    return done;
  };
  return withFile(m, call, write, true);
}

/** What comes next of a call of which so many bytes are done. */
function nextPage(
  { addr, offset, length }: Omit<FileCall, 'fd'>,
  done: number,
  pageBytes = PAGE_BYTES,
): PageCall {
  const at = offset + done;
  const bytes = Math.min(pageBytes - (at % pageBytes), length - done);
  return { address: addr + done, offset: at, bytes, pageBytes };
}

/**
 * Bytes written, or −errno if there are none: as many as can be read as they stand. Only if none can, the memory is faulted
 * in, all of it that can be.
 */
function writePage(m: Machine, task: number, file: number, call: PageCall): number {
  for (;;) {
    // Exclusively, since the file may grow: its size and its pages change together.
    const written = exclusively(m, () => {
      if (!readyForWrite(m, file, call.offset)) return -ENOSPC;
      const bytes = readableBytes(m, call);
      if (bytes > 0) writeBytes(m, file, { ...call, bytes });
      return bytes;
    });
    if (written !== 0) return written;
    for (const { page, within, at } of pieces(call.address, call.bytes)) {
      if (faultIn(m, task, page, false, within) === 'ok') continue;
      if (at === 0) return -EFAULT;
      break;
    }
  }
}

/**
 * As Linux does (mm/shmem.c, shmem_write_begin and _end): the page is in the cache, and the file reaches up to there, before
 * it is known whether the memory can be read. False if there is no room.
 */
function readyForWrite(m: Machine, file: number, offset: number): boolean {
  if (cachedOrZeroed(m, file, pageOf(offset)) === NO_FRAME) return false;
  if (offset > fileSize(m, file)) setFileSize(m, file, offset);
  return true;
}

/** How many of the bytes can be read as they stand, up to the first page that cannot. */
function readableBytes(m: Machine, { address, bytes }: PageCall): number {
  for (const { page, at } of pieces(address, bytes)) if (readableWord(m, page) < 0) return at;
  return bytes;
}

/** Bytes that can be read, to one page of the file, which is cached. */
function writeBytes(m: Machine, file: number, { address, offset, bytes }: PageCall): void {
  const into = frameBytes(m, cachedFrame(m, file, pageOf(offset)));
  for (const { page, within, at, n } of pieces(address, bytes)) {
    const from = readableWord(m, page) * 4 + within;
    into.set(m.bytes.subarray(from, from + n), (offset % PAGE_BYTES) + at);
  }
  if (offset + bytes > fileSize(m, file)) setFileSize(m, file, offset + bytes);
}
