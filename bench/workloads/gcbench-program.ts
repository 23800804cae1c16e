/** `gcbench`, the mutator's side. */
import type { Mutator } from '../../heap/mutator.ts';
import { workloadMutator } from './driver.ts';
import { depthsOf, type GcbenchData, operationsInPass, operationsPerWay, treesOfDepth } from './gcbench.ts';
import { checkPath, checkTree, makeNode, makeTree, populate, ROOT } from './gcbench-tree.ts';
import { mismatch } from './payload.ts';
import { createRandom, mix32, type Random } from './random.ts';

const LONG_LIVED = 0;
const ARRAY = 1;
/** Array elements between two safepoints. */
const STRETCH_OF_ARRAY = 256;

interface State extends GcbenchData {
  readonly idleRandom: Random;
  /** Takes part in the checksum: which paths are checked. */
  readonly salt: number;
  sum: number;
}

export default workloadMutator<GcbenchData, State>({
  roots: 2,

  build(m, { data, seed, index }) {
    makeTree(m, data.stretch, ROOT);
    m.setRoot(LONG_LIVED, makeNode(m, data.longLived, ROOT));
    populate(m, m.push(m.root(LONG_LIVED)));
    m.pop();
    const array = m.allocObject(0, 2 * data.array);
    m.setRoot(ARRAY, array);
    fillArray(m, data);
    const random = createRandom(seed, index, 1);
    return { ...data, idleRandom: createRandom(seed, index, 2), salt: random.next(), sum: 0 };
  },

  operate(m, state, operation) {
    const { depth, topDown, first, end } = treesOfOperation(state, operation);
    for (let tree = first; tree < end; tree++) {
      const choices = mix32(tree ^ state.salt);
      const leaf = topDown
        ? checkTopDown(m, depth, choices)
        : checkPath(m, makeTree(m, depth, ROOT), depth, choices);
      state.sum = mix32(state.sum + leaf);
    }
  },

  idle(m, { idleRandom, longLived, array }) {
    checkPath(m, m.root(LONG_LIVED), longLived, idleRandom.next());
    if (array > 0) checkElement(m, idleRandom.below(array), array);
  },

  checksum(m, state) {
    const nodes = checkTree(m, m.push(m.root(LONG_LIVED)), state.longLived, ROOT);
    m.pop();
    for (let i = 0; i < state.array; i++) {
      if (i % STRETCH_OF_ARRAY === 0) m.safepoint();
      checkElement(m, i, state.array);
    }
    return mix32(state.sum + nodes) >>> 0;
  },
});

/** Which trees an operation builds: its share of the trees of one depth, in one way. */
function treesOfOperation(data: GcbenchData, operation: number) {
  const perWay = operationsPerWay(data);
  const position = operation % operationsInPass(data);
  const depth = depthsOf(data)[Math.floor(position / (2 * perWay))] as number;
  const share = position % perWay;
  const trees = treesOfDepth(data, depth);
  return {
    depth,
    topDown: position % (2 * perWay) < perWay,
    first: Math.floor((trees * share) / perWay),
    end: Math.floor((trees * (share + 1)) / perWay),
  };
}

/** Builds a tree parents first, and checks a path. */
function checkTopDown(m: Mutator, depth: number, choices: number): number {
  const top = m.push(makeNode(m, depth, ROOT));
  populate(m, top);
  return checkPath(m, m.pop(), depth, choices);
}

// A double takes two data words.
const double = new Float64Array(1);
const halves = new Int32Array(double.buffer);

/** Half of the array holds 1/i, the rest 0. Element 0 is Infinity, as in the original. */
function elementOf(i: number, length: number): number {
  return i < Math.floor(length / 2) ? 1 / i : 0;
}

function fillArray(m: Mutator, { array: length }: GcbenchData): void {
  for (let i = 0; i < Math.floor(length / 2); i++) {
    if (i % STRETCH_OF_ARRAY === 0) m.safepoint();
    double[0] = elementOf(i, length);
    m.setDataAt(m.root(ARRAY), 2 * i, halves[0] as number);
    m.setDataAt(m.root(ARRAY), 2 * i + 1, halves[1] as number);
  }
}

function checkElement(m: Mutator, i: number, length: number): void {
  halves[0] = m.dataAt(m.root(ARRAY), 2 * i);
  halves[1] = m.dataAt(m.root(ARRAY), 2 * i + 1);
  const expected = elementOf(i, length);
  const found = double[0] as number;
  if (found !== expected) throw mismatch(m, `gcbench array element ${i}`, 'its value', expected, found);
}
