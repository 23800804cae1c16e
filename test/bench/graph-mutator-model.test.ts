/** The model of graph-mutator's graph: places and lists of edges stay what a slow look at them says. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
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
  parentOf,
  setTarget,
  slotOf,
  sourceOf,
} from '../../dist/bench/workloads/graph-mutator-model.js';
import { createRandom } from '../../dist/bench/workloads/random.js';

const [TREES, DEPTH, DEGREE] = [4, 3, 2];
const NODES = TREES * 7;

/** The edges in the list of those to the node, in order of their numbers. */
function listed({ firstIn, nextIn, previousIn }: GraphModel, node: number): readonly number[] {
  const edges: number[] = [];
  let previous = NONE;
  for (let edge = firstIn[node] as number; edge !== NONE; edge = nextIn[edge] as number) {
    expect(previousIn[edge]).toBe(previous);
    edges.push(edge);
    previous = edge;
  }
  return edges.sort((a, b) => a - b);
}

const nodeNumber = fc.nat({ max: NODES - 1 });
const step = fc.oneof(
  fc.record({ edge: fc.nat({ max: NODES * DEGREE - 1 }), target: fc.integer({ min: NONE, max: NODES - 1 }) }),
  fc.record({ dropped: nodeNumber }),
);

it('every edge is in the list of the node it leads to, and in no other', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const model = createModel(TREES, DEPTH, DEGREE);
      const targets: number[] = Array(NODES * DEGREE).fill(NONE);
      for (const it of steps) {
        if ('edge' in it) {
          setTarget(model, it.edge, it.target);
          targets[it.edge] = it.target;
        } else {
          dropEdges(model, it.dropped);
          targets.fill(NONE, it.dropped * DEGREE, (it.dropped + 1) * DEGREE);
        }
      }
      for (let node = 0; node < NODES; node++) {
        const edges = [...targets.keys()].filter((edge) => targets[edge] === node);
        expect(listed(model, node)).toEqual(edges);
      }
    }),
  );
});

it('subtrees of one height change places, and all trees stay complete', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: DEPTH - 1 }), fc.nat()), { maxLength: 50 }), (steps) => {
      const model = createModel(TREES, DEPTH, DEGREE);
      for (const [height, seed] of steps) {
        const random = createRandom(seed);
        const [one, other] = [0, 1].map(() => nodeOfHeight(model, height, random)) as [number, number];
        expect([sizeOf(model, one), sizeOf(model, other)]).toEqual(Array(2).fill(2 ** (height + 1) - 1));
        exchangePlaces(model, one, other);
      }
      const tops = Array.from({ length: NODES }, (_, node) => node).filter(
        (node) => parentOf(model, node) === NONE,
      );
      expect(tops.map((top) => slotOf(model, top)).sort()).toEqual([0, 1, 2, 3]);
      expect(tops.reduce((sum, top) => sum + sizeOf(model, top), 0)).toBe(NODES);
    }),
  );
});

/** Nodes from that one down, each of which is where its parent says. */
function sizeOf(model: GraphModel, top: number): number {
  const list = new Int32Array(7);
  const count = listWithin(model, top, list);
  for (const node of list.subarray(1, count)) {
    expect(childOf(model, parentOf(model, node), slotOf(model, node))).toBe(node);
    expect([isWithin(model, node, top), isWithin(model, top, node)]).toEqual([true, false]);
  }
  return count;
}

it('an edge is of the node that its number says', () => {
  const model = createModel(TREES, DEPTH, DEGREE);
  expect([0, 1, 2, 55].map((edge) => sourceOf(model, edge))).toEqual([0, 0, 1, 27]);
});
