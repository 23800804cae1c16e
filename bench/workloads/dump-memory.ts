/**
 * The arrays that readers of heap dumps keep, asked for in one place. None is as large as a file *says* that it must
 * be, only as large as what has been read of it needs: a stranger's file is answered for with memory in proportion to
 * its bytes. What is asked for is counted, so that tests and fuzz-dumps.ts can hold each reader to its multiple.
 */
import { UsageError } from './workload.ts';

type Words = Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

export interface DumpMemory {
  /** Elements that are 0. What they are for must have been read already. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
  words(length: number): Uint32Array<ArrayBuffer>;
  doubles(length: number): Float64Array<ArrayBuffer>;
  /** The array if it has room for `length` elements; or a copy twice as long, but never longer than `most`. */
  grown<Array extends Words>(array: Array, length: number, most?: number): Array;
  /** Bytes of all arrays ever asked for, those that a larger one has replaced included. */
  readonly asked: number;
}

/** The fewest elements that an array grows to. */
const FEWEST = 16;

/** `source` says in errors which file it is that does not fit. All throw UsageError where memory runs out. */
export function createDumpMemory(source: string): DumpMemory {
  let asked = 0;

  function ask<Array>(bytes: number, allocate: () => Array): Array {
    asked += bytes;
    try {
      return allocate();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UsageError(
        `${source}: too large: its objects and references do not fit into memory (${bytes} bytes more are not to be had)`,
      );
    }
  }

  const words = (length: number) => ask(4 * length, () => new Uint32Array(length));
  const bytes = (length: number) => ask(length, () => new Uint8Array(length));
  const doubles = (length: number) => ask(8 * length, () => new Float64Array(length));

  function grown<Array extends Words>(array: Array, length: number, most = Infinity): Array {
    if (length <= array.length) return array;
    const larger = Math.min(most, Math.max(FEWEST, 2 * array.length, length));
    const of = array instanceof Uint32Array ? words : array instanceof Uint8Array ? bytes : doubles;
    const copy = of(larger) as Array;
    copy.set(array);
    return copy;
  }

  return {
    bytes,
    words,
    doubles,
    grown,
    get asked() {
      return asked;
    },
  };
}
