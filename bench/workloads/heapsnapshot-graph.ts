/**
 * From the rows of a heap snapshot to a graph: for each node its size and the nodes it refers to strongly.
 *
 * A weak edge does not keep its target alive, and the managed heap knows strong references only: weak edges are
 * left out. So is what a snapshot cannot express as an edge and a size: ephemerons (a WeakMap's value is held by
 * its table *and* its key, as two strong edges), finalizers, and memory outside V8's heap.
 *
 * node_count and edge_count are compared with the rows that come, and nothing is allocated for what they promise.
 */
import type { DumpMemory } from './dump-memory.ts';
import type { HeapGraph } from './heap-graph.ts';
import type { RowReader } from './heapsnapshot-rows.ts';
import type { UsageError } from './workload.ts';

type Fail = (what: string) => UsageError;

/** What "snapshot" says. */
interface Description {
  readonly nodes: number;
  readonly edges: number;
  readonly nodeFields: number;
  readonly selfSize: number;
  readonly edgeCount: number;
  readonly edgeFields: number;
  readonly edgeType: number;
  readonly toNode: number;
  /** The number of the edge type "weak"; −1 if there is none. */
  readonly weak: number;
}

const MOST = 2 ** 32 - 1;

export function createGraphBuilder(fail: Fail, memory: DumpMemory) {
  let description: Description | undefined;
  let selfSize = memory.words(0);
  let firstEdge = memory.words(1); // while nodes are read: in all edges; then, in place: in strong ones
  let targets = memory.words(0);
  let nodes = 0; // complete rows so far
  let edges = 0;
  let strong = 0;
  let owner = 0; // the node whose edges are being read
  let edgesDone = false;

  function described(section: string): Description {
    if (!description) throw fail(`no V8 heap snapshot: "${section}" comes before "snapshot"`);
    return description;
  }

  function describe(value: unknown): void {
    if (description) throw fail('no V8 heap snapshot: it has "snapshot" twice');
    description = descriptionOf(value, fail);
  }

  function nodeReader(): RowReader {
    const { nodes: expected, nodeFields, selfSize: sizeField, edgeCount: countField } = described('nodes');
    if (nodes > 0) throw fail('no V8 heap snapshot: it has "nodes" twice');
    let field = 0;
    let outgoing = 0; // edges of all nodes so far
    function take(value: number, offset: number): void {
      if (nodes === expected)
        throw fail(`byte ${offset}: "nodes" holds more than the ${expected} of node_count`);
      if (field === 0) addNode(expected);
      if (field === sizeField) selfSize[nodes] = whole(value, `self_size of node ${nodes}`, offset);
      if (field === countField) outgoing += whole(value, `edge_count of node ${nodes}`, offset);
      if (++field < nodeFields) return;
      field = 0;
      firstEdge[++nodes] = outgoing;
    }
    function end(): void {
      const { edges: announced } = described('nodes');
      if (nodes !== expected || field !== 0)
        throw fail(`"nodes" ends after ${nodes} of the ${expected} of node_count`);
      if (outgoing === announced) return;
      throw fail(`its nodes have ${outgoing} edges together, but edge_count is ${announced}`);
    }
    return { take, end };
  }

  function edgeReader(): RowReader {
    const { edges: expected, edgeFields, edgeType, toNode, weak } = described('edges');
    if (nodes === 0) throw fail('no V8 heap snapshot: "edges" comes before "nodes"');
    if (edgesDone) throw fail('no V8 heap snapshot: it has "edges" twice');
    let field = 0;
    let type = 0;
    let target = 0;
    function take(value: number, offset: number): void {
      if (edges === expected)
        throw fail(`byte ${offset}: "edges" holds more than the ${expected} of edge_count`);
      if (field === edgeType) type = value;
      if (field === toNode) target = nodeAt(value, offset);
      if (++field < edgeFields) return;
      field = 0;
      if (type !== weak) addEdge(target, expected);
      edges++;
    }
    function end(): void {
      if (edges !== expected || field !== 0)
        throw fail(`"edges" ends after ${edges} of the ${expected} of edge_count`);
      while (owner < nodes) closeOwner();
      edgesDone = true;
    }
    return { take, end };
  }

  function addNode(expected: number): void {
    selfSize = memory.grown(selfSize, nodes + 1, expected);
    firstEdge = memory.grown(firstEdge, nodes + 2, expected + 1);
  }

  /** The node at an index into the array of all nodes' fields, as edges give it. */
  function nodeAt(index: number, offset: number): number {
    const node = index / (description as Description).nodeFields;
    if (Number.isInteger(node) && node >= 0 && node < nodes) return node;
    throw fail(`byte ${offset}: edge ${edges} points to ${index}, where no node begins`);
  }

  function addEdge(target: number, most: number): void {
    targets = memory.grown(targets, strong + 1, most);
    while (edges >= (firstEdge[owner + 1] as number)) closeOwner();
    targets[strong++] = target;
  }

  /** The owner's edges are all read: the next node's strong ones begin here. */
  function closeOwner(): void {
    firstEdge[++owner] = strong;
  }

  function whole(value: number, what: string, offset: number): number {
    if (Number.isInteger(value) && value >= 0 && value <= MOST) return value;
    throw fail(`byte ${offset}: the ${what} is ${value}, not a whole number below 2^32`);
  }

  function finish(): HeapGraph {
    if (!edgesDone) throw fail(`no V8 heap snapshot: it has no "${nodes === 0 ? 'nodes' : 'edges'}"`);
    return { nodes, selfSize, firstEdge, targets: targets.subarray(0, strong), edgesListed: edges };
  }

  /** How far the reading of a section has got, for messages. */
  function progress(section: string): string {
    if (!description) return '';
    if (section === 'nodes') return `, after ${nodes} of ${description.nodes} nodes`;
    return section === 'edges' ? `, after ${edges} of ${description.edges} edges` : '';
  }

  return { describe, nodes: nodeReader, edges: edgeReader, finish, progress };
}

function descriptionOf(value: unknown, fail: Fail): Description {
  const { meta, node_count: nodes, edge_count: edges } = recordOf(value);
  const { node_fields: nodeFields, edge_fields: edgeFields, edge_types: edgeTypes } = recordOf(meta);
  const missing = (what: string) => fail(`no V8 heap snapshot: "snapshot" says no ${what}`);
  if (!isCount(nodes) || nodes === 0) throw missing('node_count');
  if (!isCount(edges)) throw missing('edge_count');
  const fieldOf = (fields: unknown, where: string, name: string): number => {
    const field = Array.isArray(fields) ? fields.indexOf(name) : -1;
    if (field < 0) throw missing(`field ${name} in meta.${where}`);
    return field;
  };
  const edgeType = fieldOf(edgeFields, 'edge_fields', 'type');
  const types: unknown = Array.isArray(edgeTypes) ? edgeTypes[edgeType] : undefined;
  if (!Array.isArray(types)) throw missing('meta.edge_types');
  return {
    nodes,
    edges,
    nodeFields: (nodeFields as unknown[]).length,
    selfSize: fieldOf(nodeFields, 'node_fields', 'self_size'),
    edgeCount: fieldOf(nodeFields, 'node_fields', 'edge_count'),
    edgeFields: (edgeFields as unknown[]).length,
    edgeType,
    toNode: fieldOf(edgeFields, 'edge_fields', 'to_node'),
    weak: types.indexOf('weak'),
  };
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < MOST;
}
