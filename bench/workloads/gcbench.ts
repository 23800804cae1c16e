/**
 * `gcbench`: the GC benchmark of John Ellis and Pete Kovac, as modified by Hans Boehm. A large tree stretches the
 * heap and is dropped; a tree and an array live long; then binary trees of growing depth are built and dropped,
 * each depth top-down (children are stored into older parents) and bottom-up.
 *
 * Differences from the original:
 * - Its trees are built in *operations* of equal work: as many trees of one depth as have the nodes of two trees
 *   of `maxDepth`. By default one round after the other makes exactly one pass over the classic sequence.
 * - A tree is checked on a path from its root after it is built (the original drops it unseen), and the long-lived
 *   tree and array are checked whole at the end (the original looks at one element).
 * - A node's `i` and `j` hold its height and its number in heap order, for that check (0 in the original).
 */
import { GRANULE_BYTES } from '../../heap/object.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { driverData } from './driver.ts';
import { NODE_GRANULES, treeSize } from './gcbench-tree.ts';
import { numberOf, OPERATIONS, resolveParameters } from './parameters.ts';
import { objectBytes, requireHeap, smallestHeap } from './room.ts';
import type { ParameterSpec, Parameters, Workload, WorkloadRequest } from './workload.ts';

const NAME = 'gcbench';
const CLASSIC = { stretch: 18, longLived: 16, array: 500_000, minDepth: 4, maxDepth: 16 } as const;
/** How often the classic parameters can be halved: the deepest short-lived trees are then those of minDepth. */
const MOST_HALVINGS = CLASSIC.maxDepth - CLASSIC.minDepth;
const DEEPEST = 24;

/** What the mutators are told. */
export interface GcbenchData {
  readonly stretch: number;
  readonly longLived: number;
  readonly array: number;
  readonly minDepth: number;
  readonly maxDepth: number;
}

type Scaled = 'stretch' | 'longLived' | 'array' | 'maxDepth';

export const gcbench: Workload = {
  name: NAME,
  summary: "Ellis, Kovac and Boehm's GCBench: short-lived binary trees beside a long-lived tree and array",
  module: new URL('./gcbench-program.js', import.meta.url),
  parameters: {
    large: {
      summary: 'part of the heap that is large-object space, where the array then lies',
      type: 'number',
      min: 0,
      max: 0.8,
      default: 0,
    },
    stretch: depth('stretch', 'depth of the tree that stretches the heap first'),
    longLived: depth('longLived', 'depth of the tree that lives long'),
    array: {
      ...scaled('array', 'doubles in the array that lives long'),
      type: 'integer',
      min: 0,
      max: 2 ** 28,
    },
    minDepth: {
      summary: 'depth of the smallest short-lived trees',
      type: 'integer',
      default: CLASSIC.minDepth,
      min: 0,
      max: DEEPEST,
    },
    maxDepth: depth('maxDepth', 'depth of the largest short-lived trees'),
    operations: {
      ...OPERATIONS,
      derived: 'one pass over all depths in --cycles rounds',
      default: ({ cycles }, before) => Math.ceil(operationsInPass(dataOf(before)) / Math.max(1, cycles)),
    },
  },

  async prepare(request) {
    const smallest = smallestHeap(request.mutators * liveBytesOf(halved(MOST_HALVINGS)), request.mutators);
    requireHeap(NAME, request, smallest);
    const parameters = resolveParameters(this.parameters, request);
    const [data, part] = [dataOf(parameters), numberOf(parameters, 'large')];
    const liveBytes = request.mutators * liveBytesOf(data);
    const remedy = ', or lower --set stretch, longLived, maxDepth or array';
    requireHeap(NAME, request, smallestFor(request, data, part), remedy);
    return {
      parameters,
      liveBytes,
      largeBytes: wholePages(request.heapBytes * part),
      data: driverData(request, numberOf(parameters, 'operations'), data),
    };
  },
};

/** How many short-lived trees of a depth are built in each of the two ways. */
export function treesOfDepth({ stretch }: GcbenchData, treeDepth: number): number {
  return Math.max(1, Math.floor((2 * treeSize(stretch)) / treeSize(treeDepth)));
}

/** Over how many operations the trees of one depth and one way are spread. */
export function operationsPerWay({ stretch, maxDepth }: GcbenchData): number {
  return Math.max(1, 2 ** (stretch - maxDepth + 1));
}

/** Operations of the classic sequence: minDepth, minDepth + 2 … maxDepth, each in two ways. */
export function operationsInPass(data: GcbenchData): number {
  return depthsOf(data).length * 2 * operationsPerWay(data);
}

export function depthsOf({ minDepth, maxDepth }: GcbenchData): readonly number[] {
  const depths = Math.max(1, Math.floor((maxDepth - minDepth) / 2) + 1);
  return Array.from({ length: depths }, (_, i) => minDepth + 2 * i);
}

function depth(name: Scaled, summary: string): ParameterSpec {
  return { ...scaled(name, summary), type: 'integer', min: 0, max: DEEPEST };
}

function scaled(name: Scaled, summary: string): Pick<ParameterSpec, 'summary' | 'default' | 'derived'> {
  return {
    summary,
    derived: `${CLASSIC[name]} as in the original, or less if the heap is too small for that`,
    default: (request, { large }) => largestThatFits(request, large as number)[name],
  };
}

/** The classic parameters, halved in size as often as the heap needs. */
function largestThatFits(request: WorkloadRequest, part: number): GcbenchData {
  for (let halvings = 0; halvings < MOST_HALVINGS; halvings++) {
    const data = halved(halvings);
    if (smallestFor(request, data, part) <= request.heapBytes) return data;
  }
  return halved(MOST_HALVINGS);
}

/** The smallest heap for that, if so large a part of it is large-object space. */
function smallestFor({ mutators }: WorkloadRequest, data: GcbenchData, part: number): number {
  if (part === 0) return smallestHeap(mutators * liveBytesOf(data), mutators);
  const arrays = mutators * wholePages(objectBytes(0, 2 * data.array));
  const trees = smallestHeap(mutators * liveBytesOf({ ...data, array: 0 }), mutators);
  return Math.ceil(Math.max(arrays / part, trees / (1 - part)));
}

function wholePages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

function halved(times: number): GcbenchData {
  return {
    stretch: CLASSIC.stretch - times,
    longLived: CLASSIC.longLived - times,
    array: CLASSIC.array >>> times,
    minDepth: CLASSIC.minDepth,
    maxDepth: CLASSIC.maxDepth - times,
  };
}

function dataOf(parameters: Parameters): GcbenchData {
  const value = (name: string) => numberOf(parameters, name);
  return {
    stretch: value('stretch'),
    longLived: value('longLived'),
    array: value('array'),
    minDepth: value('minDepth'),
    maxDepth: value('maxDepth'),
  };
}

/** At its peak: the stretch tree alone, or what lives long and the largest short-lived tree. */
function liveBytesOf({ stretch, longLived, array, minDepth, maxDepth }: GcbenchData): number {
  const tree = (treeDepth: number) => treeSize(treeDepth) * NODE_GRANULES * GRANULE_BYTES;
  return Math.max(
    tree(stretch),
    tree(longLived) + objectBytes(0, 2 * array) + tree(Math.max(minDepth, maxDepth)),
  );
}
