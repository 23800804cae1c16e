/** Fields of shapes are where the numbered slots and words of the same object are. */
import { expect, it } from 'vitest';
import { shape } from '../../dist/heap/shape.js';
import { arrayHeap } from './array-heap.ts';

const Node = shape('node', { refs: ['left', 'right'], data: ['i', 'j', 'k'] });

it('by name and by number', () => {
  const { mutator: m } = arrayHeap(8, { roots: 1 });
  const [a, b] = [m.alloc(Node), m.alloc(Node)];
  m.setRef(a, Node.at.left, b);
  m.setRefAt(a, 1, a);
  m.store(a, Node.at.i, -5);
  m.setDataAt(a, 2, 0x7fffffff);
  expect([m.refAt(a, 0), m.ref(a, Node.at.right), m.ref(b, Node.at.left)]).toEqual([b, a, 0]);
  expect([m.dataAt(a, 0), m.load(a, Node.at.j), m.load(a, Node.at.k), m.dataAt(b, 0)]).toEqual([
    -5, 0, 0x7fffffff, 0,
  ]);
  expect([m.referencesOf(a), m.bytesOf(a)]).toEqual([2, 24]);
});

it('every object begins with all fields 0', () => {
  const { mutator: m } = arrayHeap(64);
  for (let i = 0; i < 2000; i++) {
    const object = m.alloc(Node);
    expect([m.refAt(object, 0), m.refAt(object, 1), m.dataAt(object, 0), m.dataAt(object, 2)]).toEqual([
      0, 0, 0, 0,
    ]);
    m.setRefAt(object, 0, object);
    m.setDataAt(object, 2, -1);
  }
});
