/**
 * `random-graph`, the mutator's side. Every live object is in a table and knows its index there, so that a
 * reference can be checked completely: the object says an index, and the table at that index must hold the very
 * object.
 *
 * For the live size to stay the same, nothing may keep a replaced object alive. So only objects that no other
 * refers to are replaced; how many references each has is counted beside the heap, in plain memory.
 */
import type { Mutator } from '../../heap/mutator.ts';
import { GRANULE_BYTES, type Ref } from '../../heap/object.ts';
import { type ProgramContext, workloadMutator } from './driver.ts';
import { dropLitter, type Litter } from './litter.ts';
import { mismatch, payloadMismatch, writePayload, wrongWord } from './payload.ts';
import { createRandom, mix32, type Random } from './random.ts';
import { type RandomGraphData, saltOf } from './random-graph.ts';
import { buildLarge, type Graph, replaceLarge, visitLarge } from './random-graph-large.ts';
import { dataWordsOf, granulesOf, isNonMoving, referencesOf, type Salt } from './random-graph-object.ts';
import { allocateTable, setTableRef, tableRef } from './table.ts';

const TABLE = 0;
const LARGE = 1;
const STEPS = 4;
/** How many neighbours in the table to look at for an object that nothing refers to. About 22 % are such. */
const PROBES = 16;

interface State {
  readonly objects: number;
  readonly salt: Salt;
  readonly nonMoving: number;
  readonly random: Random;
  readonly idleRandom: Random;
  readonly litter: Litter;
  /** How many references from objects there are to each object. */
  readonly referrers: Uint16Array;
  /** Large arrays, and after how many operations one is replaced. */
  readonly large: number;
  readonly largeEvery: number;
  sum: number;
}

export default workloadMutator<RandomGraphData, State>({
  roots: 2,

  build(m, context) {
    const state = initialState(context);
    allocateTable(m, TABLE, state.objects);
    for (let index = 0; index < state.objects; index++) {
      dropLitter(m, state.litter);
      setTableRef(m, TABLE, index, create(m, state, index));
      m.safepoint();
    }
    for (let index = 0; index < state.objects; index++) {
      connect(m, state, index);
      m.safepoint();
    }
    if (state.large > 0) buildLarge(m, graphOf(state));
    state.litter.budget = Infinity;
    return state;
  },

  operate(m, state, operation) {
    state.sum = mix32(state.sum ^ walk(m, state, state.random));
    repoint(m, state);
    dropLitter(m, state.litter);
    replace(m, state);
    if (state.large > 0 && operation % state.largeEvery === 0) {
      const index = (operation / state.largeEvery) % state.large;
      state.sum = mix32(state.sum ^ replaceLarge(m, graphOf(state), index));
    }
  },

  idle: (m, state) => void walk(m, state, state.idleRandom),

  checksum(m, state) {
    for (let index = 0; index < state.objects; index++) {
      state.sum = mix32(state.sum ^ visit(m, state, tableRef(m, TABLE, index)));
      m.safepoint();
    }
    for (let index = 0; index < state.large; index++) {
      state.sum = mix32(state.sum ^ visitLarge(m, graphOf(state), index, false));
      m.safepoint();
    }
    return state.sum >>> 0;
  },
});

function initialState({ data, seed, index }: ProgramContext<RandomGraphData>): State {
  const { objects, live, room, nonMoving, large, largeEvery } = data;
  const salt = saltOf(seed, index);
  const random = createRandom(seed, index, 1);
  const budget = room * (1 - live);
  return {
    objects,
    salt,
    nonMoving,
    random,
    idleRandom: createRandom(seed, index, 2),
    litter: {
      stays: random.coin(live),
      budget,
      dropOne: (m) => m.bytesOf(create(m, { salt, nonMoving }, random.below(objects))),
    },
    referrers: new Uint16Array(objects),
    ...{ large, largeEvery },
    sum: 0,
  };
}

/** The graph, as its large arrays see it. */
function graphOf(state: State): Graph {
  return {
    ...{ root: LARGE, count: state.large, salt: state.salt },
    referTo(m) {
      const target = state.random.below(state.objects);
      count(state, target, 1);
      return tableRef(m, TABLE, target);
    },
    visit(m, object, drops) {
      const index = visit(m, state, object);
      if (drops) count(state, index, -1);
      return index;
    },
  };
}

/** A new object for that index, its references null. A safepoint. */
function create(m: Mutator, { salt, nonMoving }: Pick<State, 'salt' | 'nonMoving'>, index: number): Ref {
  const alloc = isNonMoving(salt, index, nonMoving) ? m.allocObjectNonMoving : m.allocObject;
  const object = alloc(referencesOf(salt, index), dataWordsOf(salt, index));
  writePayload(m, object, index ^ salt);
  return object;
}

/** Points every reference of the object in the table at a random object. */
function connect(m: Mutator, state: State, index: number): void {
  const references = referencesOf(state.salt, index);
  for (let slot = 0; slot < references; slot++) point(m, state, index, slot);
}

function point(m: Mutator, state: State, index: number, slot: number): void {
  const target = state.random.below(state.objects);
  count(state, target, 1);
  m.setRefAt(tableRef(m, TABLE, index), slot, tableRef(m, TABLE, target));
}

function count({ referrers }: State, index: number, change: number): void {
  referrers[index] = (referrers[index] as number) + change;
}

/** Points a random reference of a random object elsewhere. */
function repoint(m: Mutator, state: State): void {
  const index = state.random.below(state.objects);
  const references = referencesOf(state.salt, index);
  if (references === 0) return;
  const slot = state.random.below(references);
  count(state, indexOf(m, state, m.refAt(tableRef(m, TABLE, index), slot)), -1);
  point(m, state, index, slot);
}

/** Replaces an object that only the table refers to by a new one with other references. A safepoint. */
function replace(m: Mutator, state: State): void {
  const index = findUnreferenced(state);
  if (index < 0) return;
  const fresh = create(m, state, index);
  const old = tableRef(m, TABLE, index);
  visit(m, state, old);
  const references = referencesOf(state.salt, index);
  for (let slot = 0; slot < references; slot++) count(state, indexOf(m, state, m.refAt(old, slot)), -1);
  setTableRef(m, TABLE, index, fresh);
  connect(m, state, index);
}

/** The index of an object that no object refers to, or −1 if none is near. */
function findUnreferenced({ referrers, objects, random }: State): number {
  const start = random.below(objects);
  for (let probe = 0; probe < PROBES; probe++) {
    const index = (start + probe) % objects;
    if (referrers[index] === 0) return index;
  }
  return -1;
}

/** Follows references from a random object and verifies each on the way. */
function walk(m: Mutator, state: State, random: Random): number {
  let object = tableRef(m, TABLE, random.below(state.objects));
  let sum = 0;
  for (let step = 0; step < STEPS; step++) {
    const index = visit(m, state, object);
    sum = mix32(sum + index);
    const references = referencesOf(state.salt, index);
    object =
      references === 0
        ? tableRef(m, TABLE, random.below(state.objects))
        : m.refAt(object, random.below(references));
  }
  return sum;
}

/** The index that an object says it has. */
function indexOf(m: Mutator, { objects, salt }: State, object: Ref): number {
  const index = object === 0 ? objects : (m.dataAt(object, 0) ^ salt) >>> 0;
  if (index < objects) return index;
  throw mismatch(
    m,
    `random-graph object at reference ${object}`,
    'its index, or the last one,',
    objects - 1,
    index,
  );
}

/** Verifies an object: its place in the table, its size and references, and every data word. Answers its index. */
function visit(m: Mutator, state: State, object: Ref): number {
  const { salt } = state;
  const index = indexOf(m, state, object);
  expect(m, index, 'a reference to it', tableRef(m, TABLE, index), object);
  expect(m, index, 'its number of references', referencesOf(salt, index), m.referencesOf(object));
  expect(m, index, 'its size in bytes', granulesOf(salt, index) * GRANULE_BYTES, m.bytesOf(object));
  const wrong = wrongWord(m, object, index ^ salt);
  if (wrong >= 0) throw payloadMismatch(m, object, index ^ salt, wrong, nameOf(index));
  return index;
}

function expect(m: Mutator, index: number, what: string, expected: number, found: number): void {
  if (expected !== found) throw mismatch(m, nameOf(index), what, expected, found);
}

function nameOf(index: number): string {
  return `random-graph object ${index}`;
}
