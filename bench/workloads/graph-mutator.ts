/**
 * `graph-mutator`: a large graph whose references are rewritten all the time, and little is allocated. It is the workload for
 * what stores of references cost a collector: the post-write barrier, dirty cards, and what marking has to look at again.
 *
 * An operation
 * - points `stores` edges of neighbours elsewhere, each with probability `locality` to a node near by (of the same small tree),
 *   or else anywhere;
 * - with probability `detach` drops a whole subtree and grows another in its place: everybody who refers into it is pointed
 *   elsewhere first, and then one store makes all of it garbage;
 * - with probability `reattach` takes a subtree off, so that for a moment only the mutator's stack has it, and exchanges it
 *   with another of its height: one store moves a whole structure into an object that marking may have seen already;
 * - allocates and drops `garbage` bytes.
 *
 * Nodes are found from the tops down, and each on the way is compared to a model beside the heap (graph-mutator-model.ts), as
 * is each reference before it is overwritten. A node's first data word is a number that no version of any node has had
 * before, and changes with each store into the node: so a reference to a wrong node, or to an older copy of the right one, is
 * told as which node was found.
 */
import { driverData } from './driver.ts';
import { treeNodesOf } from './graph-mutator-model.ts';
import { numberOf, OPERATIONS, resolveParameters } from './parameters.ts';
import { buildRoom, objectBytes, requireHeap, smallestHeap } from './room.ts';
import { tableBytes } from './table.ts';
import type { Parameters, Workload, WorkloadRequest } from './workload.ts';

const NAME = 'graph-mutator';
const FEWEST_TREES = 16;
/** References of a node that hold its tree together. */
export const TREE_SLOTS = 2;
/** Of its data words the first is its tag. Where sizes are rounded up there is one more. */
export const DATA_WORDS = 4;

/** What the mutators are told. */
export interface GraphMutatorData {
  readonly trees: number;
  readonly depth: number;
  readonly degree: number;
  readonly stores: number;
  readonly locality: number;
  readonly detach: number;
  readonly reattach: number;
  readonly garbage: number;
  readonly live: number;
  /** Bytes that may be allocated while building. */
  readonly room: number;
}

export function nodeBytesOf(degree: number): number {
  return objectBytes(TREE_SLOTS + degree, DATA_WORDS);
}

const probability = { type: 'number', min: 0, max: 1 } as const;

export const graphMutator: Workload = {
  name: NAME,
  summary:
    'small trees with edges between them, rewritten all the time: many reference stores, few allocations',
  module: new URL('./graph-mutator-program.js', import.meta.url),
  parameters: {
    depth: { summary: 'levels of each tree', type: 'integer', min: 1, max: 16, default: 5 },
    degree: {
      summary: 'edges of each node, beside its two children',
      type: 'integer',
      min: 1,
      max: 64,
      default: 3,
    },
    trees: {
      summary: 'trees of each mutator',
      derived: 'as many as keep --live of the heap alive',
      type: 'integer',
      min: 2,
      max: 2 ** 24,
      default: (request, { depth, degree }) => {
        const bytes = treeBytes(depth as number, degree as number) + 4;
        return Math.max(FEWEST_TREES, Math.floor((request.live * buildRoom(request)) / bytes));
      },
    },
    stores: {
      summary: 'edges that an operation points elsewhere',
      type: 'integer',
      min: 0,
      max: 1_000_000,
      default: 12,
    },
    locality: { summary: 'part of the edges that lead to a node near by', ...probability, default: 0.5 },
    detach: {
      summary: 'part of the operations that drop and regrow a subtree',
      ...probability,
      default: 0.1,
    },
    reattach: { summary: 'part of the operations that exchange two subtrees', ...probability, default: 0.2 },
    garbage: {
      summary: 'what an operation allocates and drops at once',
      type: 'size',
      min: 0,
      max: 2 ** 30,
      default: 64,
    },
    operations: {
      ...OPERATIONS,
      derived: 'nodes / 32',
      default: (_, { trees, depth }) => Math.ceil(((trees as number) * treeNodesOf(depth as number)) / 32),
    },
  },

  async prepare(request) {
    const parameters = resolveParameters(this.parameters, request);
    const data = dataOf(request, parameters);
    const liveBytes = request.mutators * liveBytesOf(data);
    const remedy = ', or lower --set trees or depth';
    requireHeap(NAME, request, smallestHeap(liveBytes, request.mutators), remedy);
    return { parameters, liveBytes, data: driverData(request, numberOf(parameters, 'operations'), data) };
  },
};

function dataOf(request: WorkloadRequest, parameters: Parameters): GraphMutatorData {
  const value = (name: string) => numberOf(parameters, name);
  return {
    trees: value('trees'),
    depth: value('depth'),
    degree: value('degree'),
    stores: value('stores'),
    locality: value('locality'),
    detach: value('detach'),
    reattach: value('reattach'),
    garbage: value('garbage'),
    live: request.live,
    room: buildRoom(request),
  };
}

function treeBytes(depth: number, degree: number): number {
  return treeNodesOf(depth) * nodeBytesOf(degree);
}

/** The trees, their table, and one tree that is about to take the place of another. */
function liveBytesOf({ trees, depth, degree }: GraphMutatorData): number {
  return tableBytes(trees) + (trees + 1) * treeBytes(depth, degree);
}
