/**
 * A long row of references in the managed heap, from a root slot: a directory of blocks. Blocks keep one table
 * from needing one huge run of free pages, and make tables that span pages the common case.
 */
import type { Mutator } from '../../heap/mutator.ts';
import { ARRAY_HEADER_WORDS, type Ref } from '../../heap/object.ts';
import { PAGE_WORDS } from '../../uffd/kernel.ts';
import { objectBytes } from './room.ts';

/** A full block fills four pages to the word. */
const BLOCK = 4 * PAGE_WORDS - ARRAY_HEADER_WORDS;

/** Bytes of a table of that many references. */
export function tableBytes(length: number): number {
  const full = Math.floor(length / BLOCK);
  const rest = length - full * BLOCK;
  const directory = objectBytes(Math.ceil(length / BLOCK), 0);
  return directory + full * objectBytes(BLOCK, 0) + (rest === 0 ? 0 : objectBytes(rest, 0));
}

/** Makes a table of null references and puts it into root slot `slot`. A safepoint. */
export function allocateTable(m: Mutator, slot: number, length: number): void {
  const blocks = Math.ceil(length / BLOCK);
  m.setRoot(slot, m.allocObject(blocks, 0));
  for (let i = 0; i < blocks; i++) {
    const block = m.allocObject(Math.min(BLOCK, length - i * BLOCK), 0);
    m.setRefAt(m.root(slot), i, block);
  }
}

/** The reference at `index` of the table in root slot `slot`. */
export function tableRef(m: Mutator, slot: number, index: number): Ref {
  const block = Math.floor(index / BLOCK);
  return m.refAt(m.refAt(m.root(slot), block), index - block * BLOCK);
}

export function setTableRef(m: Mutator, slot: number, index: number, value: Ref): void {
  const block = Math.floor(index / BLOCK);
  m.setRefAt(m.refAt(m.root(slot), block), index - block * BLOCK, value);
}
