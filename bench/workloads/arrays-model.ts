/** What the arrays of `arrays` should hold, in plain memory beside the heap. Nothing here touches the heap. */
import type { ArraysData } from './arrays.ts';
import { bytesOf, isRaw, layoutOf } from './arrays-sizes.ts';

/** No cell: null. */
export const NONE = -1;

export interface ArraysModel {
  readonly arrays: number;
  readonly cells: number;
  /** Elements of all arrays: raw words, or the number of the cell that is referred to. */
  readonly elements: Int32Array;
  /** Where among them each array begins, and behind the last one how many there are. */
  readonly begins: Uint32Array;
  /** Of each array: its references, its data words, and where in it its elements begin, in words. */
  readonly references: Int32Array;
  readonly dataWords: Int32Array;
  readonly firsts: Uint8Array;
  /** What the first data word of each cell holds. No two versions of cells have the same. */
  readonly tags: Int32Array;
  /** How many elements refer to each cell. */
  readonly referrers: Int32Array;
}

/** Arrays that hold nothing yet. */
export function createModel(data: ArraysData): ArraysModel {
  const { arrays, cells } = data;
  const begins = new Uint32Array(arrays + 1);
  const references = new Int32Array(arrays);
  const dataWords = new Int32Array(arrays);
  const firsts = new Uint8Array(arrays);
  for (let array = 0; array < arrays; array++) {
    const layout = layoutOf(bytesOf(data, array), isRaw(data, array));
    begins[array + 1] = (begins[array] as number) + layout.length;
    references[array] = layout.references;
    dataWords[array] = layout.dataWords;
    firsts[array] = layout.first;
  }
  const model: ArraysModel = {
    ...{ arrays, cells, begins, references, dataWords, firsts },
    elements: new Int32Array(begins[arrays] as number),
    tags: new Int32Array(cells),
    referrers: new Int32Array(cells),
  };
  for (let array = 0; array < arrays; array++) empty(model, array);
  return model;
}

/** The array that has the element, by its number among all. */
export function arrayOf({ begins, arrays }: ArraysModel, element: number): number {
  let [low, high] = [0, arrays - 1];
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if ((begins[middle] as number) <= element) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function hasReferences(model: ArraysModel, array: number): boolean {
  return referencesOf(model, array) > 0;
}

export function referencesOf({ references }: ArraysModel, array: number): number {
  return references[array] as number;
}

export function dataWordsOf({ dataWords }: ArraysModel, array: number): number {
  return dataWords[array] as number;
}

/** The field of an element in its array. */
export function fieldOf(model: ArraysModel, array: number, element: number): number {
  return (model.firsts[array] as number) + element - beginOf(model, array);
}

export function beginOf({ begins }: ArraysModel, array: number): number {
  return begins[array] as number;
}

export function endOf({ begins }: ArraysModel, array: number): number {
  return begins[array + 1] as number;
}

/** An element of an array of references refers to that cell now, or to none. */
export function setCell({ elements, referrers }: ArraysModel, element: number, cell: number): void {
  const before = elements[element] as number;
  if (before !== NONE) referrers[before] = (referrers[before] as number) - 1;
  if (cell !== NONE) referrers[cell] = (referrers[cell] as number) + 1;
  elements[element] = cell;
}

/** The array holds what a new one does: zeros, or no references. */
export function clear(model: ArraysModel, array: number): void {
  if (hasReferences(model, array))
    for (let element = beginOf(model, array); element < endOf(model, array); element++)
      setCell(model, element, NONE);
  empty(model, array);
}

function empty(model: ArraysModel, array: number): void {
  const value = hasReferences(model, array) ? NONE : 0;
  model.elements.fill(value, beginOf(model, array), endOf(model, array));
}
