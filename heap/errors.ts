/** What can go wrong in the heap, as errors with a stable `code`. */
import { errnoName } from '../uffd/errno.ts';

const MIB = 1024 * 1024;

/** Bytes as a person reads them: 128 MiB, 1.5 MiB, 640 bytes. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1024 * MIB) return `${+(bytes / (1024 * MIB)).toFixed(2)} GiB`;
  if (bytes >= MIB) return `${+(bytes / MIB).toFixed(2)} MiB`;
  if (bytes >= 1024) return `${+(bytes / 1024).toFixed(2)} KiB`;
  return `${bytes} bytes`;
}

/** What is full. Sizes in bytes. */
export interface FullSpace {
  readonly space: 'heap' | 'non-moving space' | 'large-object space';
  readonly bytes: number;
  readonly liveBytes: number;
  /** The largest object there is room for, where free room is in pieces. */
  readonly longestBytes?: number;
  /** The errno for which the kernel has made the last collection give up; 0: it has not. */
  readonly refused?: number;
}

const REMEDIES: Readonly<Record<FullSpace['space'], string>> = {
  heap: 'use a larger --heap or a smaller live set',
  'non-moving space': 'use larger nonMovingBytes, or pin less',
  'large-object space': 'use larger largeBytes (or largeObjectBytes, so that fewer objects go there)',
};

/** The heap, or one space of it, is full of live objects. All sizes in bytes. */
export class HeapOutOfMemoryError extends Error {
  readonly code = 'HEAP_OUT_OF_MEMORY';
  /** Capacity of the space that is full. */
  readonly heapBytes: number;
  readonly liveBytes: number;
  readonly askedBytes: number;
  constructor(
    { space, bytes, liveBytes, longestBytes, refused = 0 }: FullSpace,
    askedBytes: number,
    mutator: number,
  ) {
    const remedy = REMEDIES[space];
    const piece = longestBytes === undefined ? '' : ` (${formatBytes(longestBytes)} free in one piece)`;
    const givenUp =
      refused === 0
        ? ''
        : `, which was given up because the kernel refused it what it needs (${errnoName(refused)})`;
    super(
      `out of memory: the ${space} is ${formatBytes(bytes)}, ${formatBytes(liveBytes)} of it live after the last ` +
        `collection${piece}${givenUp}, and mutator ${mutator} asked for ${formatBytes(askedBytes)} more; ${remedy}`,
    );
    this.name = 'HeapOutOfMemoryError';
    this.heapBytes = bytes;
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

/** Under `verify`: a mutator has used a reference that it held over a safepoint, or null as an object. */
export class StaleReferenceError extends Error {
  readonly code = 'STALE_REFERENCE';
  /** The granule that the reference names. */
  readonly object: number;
  /** The call of the mutator API, and where the program makes it: file:line:column. */
  readonly call: string;
  readonly site: string;
  constructor(object: number, call: string, site: string, what: string) {
    super(`${call}(…) at ${site}: ${what}`);
    this.name = 'StaleReferenceError';
    this.object = object;
    this.call = call;
    this.site = site;
  }
}
