/** How much of a heap a workload may fill: one place for the arithmetic of sizes and shares. */
import {
  ARRAY_HEADER_WORDS,
  fitsRecord,
  GRANULE_BYTES,
  granulesFor,
  RECORD_HEADER_WORDS,
} from '../../heap/object.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { UsageError, type WorkloadRequest } from './workload.ts';

/** Pages per mutator beside live objects: allocation buffers, the ends of pages, what is allocated in a collection. */
const SPARE_BYTES = 64 * PAGE_BYTES;
/** Of its share of the heap, what a mutator may fill while it builds; the rest is for the first collection's run. */
const FILL = 7 / 8;
/** A heap this many times the live bytes can still be collected. */
const HEADROOM = 1.1;

const KIB = 1024;
const MIB = 1024 * KIB;

/** Size of an object in bytes, header included. */
export function objectBytes(references: number, dataWords: number): number {
  const header = fitsRecord(references, dataWords) ? RECORD_HEADER_WORDS : ARRAY_HEADER_WORDS;
  return granulesFor(header + references + dataWords) * GRANULE_BYTES;
}

/** Bytes of objects, live and dead, that each mutator may allocate before the first collection. */
export function buildRoom({ heapBytes, mutators }: WorkloadRequest): number {
  return Math.max(0, Math.floor((heapBytes / mutators) * FILL) - SPARE_BYTES);
}

/** The smallest heap in which {@link buildRoom} is at least `room`. */
export function heapForRoom(room: number, mutators: number): number {
  return wholePages((room + SPARE_BYTES) / FILL) * mutators;
}

/** The smallest heap in which mutators can keep `liveBytes` (all together) alive. */
export function smallestHeap(liveBytes: number, mutators: number): number {
  return wholePages(liveBytes * HEADROOM) + SPARE_BYTES * mutators;
}

/** @throws UsageError that says the smallest heap that fits, and what else may help */
export function requireHeap(workload: string, request: WorkloadRequest, smallest: number, remedy = ''): void {
  const { heapBytes, mutators } = request;
  if (heapBytes >= smallest) return;
  const who = mutators === 1 ? '1 mutator' : `${mutators} mutators`;
  throw new UsageError(
    `${workload}: a heap of ${sizeOption(heapBytes)} is too small for ${who}; ` +
      `use --heap ${sizeOption(smallest)} or more${remedy}`,
  );
}

/** A size as `--heap` takes it, rounded up: 640KiB, 17MiB. */
function sizeOption(bytes: number): string {
  return bytes < MIB ? `${Math.ceil(bytes / KIB)}KiB` : `${Math.ceil(bytes / MIB)}MiB`;
}

function wholePages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}
