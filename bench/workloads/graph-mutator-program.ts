/** `graph-mutator`, the mutator's side. */
import type { Mutator } from '../../heap/mutator.ts';
import { RECORD_HEADER_WORDS, type Ref } from '../../heap/object.ts';
import { type ProgramContext, workloadMutator } from './driver.ts';
import { DATA_WORDS, type GraphMutatorData, nodeBytesOf, TREE_SLOTS } from './graph-mutator.ts';
import {
  childOf,
  createModel,
  dropEdges,
  exchangePlaces,
  type GraphModel,
  isWithin,
  listWithin,
  NONE,
  nodeOfHeight,
  nodeOfTag,
  parentOf,
  pickTarget,
  setTag,
  setTarget,
  slotOf,
  sourceOf,
  tagOf,
} from './graph-mutator-model.ts';
import { dropLitter, type Litter } from './litter.ts';
import { mismatch, type PayloadError, payloadMismatch, writePayload, wrongWord } from './payload.ts';
import { createRandom, hash32, mix32, type Random } from './random.ts';
import { allocateTable, setTableRef, tableRef } from './table.ts';

/** Root slot of the table of tops. */
const TOPS = 0;

interface State {
  readonly model: GraphModel;
  /** Edges that an operation points elsewhere, and bytes that it allocates and drops. */
  readonly stores: number;
  readonly garbage: number;
  /** Coins that decide what is done next. */
  readonly isNear: () => boolean;
  readonly detaches: () => boolean;
  readonly reattaches: () => boolean;
  readonly nodeBytes: number;
  /** The field of a node's tag. */
  readonly tag: number;
  readonly random: Random;
  readonly idleRandom: Random;
  readonly litter: Litter;
  /** The nodes of a subtree that is being replaced. */
  readonly listed: Int32Array;
  readonly salt: number;
  /** How many tags there have been. */
  versions: number;
  sum: number;
}

export default workloadMutator<GraphMutatorData, State>({
  roots: 1,

  build(m, context) {
    const state = initialState(context);
    const { model } = state;
    allocateTable(m, TOPS, model.trees);
    for (let tree = 0; tree < model.trees; tree++) {
      setTableRef(m, TOPS, tree, grow(m, state, tree * model.treeNodes));
      m.safepoint();
    }
    for (let node = 0; node < model.nodes; node++) rewrite(m, state, node, model.degree);
    state.litter.budget = 0;
    return state;
  },

  operate(m, state) {
    const { nodes, degree } = state.model;
    let node = state.random.below(nodes);
    for (let left = state.stores; left > 0; left -= degree) {
      rewrite(m, state, node, Math.min(left, degree));
      node = node + 1 < nodes ? node + 1 : 0;
    }
    if (state.detaches()) replaceSubtree(m, state);
    if (state.reattaches()) exchangeSubtrees(m, state);
    for (let bytes = 0; bytes < state.garbage; bytes += state.nodeBytes) allocate(m, state.model);
  },

  idle: (m, state) => visit(m, state, state.idleRandom.below(state.model.nodes)),

  checksum(m, state) {
    for (let node = 0; node < state.model.nodes; node++) {
      visit(m, state, node);
      state.sum = mix32(state.sum ^ m.load(reach(m, state, node), state.tag));
      m.safepoint();
    }
    return state.sum >>> 0;
  },
});

function initialState({ data, seed, index }: ProgramContext<GraphMutatorData>): State {
  const { live, room, degree } = data;
  const random = createRandom(seed, index, 1);
  const model = createModel(data.trees, data.depth, degree);
  return {
    ...{ model, random, stores: data.stores, garbage: data.garbage },
    isNear: random.coin(data.locality),
    detaches: random.coin(data.detach),
    reattaches: random.coin(data.reattach),
    nodeBytes: nodeBytesOf(degree),
    tag: RECORD_HEADER_WORDS + TREE_SLOTS + degree,
    idleRandom: createRandom(seed, index, 2),
    litter: {
      stays: random.coin(live),
      budget: room * (1 - live),
      dropOne: (m) => m.bytesOf(allocate(m, model)),
    },
    listed: new Int32Array(model.treeNodes),
    salt: hash32(seed, index, 0x67726170),
    ...{ versions: 0, sum: 0 },
  };
}

/** A new node, its references null, which is no node of the model. A safepoint. */
function allocate(m: Mutator, { degree }: GraphModel): Ref {
  return m.allocObject(TREE_SLOTS + degree, DATA_WORDS);
}

/** New nodes for that one and all below it, without edges: the topmost of them. Safepoints. */
function grow(m: Mutator, state: State, node: number): Ref {
  const left = childOf(state.model, node, 0);
  const right = childOf(state.model, node, 1);
  if (left !== NONE) m.push(grow(m, state, left));
  if (right !== NONE) m.push(grow(m, state, right));
  dropLitter(m, state.litter);
  const top = allocate(m, state.model);
  if (right !== NONE) m.setRef(top, RECORD_HEADER_WORDS + 1, m.pop());
  if (left !== NONE) m.setRef(top, RECORD_HEADER_WORDS, m.pop());
  retag(m, state, top, node);
  return top;
}

/** Notes in the node, and in the model, that it has changed. */
function retag(m: Mutator, state: State, found: Ref, node: number): void {
  const tag = mix32(state.versions++ ^ state.salt);
  setTag(state.model, node, tag);
  writePayload(m, found, tag);
}

/** The node, found from its tree's top, each on the way compared to the model. */
function reach(m: Mutator, state: State, node: number): Ref {
  const { model } = state;
  const parent = parentOf(model, node);
  const slot = slotOf(model, node);
  if (parent !== NONE) return expectSlot(m, state, reach(m, state, parent), parent, slot);
  const top = tableRef(m, TOPS, slot);
  if (isNode(m, state, top, node)) return top;
  throw mistaken(m, state, top, node, `top of tree ${slot}`);
}

/** What that slot of node `owner`, found at `from`, refers to: what the model says. */
function expectSlot(m: Mutator, state: State, from: Ref, owner: number, slot: number): Ref {
  const found = m.ref(from, RECORD_HEADER_WORDS + slot);
  const node = referredTo(state.model, owner, slot);
  if (isNode(m, state, found, node)) return found;
  throw mistaken(m, state, found, node, `node ${owner}, reference ${slot}`);
}

/** The node that this slot should refer to, or NONE. */
function referredTo(model: GraphModel, owner: number, slot: number): number {
  if (slot < TREE_SLOTS) return childOf(model, owner, slot);
  return model.targets[owner * model.degree + slot - TREE_SLOTS] as number;
}

/** By its tag alone: that no other node has it is enough, where it is looked for all the time. */
function isNode(m: Mutator, { model, tag }: State, found: Ref, node: number): boolean {
  if (node === NONE || found === 0) return node === NONE && found === 0;
  return m.load(found, tag) === tagOf(model, node);
}

/** Which node was found where another should be: −1 is null, and the number of all nodes what is none of them. */
function mistaken(m: Mutator, state: State, found: Ref, node: number, where: string): PayloadError {
  const { model, nodeBytes } = state;
  const name = `graph-mutator ${where}`;
  if (found === 0) return mismatch(m, name, 'the node it refers to', node, NONE);
  const isOne = m.bytesOf(found) === nodeBytes;
  const which = isOne ? nodeOfTag(model, m.load(found, state.tag)) : NONE;
  if (isOne && which === NONE && node !== NONE)
    return payloadMismatch(m, found, tagOf(model, node), 0, `${name}, node ${node}`);
  return mismatch(m, name, 'the node it refers to', node, which === NONE ? model.nodes : which);
}

/** Points so many edges of the node, from its first on, at random nodes. A safepoint. */
function rewrite(m: Mutator, state: State, node: number, count: number): void {
  const { model, random } = state;
  const found = reach(m, state, node);
  for (let edge = node * model.degree; edge < node * model.degree + count; edge++)
    point(m, state, found, edge, pickTarget(model, node, state.isNear(), random));
  retag(m, state, found, node);
  m.safepoint();
}

/** Points an edge of the node found at `from` at a node, and checks where it led. No safepoint. */
function point(m: Mutator, state: State, from: Ref, edge: number, target: number): void {
  const { model } = state;
  const source = sourceOf(model, edge);
  const slot = TREE_SLOTS + edge - source * model.degree;
  const before = expectSlot(m, state, from, source, slot);
  if (before !== 0) state.sum = mix32(state.sum ^ m.load(before, state.tag));
  m.setRef(from, RECORD_HEADER_WORDS + slot, reach(m, state, target));
  setTarget(model, edge, target);
}

/** Puts a node, or null, into the place where the model has that node. No safepoint. */
function put(m: Mutator, state: State, node: number, value: Ref): void {
  const parent = parentOf(state.model, node);
  const slot = slotOf(state.model, node);
  if (parent === NONE) {
    setTableRef(m, TOPS, slot, value);
    return;
  }
  const found = reach(m, state, parent);
  m.setRef(found, RECORD_HEADER_WORDS + slot, value);
  retag(m, state, found, parent);
}

/** Drops a subtree, of any height with the same probability, and grows another in its place. Safepoints. */
function replaceSubtree(m: Mutator, state: State): void {
  const { model, listed, random } = state;
  const { depth } = model;
  const top = nodeOfHeight(model, depth === 1 ? 0 : 1 + random.below(depth - 1), random);
  const count = listWithin(model, top, listed);
  for (let i = 0; i < count; i++) {
    visit(m, state, listed[i] as number);
    turnAway(m, state, listed[i] as number, top);
  }
  for (let i = 0; i < count; i++) dropEdges(model, listed[i] as number);
  put(m, state, top, grow(m, state, top));
  for (let i = 0; i < count; i++) rewrite(m, state, listed[i] as number, model.degree);
}

/** Points all edges from elsewhere to the node, which stands below `top`, at nodes that do not. Safepoints. */
function turnAway(m: Mutator, state: State, node: number, top: number): void {
  const { model, random } = state;
  for (let edge = model.firstIn[node] as number; edge !== NONE; ) {
    const next = model.nextIn[edge] as number;
    const source = sourceOf(model, edge);
    if (!isWithin(model, source, top)) {
      // The source itself is one that it may find.
      let target = pickTarget(model, source, state.isNear(), random);
      while (isWithin(model, target, top)) target = pickTarget(model, source, state.isNear(), random);
      const found = reach(m, state, source);
      point(m, state, found, edge, target);
      retag(m, state, found, source);
    }
    edge = next;
    m.safepoint();
  }
}

/** Two subtrees of one height change places; one is held by the stack alone meanwhile. Safepoints. */
function exchangeSubtrees(m: Mutator, state: State): void {
  const { model, random } = state;
  const height = random.below(model.depth);
  const one = nodeOfHeight(model, height, random);
  const other = nodeOfHeight(model, height, random);
  if (one === other) return;
  m.push(reach(m, state, one));
  put(m, state, one, 0);
  m.safepoint();
  put(m, state, one, reach(m, state, other));
  put(m, state, other, m.pop());
  exchangePlaces(model, one, other);
}

/** Verifies a node: its data words, its size, and all its references. */
function visit(m: Mutator, state: State, node: number): void {
  const { model } = state;
  const slots = TREE_SLOTS + model.degree;
  const found = reach(m, state, node);
  const references = m.referencesOf(found);
  if (references !== slots) throw mismatch(m, nameOf(node), 'its number of references', slots, references);
  const bytes = m.bytesOf(found);
  if (bytes !== state.nodeBytes) throw mismatch(m, nameOf(node), 'its size in bytes', state.nodeBytes, bytes);
  const tag = tagOf(model, node);
  const wrong = wrongWord(m, found, tag);
  if (wrong >= 0) throw payloadMismatch(m, found, tag, wrong, nameOf(node));
  for (let slot = 0; slot < slots; slot++) expectSlot(m, state, found, node, slot);
}

function nameOf(node: number): string {
  return `graph-mutator node ${node}`;
}
