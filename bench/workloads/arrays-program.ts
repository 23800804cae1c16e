/** `arrays`, the mutator's side. An element is known by its number among those of all arrays. */
import { LARGE_OBJECT_BYTES } from '../../heap/layout.ts';
import type { Mutator } from '../../heap/mutator.ts';
import type { Ref } from '../../heap/object.ts';
import { type ArraysData, CELL_WORDS } from './arrays.ts';
import { ARRAYS, CELLS, expect, expectElement, findArray, readElement, visitCell } from './arrays-checks.ts';
import {
  type ArraysModel,
  arrayOf,
  beginOf,
  clear,
  createModel,
  dataWordsOf,
  endOf,
  fieldOf,
  hasReferences,
  NONE,
  referencesOf,
  setCell,
} from './arrays-model.ts';
import { type ProgramContext, workloadMutator } from './driver.ts';
import { dropLitter, type Litter } from './litter.ts';
import { payloadWord, writePayload } from './payload.ts';
import { createRandom, hash32, mix32, type Random } from './random.ts';
import { objectBytes } from './room.ts';
import { allocateTable, setTableRef, tableRef } from './table.ts';

/** Elements between two safepoints. */
const STRETCH = 256;
/** Cells that each operation looks for to renew, and how many to look at for one that nothing refers to: one in seven. */
const RENEWED = 4;
const PROBES = 8;
/** Of the references that are stored, one in so many is null. */
const NULLS = 16;
/** How many arrays to look at for one of the same kind. */
const TRIES = 8;

interface State {
  readonly model: ArraysModel;
  readonly reads: number;
  /** The logarithm of the most elements of a slice. */
  readonly logSlice: number;
  readonly replaces: () => boolean;
  readonly random: Random;
  readonly idleRandom: Random;
  readonly litter: Litter;
  readonly salt: number;
  /** How many values have been made up. */
  versions: number;
  sum: number;
}

export default workloadMutator<ArraysData, State>({
  roots: 2,

  build(m, context) {
    const state = initialState(context);
    const { arrays, cells } = state.model;
    allocateTable(m, ARRAYS, arrays);
    allocateTable(m, CELLS, cells);
    for (let cell = 0; cell < cells; cell++) {
      dropLitter(m, state.litter);
      createCell(m, state, cell);
    }
    for (let array = 0; array < arrays; array++) {
      dropLitter(m, state.litter);
      createArray(m, state, array);
    }
    return state;
  },

  operate(m, state) {
    const { model, random } = state;
    for (let read = 0; read < state.reads; read++) {
      const element = random.below(model.elements.length);
      state.sum = mix32(state.sum ^ readElement(m, model, element));
    }
    overwriteSlice(m, state);
    copySlice(m, state);
    for (let i = 0; i < RENEWED; i++) renewCell(m, state);
    if (state.replaces()) replaceArray(m, state, random.below(model.arrays));
  },

  idle: (m, { model, idleRandom }) => void readElement(m, model, idleRandom.below(model.elements.length)),

  checksum(m, state) {
    const { model } = state;
    for (let array = 0; array < model.arrays; array++) visitArray(m, state, array);
    for (let cell = 0; cell < model.cells; cell++) {
      visitCell(m, model, cell);
      m.safepoint();
    }
    return state.sum >>> 0;
  },
});

function initialState({ data, seed, index }: ProgramContext<ArraysData>): State {
  const { live, room } = data;
  const random = createRandom(seed, index, 1);
  const model = createModel(data);
  return {
    ...{ model, random, reads: data.reads },
    logSlice: Math.log(data.slice),
    replaces: random.coin(data.replace),
    idleRandom: createRandom(seed, index, 2),
    litter: {
      stays: random.coin(live),
      budget: room * (1 - live),
      dropOne: (m) => m.bytesOf(allocateLitter(m, model, random.below(data.arrays), data.hasLarge)),
    },
    salt: hash32(seed, index, 0x61727261),
    ...{ versions: 0, sum: 0 },
  };
}

/** An array as large as that one; where large ones have a space of their own a cell in their place. A safepoint. */
function allocateLitter(m: Mutator, model: ArraysModel, array: number, hasLarge: boolean): Ref {
  const isLarge = objectBytes(referencesOf(model, array), dataWordsOf(model, array)) >= LARGE_OBJECT_BYTES;
  return hasLarge && isLarge ? m.allocObject(0, CELL_WORDS) : allocateArray(m, model, array);
}

function allocateArray(m: Mutator, model: ArraysModel, array: number): Ref {
  return m.allocObject(referencesOf(model, array), dataWordsOf(model, array));
}

/** A word that is like no other. */
function makeUp(state: State): number {
  return mix32(state.versions++ ^ state.salt);
}

/** A new cell of that number. A safepoint. */
function createCell(m: Mutator, state: State, cell: number): void {
  const found = m.allocObject(0, CELL_WORDS);
  const tag = makeUp(state);
  state.model.tags[cell] = tag;
  writePayload(m, found, tag);
  setTableRef(m, CELLS, cell, found);
}

/** Puts a new cell in the place of one that nothing refers to, if one is near. A safepoint. */
function renewCell(m: Mutator, state: State): void {
  const { model } = state;
  const { cells, referrers } = model;
  const start = state.random.below(cells);
  for (let probe = 0; probe < PROBES; probe++) {
    const cell = (start + probe) % cells;
    if (referrers[cell] !== 0) continue;
    visitCell(m, model, cell);
    createCell(m, state, cell);
    return;
  }
}

/** A new array of that number, filled. Safepoints. */
function createArray(m: Mutator, state: State, array: number): void {
  const { model, salt } = state;
  const found = allocateArray(m, model, array);
  if (hasReferences(model, array))
    for (let word = 0; word < dataWordsOf(model, array); word++)
      m.setDataAt(found, word, payloadWord(array ^ salt, word));
  setTableRef(m, ARRAYS, array, found);
  overwrite(m, state, beginOf(model, array), endOf(model, array));
}

/** Verifies an array, drops it, and makes another. Safepoints. */
function replaceArray(m: Mutator, state: State, array: number): void {
  visitArray(m, state, array);
  clear(state.model, array);
  setTableRef(m, ARRAYS, array, 0);
  createArray(m, state, array);
}

/** How many elements a slice has: 1 to the most. */
function sliceLength({ random, logSlice }: State): number {
  return Math.floor(Math.exp(random.float() * logSlice));
}

function overwriteSlice(m: Mutator, state: State): void {
  const { model, random } = state;
  const begin = random.below(model.elements.length);
  overwrite(m, state, begin, Math.min(begin + sliceLength(state), endOf(model, arrayOf(model, begin))));
}

/** Stores new values into elements [begin, end) of one array, once it has compared what was there. Safepoints. */
function overwrite(m: Mutator, state: State, begin: number, end: number): void {
  const { model } = state;
  const array = arrayOf(model, begin);
  for (let first = begin; first < end; first += STRETCH) {
    m.safepoint();
    const found = findArray(m, model, array);
    for (let element = first; element < Math.min(end, first + STRETCH); element++) {
      expectElement(m, model, found, array, element);
      const field = fieldOf(model, array, element);
      if (hasReferences(model, array)) {
        const cell = pickCell(state);
        m.setRef(found, field, cell === NONE ? 0 : tableRef(m, CELLS, cell));
        setCell(model, element, cell);
      } else {
        const word = makeUp(state);
        m.store(found, field, word);
        model.elements[element] = word;
      }
    }
  }
}

function pickCell({ model, random }: State): number {
  return random.below(NULLS) === 0 ? NONE : random.below(model.cells);
}

/** Copies a slice into another array of its kind, or to another place of its own. Safepoints. */
function copySlice(m: Mutator, state: State): void {
  const { model, random } = state;
  const from = random.below(model.elements.length);
  const source = arrayOf(model, from);
  let to = random.below(model.elements.length);
  for (let tries = 1; tries < TRIES; tries++) {
    if (hasReferences(model, arrayOf(model, to)) === hasReferences(model, source)) break;
    to = random.below(model.elements.length);
  }
  const target = arrayOf(model, to);
  if (hasReferences(model, target) !== hasReferences(model, source)) return;
  const room = Math.min(endOf(model, source) - from, endOf(model, target) - to);
  const count = Math.min(sliceLength(state), room, source === target ? Math.abs(from - to) : Infinity);
  copy(m, state, from, to, count);
}

/** Copies so many elements; they do not overlap those that they replace. Safepoints. */
function copy(m: Mutator, state: State, from: number, to: number, count: number): void {
  const { model } = state;
  const source = arrayOf(model, from);
  const target = arrayOf(model, to);
  for (let first = 0; first < count; first += STRETCH) {
    m.safepoint();
    const read = findArray(m, model, source);
    const written = findArray(m, model, target);
    for (let i = first; i < Math.min(count, first + STRETCH); i++) {
      const word = expectElement(m, model, read, source, from + i);
      expectElement(m, model, written, target, to + i);
      const field = fieldOf(model, target, to + i);
      const known = model.elements[from + i] as number;
      if (hasReferences(model, target)) {
        m.setRef(written, field, word);
        setCell(model, to + i, known);
      } else {
        m.store(written, field, word);
        model.elements[to + i] = known;
      }
    }
  }
}

/** Verifies all of an array. Safepoints. */
function visitArray(m: Mutator, state: State, array: number): void {
  const { model, salt } = state;
  if (hasReferences(model, array)) {
    const found = findArray(m, model, array);
    for (let word = 0; word < dataWordsOf(model, array); word++)
      expect(m, array, `data word ${word}`, payloadWord(array ^ salt, word), m.dataAt(found, word));
  }
  for (let element = beginOf(model, array); element < endOf(model, array); element++) {
    if ((element - beginOf(model, array)) % STRETCH === 0) m.safepoint();
    state.sum = mix32(state.sum ^ readElement(m, model, element));
  }
}
