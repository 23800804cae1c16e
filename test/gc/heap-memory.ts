/** Where an image of a heap lies: in arrays, its pages in no order; or in linear memory, where compiled loops work on it. */
import { type Compiled, openCompiled } from '../../dist/gc/compiled.js';
import { type Allocate, allocateShared, type HeapTables } from '../../dist/heap/layout.js';
import { createLinear } from '../../dist/uffd/linear.js';

export interface HeapMemory {
  readonly allocate: Allocate;
  /** Whether a space's pages lie in order, within reach of compiled loops. */
  readonly isLinear: boolean;
  readonly compiled: (tables: HeapTables) => Compiled | null;
}

export const ARRAYS: HeapMemory = { allocate: allocateShared, isLinear: false, compiled: () => null };

/** Above 2 GiB, where an offset as a number of 32 bits is negative. */
const FIRST = 2 ** 31 - 4096;
const memory = createLinear();
if (memory === null) throw new Error('this process may not have 4 GiB of addresses');
const { buffer } = memory;

/** Linear memory, of which everything that was allocated before is forgotten. */
export function linearMemory(): HeapMemory {
  let next = FIRST;
  const allocate: Allocate = (bytes) => {
    const words = new Int32Array(buffer, next, Math.ceil(bytes / 4)).fill(0);
    next += Math.ceil(bytes / 4096) * 4096;
    return words;
  };
  return {
    allocate,
    isLinear: true,
    compiled: (tables) => openCompiled({ memory: memory!, allocate }, tables),
  };
}
