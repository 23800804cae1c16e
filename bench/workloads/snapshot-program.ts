/**
 * `snapshot`, the mutator's side. What keeps the graph alive is a table of *anchors*: the root of each copy, and
 * shared nodes all over it, where walks begin.
 */
import type { Mutator } from '../../heap/mutator.ts';
import type { Ref } from '../../heap/object.ts';
import { type ProgramContext, workloadMutator } from './driver.ts';
import { dropLitter, type Litter } from './litter.ts';
import { mismatch } from './payload.ts';
import { createRandom, hash32, mix32, type Random } from './random.ts';
import { MOST_CHURNED_GRANULES, type SnapshotData } from './snapshot-data.ts';
import {
  dataWordsOf,
  firstReferenceField,
  OUTSIDE,
  referencesOf,
  type SnapshotGraph,
} from './snapshot-graph.ts';
import { checkNode, checkWholeNode, createNode, type Model, nameOf } from './snapshot-object.ts';
import {
  createRedirections,
  type Edge,
  isRedirected,
  leadAllBack,
  type Redirections,
  redirect,
  targetOf,
} from './snapshot-redirect.ts';
import { pushRenewed } from './snapshot-renew.ts';
import { allocateTable, setTableRef, tableRef } from './table.ts';

const ANCHORS = 0;
/** A table of all nodes of a copy, while that is built or checked. */
const ALL = 1;
const ROOTS = 3; // and REDIRECTED
const STEPS = 6;
/** Edges between two safepoints. */
const STRETCH = 32;

interface State extends Model {
  readonly graph: SnapshotGraph;
  readonly copies: number;
  readonly random: Random;
  readonly idleRandom: Random;
  readonly litter: Litter;
  readonly redirections: Redirections;
  sum: number;
}

/** Where a walk has ended: the last edge, and the objects at both ends of it. Good until the next safepoint. */
interface Arrival {
  readonly edge: Edge;
  readonly owner: Ref;
  readonly object: Ref;
}

export default workloadMutator<SnapshotData, State>({
  roots: ROOTS,

  build(m, context) {
    const state = initialState(m, context);
    allocateTable(m, ANCHORS, state.copies * state.graph.anchors.length);
    for (let copy = 0; copy < state.copies; copy++) buildCopy(m, state, copy);
    state.litter.budget = Infinity;
    return state;
  },

  operate(m, state, operation) {
    const arrival = walk(m, state, state.random, (node) => {
      state.sum = mix32(state.sum + node);
    });
    if (arrival && !isRedirected(state.redirections, arrival.edge)) {
      if (operation % 2 === 0) redirectToAnchor(m, state, arrival);
      else renew(m, state, arrival);
    }
    dropLitter(m, state.litter);
  },

  idle: (m, state) => void walk(m, state, state.idleRandom, () => {}),

  checksum(m, state) {
    leadAllBack(m, state.redirections);
    for (let copy = 0; copy < state.copies; copy++) checkCopy(m, state, copy);
    return state.sum >>> 0;
  },
});

function initialState(m: Mutator, { data, seed, index }: ProgramContext<SnapshotData>): State {
  const { graph, copies, live, room } = data;
  const random = createRandom(seed, index, 1);
  const model = { graph, salt: hash32(seed, index, 0x736e6170) };
  return {
    ...model,
    copies,
    random,
    idleRandom: createRandom(seed, index, 2),
    litter: {
      stays: random.coin(live),
      budget: Math.min(room * (1 - live), room - copies * graph.bytes),
      dropOne,
    },
    redirections: createRedirections(m, graph),
    sum: 0,
  };

  /** An object of a real size; a small one if that is large. */
  function dropOne(mutator: Mutator): number {
    const node = random.below(graph.nodes);
    const large = (graph.granules[node] as number) > MOST_CHURNED_GRANULES;
    return mutator.bytesOf(large ? mutator.allocObject(0, 1) : createNode(mutator, model, 0, node));
  }
}

/** All nodes of a copy, then all edges, by way of a table that is dropped at the end. */
function buildCopy(m: Mutator, state: State, copy: number): void {
  const { graph, litter } = state;
  allocateTable(m, ALL, graph.nodes);
  for (let node = 0; node < graph.nodes; node++) {
    dropLitter(m, litter);
    setTableRef(m, ALL, node, createNode(m, state, copy, node));
    m.safepoint();
  }
  for (let node = 0; node < graph.nodes; node++) connect(m, graph, node);
  graph.anchors.forEach((node, i) => {
    setTableRef(m, ANCHORS, copy * graph.anchors.length + i, tableRef(m, ALL, node));
  });
  m.setRoot(ALL, 0);
}

function connect(m: Mutator, graph: SnapshotGraph, node: number): void {
  const first = firstReferenceField(graph, node);
  const references = referencesOf(graph, node);
  for (let slot = 0; slot < references; slot++) {
    if (slot % STRETCH === 0) m.safepoint();
    const target = graph.targets[(graph.firstEdge[node] as number) + slot] as number;
    if (target !== OUTSIDE) m.setRef(tableRef(m, ALL, node), first + slot, tableRef(m, ALL, target));
  }
}

/** Follows edges from a random anchor, checks each node and tells `visit`. Answers the last edge, if there was one. */
function walk(m: Mutator, state: State, random: Random, visit: (node: number) => void): Arrival | undefined {
  const { graph, copies } = state;
  const start = random.below(copies * graph.anchors.length);
  const copy = Math.floor(start / graph.anchors.length);
  let node = graph.anchors[start % graph.anchors.length] as number;
  let object = tableRef(m, ANCHORS, start);
  let arrival: Arrival | undefined;
  for (let step = 0; ; step++) {
    checkNode(m, state, { copy, node, object }, random.below(dataWordsOf(graph, node)));
    visit(node);
    const references = referencesOf(graph, node);
    if (references === 0 || step === STEPS) return arrival;
    const edge = { copy, node, edge: (graph.firstEdge[node] as number) + random.below(references) };
    const owner = object;
    object = follow(m, graph, edge, owner);
    node = targetOf(state.redirections, edge);
    if (node === OUTSIDE) return checkNull(m, edge, object);
    arrival = { edge, owner, object };
  }
}

function follow(m: Mutator, graph: SnapshotGraph, { node, edge }: Edge, owner: Ref): Ref {
  return m.ref(owner, firstReferenceField(graph, node) + edge - (graph.firstEdge[node] as number));
}

/** An edge that leaves the selection is a null reference, and ends a walk. */
function checkNull(m: Mutator, { copy, node, edge }: Edge, found: Ref): undefined {
  if (found !== 0) throw mismatch(m, nameOf(copy, node), `the target of edge ${edge}`, 0, found);
}

function redirectToAnchor(m: Mutator, state: State, { edge, owner }: Arrival): void {
  const { anchors } = state.graph;
  const anchor = state.random.below(anchors.length);
  const object = tableRef(m, ANCHORS, edge.copy * anchors.length + anchor);
  redirect(m, state.redirections, { edge, owner }, { node: anchors[anchor] as number, object });
}

/** Replaces the node at the end of an edge by a copy, if that edge is the only one that leads to it. */
function renew(m: Mutator, state: State, { edge, owner, object }: Arrival): void {
  const { graph, redirections } = state;
  const ownerAt = m.push(owner);
  const position = m.push(object);
  const node = graph.targets[edge.edge] as number;
  if (pushRenewed(m, redirections, { copy: edge.copy, node, position })) {
    const field = firstReferenceField(graph, edge.node) + edge.edge - (graph.firstEdge[edge.node] as number);
    m.setRef(m.peek(ownerAt), field, m.pop());
  }
  m.pop();
  m.pop();
}

/** Checks the whole copy: it must be the graph, node for node and edge for edge. */
function checkCopy(m: Mutator, state: State, copy: number): void {
  const { graph } = state;
  allocateTable(m, ALL, graph.nodes);
  setTableRef(m, ALL, 0, tableRef(m, ANCHORS, copy * graph.anchors.length));
  const queue = new Uint32Array(graph.nodes);
  let found = 1;
  for (let next = 0; next < found; next++) {
    const node = queue[next] as number;
    checkWholeNode(m, state, copy, node, m.push(tableRef(m, ALL, node)));
    m.pop();
    const references = referencesOf(graph, node);
    for (let slot = 0; slot < references; slot++) {
      if (slot % STRETCH === 0) m.safepoint();
      const target = checkEdge(m, state, { copy, node, edge: (graph.firstEdge[node] as number) + slot });
      if (target !== OUTSIDE) queue[found++] = target;
    }
  }
  if (found !== graph.nodes) throw mismatch(m, `snapshot copy ${copy}`, 'its nodes', graph.nodes, found);
  m.setRoot(ALL, 0);
}

/** Checks where an edge leads, and enters its target into the table. Answers a node that was not there before. */
function checkEdge(m: Mutator, { graph }: State, edge: Edge): number {
  const target = graph.targets[edge.edge] as number;
  const object = follow(m, graph, edge, tableRef(m, ALL, edge.node));
  const expected = target === OUTSIDE ? 0 : tableRef(m, ALL, target);
  if (expected === object) return OUTSIDE;
  if (expected !== 0 || target === OUTSIDE) {
    throw mismatch(m, nameOf(edge.copy, edge.node), `the target of edge ${edge.edge}`, expected, object);
  }
  setTableRef(m, ALL, target, object);
  return target;
}
