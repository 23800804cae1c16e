/** A heap in a plain array, with one mutator (and more, if they are attached) and nobody who collects. */
import { allocateMetadata, CONTROL, type HeapTables, openTables } from '../../dist/heap/layout.js';
import { type AttachedMutator, attachMutator } from '../../dist/heap/mutator.js';
import { openNonMoving } from '../../dist/heap/non-moving.js';
import { fillerHeader, recordHeader } from '../../dist/heap/object.js';
import { setTopPage } from '../../dist/heap/spaces.js';
import type { PageView } from '../../dist/uffd/kernel.js';
import { ARRAYS, type HeapMemory } from '../gc/heap-memory.ts';

export interface ArrayHeap extends AttachedMutator {
  readonly tables: HeapTables;
  readonly view: PageView;
  readonly attach: (index: number) => AttachedMutator;
}

export function arrayHeap(
  pages: number,
  { roots = 0, rootSlots = 64, index = 0, nonMovingPages = 0, largePages = 0 } = {},
  memory: HeapMemory = ARRAYS,
): ArrayHeap {
  const nonMovingBytes = nonMovingPages * 4096;
  const largeBytes = largePages * 4096;
  const sizes = { heapBytes: pages * 4096, nonMovingBytes, largeBytes };
  const geometry = { ...sizes, mutators: 2, rootSlots, tlabPages: 8 };
  const tables = openTables(allocateMetadata(geometry, memory.allocate), geometry);
  const words = memory.allocate(tables.endPage * 4096);
  const store = (word: number, value: number) => {
    if (word < 0 || word >= words.length) throw new RangeError(`word ${word} of ${words.length}`);
    words[word] = value;
  };
  words.set([recordHeader(0, 0, 1), 0, ...fillerHeader(511)]);
  setTopPage(tables, 1);
  openNonMoving(tables);
  tables.control[CONTROL.startAt] = pages + 1; // no collection is asked for but by an allocation that fails
  const view = {
    load: (word: number) => words[word] as number,
    store,
    enter: () => {},
    quiesce: () => {},
    leave: () => {},
    onStall: null,
  };
  const attach = (number: number) => attachMutator(view, tables, { index: number, roots });
  const base = (page: number) => page * 1024;
  const linear = memory.isLinear ? { linear: words.byteOffset } : {};
  return {
    ...attach(index),
    attach,
    tables,
    view: { words, readable: base, writable: base, updatable: base, ...linear },
  };
}
