/** What can go wrong in the heap, as errors with a stable `code`. */

const MIB = 1024 * 1024;

/** Bytes as a person reads them: 128 MiB, 1.5 MiB, 640 bytes. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1024 * MIB) return `${+(bytes / (1024 * MIB)).toFixed(2)} GiB`;
  if (bytes >= MIB) return `${+(bytes / MIB).toFixed(2)} MiB`;
  if (bytes >= 1024) return `${+(bytes / 1024).toFixed(2)} KiB`;
  return `${bytes} bytes`;
}

/** The heap is full of live objects. All sizes in bytes. */
export class HeapOutOfMemoryError extends Error {
  readonly code = 'HEAP_OUT_OF_MEMORY';
  readonly heapBytes: number;
  readonly liveBytes: number;
  readonly askedBytes: number;
  constructor(heapBytes: number, liveBytes: number, askedBytes: number, mutator: number) {
    super(
      `out of memory: the heap is ${formatBytes(heapBytes)}, ${formatBytes(liveBytes)} of it live after the last ` +
        `collection, and mutator ${mutator} asked for ${formatBytes(askedBytes)} more; use a larger --heap or a ` +
        'smaller live set',
    );
    this.name = 'HeapOutOfMemoryError';
    this.heapBytes = heapBytes;
    this.liveBytes = liveBytes;
    this.askedBytes = askedBytes;
  }
}

/** A mutator called the API in a way it forbids. */
export class MutatorError extends Error {
  readonly code = 'MUTATOR_MISUSE';
  constructor(message: string) {
    super(message);
    this.name = 'MutatorError';
  }
}
