/**
 * The part of a heap graph that mutators rebuild, laid out for them in shared memory: connected, numbered from its
 * root (0) in the order of the snapshot, with each object's size in the managed heap.
 */
import {
  ARRAY_HEADER_WORDS,
  fitsRecord,
  GRANULE_BYTES,
  GRANULE_WORDS,
  granulesFor,
  MAX_RECORD_GRANULES,
  MAX_RECORD_REFERENCES,
  RECORD_HEADER_WORDS,
} from '../../heap/object.ts';
import type { HeapGraph } from './heap-graph.ts';
import { mix32 } from './random.ts';

/** A node that takes more than one part in HUGE of what a selection may is left out, and what hangs from it alone. */
const HUGE = 8;
/** An edge to a node that is not in the selection: a null reference. */
export const OUTSIDE = 0xffff_ffff;
/** In-degrees above 1 are all the same here. */
export const SHARED = 2;
/** One of so many shared nodes is an anchor: where walks begin. */
const ANCHOR_EVERY = 16;

/** A connected graph in shared memory. Node numbers index all but `targets` and `anchors`. */
export interface SnapshotGraph {
  readonly nodes: number;
  readonly firstEdge: Uint32Array;
  readonly targets: Uint32Array;
  /** Size of each node's object. */
  readonly granules: Uint32Array;
  /** References to each node: 1, or SHARED for more. The root counts as shared. */
  readonly referrers: Uint8Array;
  /** The root, and shared nodes all over the graph. */
  readonly anchors: Uint32Array;
  /** Bytes of all objects together. */
  readonly bytes: number;
}

export interface Selection {
  readonly nodes: number;
  readonly bytes: number;
}

/**
 * The first nodes that a breadth-first search from the root finds by strong edges, as many as the limits allow.
 * An edge that leaves them stays, as a null reference, so that every object keeps its size.
 */
export function selectConnected(graph: HeapGraph, most: Selection): SnapshotGraph {
  const granules = Uint32Array.from({ length: graph.nodes }, (_, node) => granulesOfNode(graph, node));
  const numbers = renumber(searchBreadthFirst(graph, granules, most));
  const nodes = numbers.reduce((count, number) => count + (number === OUTSIDE ? 0 : 1), 0);
  const selected: Draft = {
    nodes,
    firstEdge: sharedWords(nodes + 1),
    targets: sharedWords(countEdges(graph, numbers)),
    granules: sharedWords(nodes),
    referrers: new Uint8Array(new SharedArrayBuffer(nodes)),
  };
  copyNodes(graph, numbers, selected);
  selected.granules.set(granules.filter((_, node) => numbers[node] !== OUTSIDE));
  countReferrers(selected);
  const bytes = selected.granules.reduce((sum, size) => sum + size, 0) * GRANULE_BYTES;
  return { ...selected, anchors: anchorsOf(selected), bytes };
}

type Draft = Omit<SnapshotGraph, 'anchors' | 'bytes'>;

/** Number of references of a node's object: its strong edges. */
export function referencesOf(graph: Pick<SnapshotGraph, 'firstEdge'>, node: number): number {
  return (graph.firstEdge[node + 1] as number) - (graph.firstEdge[node] as number);
}

/** Number of data words of a node's object: all that header and references leave of its size. */
export function dataWordsOf(graph: SnapshotGraph, node: number): number {
  const words = (graph.granules[node] as number) * GRANULE_WORDS;
  const references = referencesOf(graph, node);
  return words - references - headerWordsFor(references, words);
}

/** Where the data words of a node's object begin: words from its start. */
export function firstDataField(graph: SnapshotGraph, node: number): number {
  return (graph.granules[node] as number) * GRANULE_WORDS - dataWordsOf(graph, node);
}

/** Where its references begin. */
export function firstReferenceField(graph: SnapshotGraph, node: number): number {
  return headerWordsFor(referencesOf(graph, node), (graph.granules[node] as number) * GRANULE_WORDS);
}

function headerWordsFor(references: number, words: number): number {
  const record = words / GRANULE_WORDS <= MAX_RECORD_GRANULES && references <= MAX_RECORD_REFERENCES;
  return record ? RECORD_HEADER_WORDS : ARRAY_HEADER_WORDS;
}

/**
 * The runtime's size, rounded up to a granule; or more where that does not hold the references, header and one data word
 * (V8's synthetic roots have no size, and a few objects more edges than words).
 */
function granulesOfNode(graph: HeapGraph, node: number): number {
  const references = referencesOf(graph, node);
  const real = Math.ceil((graph.selfSize[node] as number) / GRANULE_BYTES);
  const asRecord = Math.max(real, granulesFor(RECORD_HEADER_WORDS + references + 1));
  if (fitsRecord(references, asRecord * GRANULE_WORDS - RECORD_HEADER_WORDS - references)) return asRecord;
  return Math.max(real, granulesFor(ARRAY_HEADER_WORDS + references + 1));
}

/** Marks the nodes found, up to the limits: 1 for each in the selection. */
function searchBreadthFirst(graph: HeapGraph, granules: Uint32Array, most: Selection): Uint8Array {
  const seen = new Uint8Array(graph.nodes);
  const taken = new Uint8Array(graph.nodes);
  const queue = new Uint32Array(graph.nodes);
  let found = 1;
  let nodes = 0;
  let bytes = 0;
  seen[0] = 1;
  for (let next = 0; next < found && nodes < most.nodes; next++) {
    const node = queue[next] as number;
    const size = (granules[node] as number) * GRANULE_BYTES;
    if (size > most.bytes / HUGE && node !== 0) continue;
    bytes += size;
    if (bytes > most.bytes) break;
    taken[node] = 1;
    nodes++;
    for (let edge = graph.firstEdge[node] as number; edge < (graph.firstEdge[node + 1] as number); edge++) {
      const target = graph.targets[edge] as number;
      if (seen[target] === 1) continue;
      seen[target] = 1;
      queue[found++] = target;
    }
  }
  return taken;
}

/** Numbers the nodes taken in their order; OUTSIDE for the others. */
function renumber(taken: Uint8Array): Uint32Array {
  const numbers = new Uint32Array(taken.length).fill(OUTSIDE);
  let next = 0;
  for (let node = 0; node < taken.length; node++) if (taken[node] === 1) numbers[node] = next++;
  return numbers;
}

function countEdges(graph: HeapGraph, numbers: Uint32Array): number {
  let edges = 0;
  for (let node = 0; node < graph.nodes; node++)
    if (numbers[node] !== OUTSIDE) edges += referencesOf(graph, node);
  return edges;
}

function copyNodes(graph: HeapGraph, numbers: Uint32Array, to: Draft): void {
  let edges = 0;
  for (let node = 0; node < graph.nodes; node++) {
    const number = numbers[node] as number;
    if (number === OUTSIDE) continue;
    for (let edge = graph.firstEdge[node] as number; edge < (graph.firstEdge[node + 1] as number); edge++) {
      to.targets[edges++] = numbers[graph.targets[edge] as number] as number;
    }
    to.firstEdge[number + 1] = edges;
  }
}

function countReferrers({ targets, referrers }: Draft): void {
  referrers[0] = SHARED;
  for (const target of targets) {
    if (target !== OUTSIDE) referrers[target] = Math.min(SHARED, (referrers[target] as number) + 1);
  }
}

function anchorsOf({ nodes, referrers }: Draft): Uint32Array {
  const anchors = [0];
  for (let node = 1; node < nodes; node++) {
    if (referrers[node] === SHARED && mix32(node) % ANCHOR_EVERY === 0) anchors.push(node);
  }
  const shared = sharedWords(anchors.length);
  shared.set(anchors);
  return shared;
}

function sharedWords(length: number): Uint32Array {
  return new Uint32Array(new SharedArrayBuffer(4 * length));
}
