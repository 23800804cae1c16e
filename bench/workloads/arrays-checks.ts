/** What a mutator of `arrays` finds in the heap, compared to the model. */
import type { Mutator } from '../../heap/mutator.ts';
import { RECORD_HEADER_WORDS, type Ref } from '../../heap/object.ts';
import { CELL_WORDS } from './arrays.ts';
import {
  type ArraysModel,
  arrayOf,
  beginOf,
  dataWordsOf,
  fieldOf,
  hasReferences,
  NONE,
  referencesOf,
} from './arrays-model.ts';
import { mismatch, type PayloadError, payloadMismatch, wrongWord } from './payload.ts';
import { objectBytes } from './room.ts';
import { tableRef } from './table.ts';

/** Root slots of the tables of arrays and of cells. */
export const ARRAYS = 0;
export const CELLS = 1;
const CELL_BYTES = objectBytes(0, CELL_WORDS);
const CELL_TAG = RECORD_HEADER_WORDS;

/** The array of that number, once it is known to be of its size. */
export function findArray(m: Mutator, model: ArraysModel, array: number): Ref {
  const found = tableRef(m, ARRAYS, array);
  const references = referencesOf(model, array);
  if (found === 0) throw mismatch(m, nameOf(array), 'the reference to it, which is null,', array, found);
  expect(m, array, 'its number of references', references, m.referencesOf(found));
  const bytes = objectBytes(references, dataWordsOf(model, array));
  expect(m, array, 'its size in bytes', bytes, m.bytesOf(found));
  return found;
}

/** What the element holds, a word or a reference, once it is known to be right. No safepoint. */
export function expectElement(
  m: Mutator,
  model: ArraysModel,
  found: Ref,
  array: number,
  element: number,
): number {
  const field = fieldOf(model, array, element);
  const known = model.elements[element] as number;
  if (hasReferences(model, array)) {
    const cell = m.ref(found, field);
    if (!isCell(m, model, cell, known)) throw mistaken(m, model, array, element, cell);
    return cell;
  }
  const word = m.load(found, field);
  if (word !== known) expect(m, array, `element ${element - beginOf(model, array)}`, known, word);
  return word;
}

function isCell(m: Mutator, model: ArraysModel, found: Ref, cell: number): boolean {
  if (cell === NONE || found === 0) return cell === NONE && found === 0;
  return m.bytesOf(found) === CELL_BYTES && m.load(found, CELL_TAG) === model.tags[cell];
}

/** Which cell was found where another should be: −1 is null, and the number of all cells what is none of them. */
function mistaken(m: Mutator, model: ArraysModel, array: number, element: number, found: Ref): PayloadError {
  const isOne = found !== 0 && m.bytesOf(found) === CELL_BYTES;
  const which = isOne ? model.tags.indexOf(m.load(found, CELL_TAG)) : NONE;
  const what = `the cell of element ${element - beginOf(model, array)}`;
  const other = found === 0 || which !== NONE ? which : model.cells;
  return mismatch(m, nameOf(array), what, model.elements[element] as number, other);
}

/** Verifies an element, and answers the word in it, or the tag of its cell. No safepoint. */
export function readElement(m: Mutator, model: ArraysModel, element: number): number {
  const array = arrayOf(model, element);
  const word = expectElement(m, model, findArray(m, model, array), array, element);
  return hasReferences(model, array) && word !== 0 ? m.load(word, CELL_TAG) : word;
}

/** Verifies a cell. No safepoint. */
export function visitCell(m: Mutator, model: ArraysModel, cell: number): void {
  const found = tableRef(m, CELLS, cell);
  const name = `arrays cell ${cell}`;
  if (found === 0) throw mismatch(m, name, 'the reference to it, which is null,', cell, found);
  if (m.bytesOf(found) !== CELL_BYTES)
    throw mismatch(m, name, 'its size in bytes', CELL_BYTES, m.bytesOf(found));
  const tag = model.tags[cell] as number;
  const wrong = wrongWord(m, found, tag);
  if (wrong >= 0) throw payloadMismatch(m, found, tag, wrong, name);
}

/** Compares what belongs to an array. */
export function expect(m: Mutator, array: number, what: string, expected: number, found: number): void {
  if (expected !== found) throw mismatch(m, nameOf(array), what, expected, found);
}

function nameOf(array: number): string {
  return `arrays array ${array}`;
}
