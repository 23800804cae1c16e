/**
 * What the graph of `graph-mutator` should be, in plain memory beside the heap: every slot of every node, by node numbers.
 * Nothing here touches the heap.
 *
 * Nodes stand in complete binary trees of `treeNodes` nodes, numbered tree by tree, from the top down. A node stands in a
 * *place*: one of the two slots of its parent, or a tree's top. Subtrees of one height may change places, so a node's number
 * says how high it stands, and no longer under which top. Beside its children each node has `degree` *edges* to any nodes:
 * edge n·degree + k is slot 2 + k of node n. Edges to one node are a list, so that all can be pointed elsewhere before the
 * node is dropped.
 *
 * It takes 20 bytes a node, and 12 an edge.
 */
import type { Random } from './random.ts';

/** No node, or no edge. */
export const NONE = -1;

// Words of a node in `records`: its two children, its place, its tag. A place is the index of the word that holds the node.
const RECORD_WORDS = 4;
const PLACE = 2;
const TAG = 3;

export interface GraphModel {
  readonly trees: number;
  /** Levels of each tree. */
  readonly depth: number;
  readonly treeNodes: number;
  readonly nodes: number;
  readonly degree: number;
  /** Four words a node, which are looked at together, and behind them the tops of the trees. */
  readonly records: Int32Array;
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
    records: new Int32Array(RECORD_WORDS * nodes + trees).fill(NONE),
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
  if (inTree === 0) return RECORD_WORDS * nodes + tree;
  return RECORD_WORDS * (tree * treeNodes + ((inTree - 1) >> 1)) + ((inTree - 1) & 1);
}

function setPlace({ records }: GraphModel, node: number, place: number): void {
  records[place] = node;
  records[RECORD_WORDS * node + PLACE] = place;
}

function placeOf({ records }: GraphModel, node: number): number {
  return records[RECORD_WORDS * node + PLACE] as number;
}

/** The node above, or NONE for a top. */
export function parentOf(model: GraphModel, node: number): number {
  const parent = Math.floor(placeOf(model, node) / RECORD_WORDS);
  return parent < model.nodes ? parent : NONE;
}

/** In which slot of its parent the node stands, or as the top of which tree. */
export function slotOf(model: GraphModel, node: number): number {
  const place = placeOf(model, node);
  const tops = RECORD_WORDS * model.nodes;
  return place < tops ? place % RECORD_WORDS : place - tops;
}

/** The node in the first slot of a node, or in the second: NONE for a leaf. */
export function childOf({ records }: GraphModel, node: number, slot: number): number {
  return records[RECORD_WORDS * node + slot] as number;
}

/** What the first data word of the node holds. No two versions of nodes have the same. */
export function tagOf({ records }: GraphModel, node: number): number {
  return records[RECORD_WORDS * node + TAG] as number;
}

export function setTag({ records }: GraphModel, node: number, tag: number): void {
  records[RECORD_WORDS * node + TAG] = tag;
}

/** The node whose tag that is, or NONE. Looks at all of them. */
export function nodeOfTag(model: GraphModel, tag: number): number {
  for (let node = 0; node < model.nodes; node++) if (tagOf(model, node) === tag) return node;
  return NONE;
}

/** Two nodes of one height change places, with all below them. */
export function exchangePlaces(model: GraphModel, one: number, other: number): void {
  const place = placeOf(model, one);
  setPlace(model, one, placeOf(model, other));
  setPlace(model, other, place);
}

/** Whether the node stands below the other, or is it. */
export function isWithin(model: GraphModel, node: number, top: number): boolean {
  for (let above = node; above !== NONE; above = parentOf(model, above)) if (above === top) return true;
  return false;
}

/** Writes the node and all below it into `list`, each after its parent, and answers how many they are. */
export function listWithin(model: GraphModel, top: number, list: Int32Array): number {
  let count = 0;
  list[count++] = top;
  for (let i = 0; i < count; i++) {
    for (let slot = 0; slot <= 1; slot++) {
      const child = childOf(model, list[i] as number, slot);
      if (child !== NONE) list[count++] = child;
    }
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
