/**
 * What the graph of `graph-mutator` should be, in plain memory beside the heap: every slot of every node, by node numbers.
 * Nothing here touches the heap.
 *
 * Nodes stand in complete binary trees of `treeNodes` nodes, numbered tree by tree, from the top down. A node has a *place*:
 * slot 0 or 1 of node n is place 2n or 2n + 1, the top of tree t is place 2·nodes + t. Trees of equal height may change
 * places, so a node's number says how high it stands, and no longer under which top. Beside its place each node has
 * `degree` *edges* to any nodes: edge n·degree + k is slot 2 + k of node n. Edges to one node are a list, so that all can be
 * pointed elsewhere before the node is dropped.
 *
 * It takes 20 bytes a node, and 12 an edge.
 */
import type { Random } from './random.ts';

/** No node, or no edge. */
export const NONE = -1;

export interface GraphModel {
  readonly trees: number;
  /** Levels of each tree. */
  readonly depth: number;
  readonly treeNodes: number;
  readonly nodes: number;
  readonly degree: number;
  /** Which node stands in each place. */
  readonly held: Int32Array;
  /** In which place each node stands. */
  readonly places: Int32Array;
  /** What the first data word of each node holds. No two versions of nodes have the same. */
  readonly tags: Int32Array;
  /** Which node each edge leads to. */
  readonly targets: Int32Array;
  /** The first edge to each node, and the next and the one before it. */
  readonly firstIn: Int32Array;
  readonly nextIn: Int32Array;
  readonly previousIn: Int32Array;
}

/** Nodes of a complete binary tree of so many levels. */
export function treeNodesOf(depth: number): number {
  return 2 ** depth - 1;
}

/** A graph of trees, with no edge yet. */
export function createModel(trees: number, depth: number, degree: number): GraphModel {
  const treeNodes = treeNodesOf(depth);
  const nodes = trees * treeNodes;
  const edges = nodes * degree;
  const model: GraphModel = {
    ...{ trees, depth, treeNodes, nodes, degree },
    held: new Int32Array(2 * nodes + trees).fill(NONE),
    places: new Int32Array(nodes),
    tags: new Int32Array(nodes),
    targets: new Int32Array(edges).fill(NONE),
    firstIn: new Int32Array(nodes).fill(NONE),
    nextIn: new Int32Array(edges).fill(NONE),
    previousIn: new Int32Array(edges).fill(NONE),
  };
  for (let node = 0; node < nodes; node++) setPlace(model, node, firstPlaceOf(model, node));
  return model;
}

function firstPlaceOf({ nodes, treeNodes }: GraphModel, node: number): number {
  const inTree = node % treeNodes;
  const tree = (node - inTree) / treeNodes;
  if (inTree === 0) return 2 * nodes + tree;
  return 2 * (tree * treeNodes + ((inTree - 1) >> 1)) + ((inTree - 1) & 1);
}

function setPlace({ held, places }: GraphModel, node: number, place: number): void {
  held[place] = node;
  places[node] = place;
}

/** Two nodes of one height change places, with all below them. */
export function exchangePlaces(model: GraphModel, one: number, other: number): void {
  const place = model.places[one] as number;
  setPlace(model, one, model.places[other] as number);
  setPlace(model, other, place);
}

/** The node above, or NONE for a top. */
export function parentOf({ places, nodes }: GraphModel, node: number): number {
  const place = places[node] as number;
  return place < 2 * nodes ? place >> 1 : NONE;
}

/** Whether the node stands below the other, or is it. */
export function isWithin(model: GraphModel, node: number, top: number): boolean {
  for (let above = node; above !== NONE; above = parentOf(model, above)) if (above === top) return true;
  return false;
}

/** Writes the node and all below it into `list`, each after its parent, and answers how many they are. */
export function listWithin({ held }: GraphModel, top: number, list: Int32Array): number {
  let count = 0;
  list[count++] = top;
  for (let i = 0; i < count; i++) {
    const left = 2 * (list[i] as number);
    for (let place = left; place <= left + 1; place++)
      if (held[place] !== NONE) list[count++] = held[place] as number;
  }
  return count;
}

/** Points an edge at a node, or at none. */
export function setTarget(model: GraphModel, edge: number, target: number): void {
  const { targets, firstIn, nextIn, previousIn } = model;
  const before = targets[edge] as number;
  if (before !== NONE) {
    const [next, previous] = [nextIn[edge] as number, previousIn[edge] as number];
    if (previous === NONE) firstIn[before] = next;
    else nextIn[previous] = next;
    if (next !== NONE) previousIn[next] = previous;
  }
  targets[edge] = target;
  if (target === NONE) return;
  const first = firstIn[target] as number;
  nextIn[edge] = first;
  previousIn[edge] = NONE;
  if (first !== NONE) previousIn[first] = edge;
  firstIn[target] = edge;
}

/** The node whose edge it is. */
export function sourceOf({ degree }: GraphModel, edge: number): number {
  return Math.floor(edge / degree);
}

/** The node leads nowhere any more. */
export function dropEdges(model: GraphModel, node: number): void {
  const first = node * model.degree;
  for (let edge = first; edge < first + model.degree; edge++) setTarget(model, edge, NONE);
}

/** A random node so many levels above the leaves. */
export function nodeOfHeight(model: GraphModel, height: number, random: Random): number {
  const wide = 2 ** (model.depth - 1 - height);
  return random.below(model.trees) * model.treeNodes + wide - 1 + random.below(wide);
}

/** A random node, near by: of the tree that `node` was built in, or anywhere. */
export function pickTarget(model: GraphModel, node: number, isNear: boolean, random: Random): number {
  if (!isNear) return random.below(model.nodes);
  return node - (node % model.treeNodes) + random.below(model.treeNodes);
}
