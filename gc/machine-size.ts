/** How large a simulated machine a heap needs, and how large a heap this Node can have. */
import { totalmem } from 'node:os';
import { formatBytes } from '../heap/errors.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import { MAX_MEMORY_BYTES, MAX_NARROW_BYTES, MAX_VIEW_BYTES } from '../uffd/open.ts';
import { allBytes } from './modes/mapping.ts';
import type { MappingMode, Reservation } from './modes/mode.ts';

/** The heap is larger than a machine of this Node can hold. Sizes in bytes. */
export class HeapTooLargeError extends RangeError {
  readonly code = 'HEAP_TOO_LARGE';
  readonly heapBytes: number;
  readonly limitBytes: number;
  constructor(message: string, heapBytes: number, limitBytes: number) {
    super(message);
    this.name = 'HeapTooLargeError';
    this.heapBytes = heapBytes;
    this.limitBytes = limitBytes;
  }
}

export function pastNode(heapBytes: number, limitBytes: number, mode: string): HeapTooLargeError {
  const message =
    `a heap of ${formatBytes(heapBytes)} is more than Node ${process.versions.node} can map here: in mode ${mode} ` +
    `the limit is ${formatBytes(limitBytes)}`;
  return new HeapTooLargeError(message, heapBytes, limitBytes);
}

/**
 * Refuses on the real kernel, before anything is mapped, what would end in the out-of-memory killer or in the FFI.
 * @throws HeapTooLargeError
 */
export function requireRoom(mode: MappingMode, reservation: Reservation): void {
  const heapBytes = allBytes(reservation);
  if (heapBytes > MAX_VIEW_BYTES) throw pastNode(heapBytes, MAX_VIEW_BYTES, mode.name);
  const { memoryBytes } = mode.needs(reservation);
  if (memoryBytes <= totalmem()) return;
  const limit = Math.floor((heapBytes * totalmem()) / memoryBytes / PAGE_BYTES) * PAGE_BYTES;
  const message =
    `a heap of ${formatBytes(heapBytes)} takes up to ${formatBytes(memoryBytes)} in mode ${mode.name}, and this host ` +
    `has ${formatBytes(totalmem())} of memory; use a heap of at most ${formatBytes(limit)}`;
  throw new HeapTooLargeError(message, heapBytes, limit);
}

/** Refuses what a program on a 32-bit kernel has no addresses for. @throws HeapTooLargeError */
export function requireAddresses(mode: MappingMode, reservation: Reservation): void {
  const heapBytes = allBytes(reservation);
  const { addressBytes } = machineSize(mode, reservation);
  if (addressBytes <= MAX_NARROW_BYTES) return;
  const limit = Math.floor((heapBytes * MAX_NARROW_BYTES) / addressBytes / PAGE_BYTES) * PAGE_BYTES;
  const message =
    `a heap of ${formatBytes(heapBytes)} takes ${formatBytes(addressBytes)} of addresses in mode ${mode.name}, and a ` +
    `32-bit kernel has ${formatBytes(MAX_NARROW_BYTES)} for a program; use a heap of at most ${formatBytes(limit)}`;
  throw new HeapTooLargeError(message, heapBytes, limit);
}

// Beside the pages of both spaces: the index of the page cache, and frames that wait for threads to quiesce.
const MEMORY_SLACK = 1 + 1 / 64;
const SPARE_BYTES = 1 << 20;

/** Physical memory and addresses for a mode's ranges, in bytes. */
export function machineSize(
  mode: MappingMode,
  reservation: Reservation,
): { memoryBytes: number; addressBytes: number } {
  const { memoryBytes, addressBytes } = mode.needs(reservation);
  const pages = Math.ceil((memoryBytes * MEMORY_SLACK) / PAGE_BYTES);
  return { memoryBytes: pages * PAGE_BYTES + SPARE_BYTES, addressBytes: addressBytes + SPARE_BYTES };
}

/** The largest heap whose machine this Node can share among threads, found by asking for the memory. */
export function largestHeap(mode: MappingMode, reservation: Reservation): number {
  const fits = (pages: number): boolean => {
    const { memoryBytes } = machineSize(mode, { ...reservation, heapBytes: pages * PAGE_BYTES });
    return memoryBytes <= MAX_MEMORY_BYTES && canShare(memoryBytes);
  };
  let most = 0;
  let tooMany = Math.ceil(MAX_MEMORY_BYTES / PAGE_BYTES);
  while (tooMany - most > 1) {
    const middle = (most + tooMany) >>> 1;
    if (fits(middle)) most = middle;
    else tooMany = middle;
  }
  return most * PAGE_BYTES;
}

function canShare(bytes: number): boolean {
  try {
    return new SharedArrayBuffer(bytes).byteLength === bytes;
  } catch {
    return false; // RangeError: that is the answer
  }
}
