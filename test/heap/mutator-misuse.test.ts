/** What a mutator must not do is refused with an error that says what it did, and changes nothing. */
import { describe, expect, it } from 'vitest';
import { shape } from '../../dist/heap/shape.js';
import { arrayHeap } from './array-heap.ts';

const misuse = (says: RegExp) =>
  expect.objectContaining({ code: 'MUTATOR_MISUSE', message: expect.stringMatching(says) });

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return 'nothing';
}

describe('roots', () => {
  it('more of them than the heap has', () => {
    expect(caught(() => arrayHeap(8, { roots: 65, rootSlots: 64 }))).toEqual(
      misuse(/mutator 0 asks for 65 roots; the heap has 64 a mutator/),
    );
    expect(() => arrayHeap(8, { roots: 64, rootSlots: 64 })).not.toThrow();
  });

  it.each([-1, 3, 64])('setting slot %i of 3', (slot) => {
    const { mutator: m, tables } = arrayHeap(8, { roots: 3 });
    const before = [...(tables.roots[0] as Int32Array)];
    expect(caught(() => m.setRoot(slot, 99))).toEqual(misuse(new RegExp(`slot ${slot} of 3`)));
    expect([...(tables.roots[0] as Int32Array)]).toEqual(before);
  });

  it('a mutator that the heap was not opened for', () => {
    expect(caught(() => arrayHeap(8, { index: 2 }))).toEqual(
      misuse(/mutator 2: the heap was opened for 2 mutators/),
    );
  });
});

describe('the shadow stack', () => {
  it('is taken off what was never put on it', () => {
    const { mutator: m } = arrayHeap(8, { roots: 2 });
    m.setRoot(0, 7);
    expect(caught(() => m.pop())).toEqual(misuse(/shadow stack is empty/));
    m.push(5);
    expect(m.pop()).toBe(5);
    expect(caught(() => m.pop())).toEqual(misuse(/empty/));
    expect(m.root(0)).toBe(7);
  });

  it('overflows the root slots', () => {
    const { mutator: m } = arrayHeap(8, { roots: 2, rootSlots: 6 });
    for (let i = 0; i < 4; i++) expect(m.push(10 + i)).toBe(2 + i);
    expect(caught(() => m.push(1))).toEqual(misuse(/shadow stack is full/));
    expect([m.peek(2), m.peek(5), m.pop()]).toEqual([10, 13, 13]);
  });
});

describe('objects', () => {
  it.each([
    [-1, 4],
    [4, -1],
  ])('of %i references and %i words', (references, words) => {
    const { mutator: m } = arrayHeap(8);
    expect(caught(() => m.allocObject(references, words))).toEqual(
      misuse(new RegExp(`${references}, ${words}`)),
    );
  });

  it.each([2 ** 20, 2 ** 32, 2 ** 33, 2 ** 48])('larger than the heap: %i words', (words) => {
    const { mutator: m } = arrayHeap(8);
    // Nothing here could collect: it must be refused before that is tried.
    expect(caught(() => m.allocObject(0, words))).toMatchObject({ code: 'HEAP_OUT_OF_MEMORY' });
  });
});

describe('shapes', () => {
  it('of a name used twice', () => {
    expect(() => shape('pair', { refs: ['a'], data: ['a'] })).toThrow(
      /shape pair: a field name is used twice/,
    );
  });

  it('of more than a record holds', () => {
    const refs = Array.from({ length: 1024 }, (_, i) => `r${i}`);
    expect(() => shape('wide', { refs })).toThrow(/at most 1023 references and 65528 bytes; use allocObject/);
    expect(() => shape('wide', { refs: refs.slice(1) })).not.toThrow();
  });

  it('more of them than a thread has numbers for', () => {
    const make = () => {
      for (let i = 0; i < 300; i++) shape(`s${i}`, { data: ['x'] });
    };
    expect(make).toThrow(/a thread has at most 254 shapes/);
  });
});

it('an error thrown while blocked leaves the mutator running', () => {
  const { mutator: m, tables } = arrayHeap(8, { roots: 1 });
  const running = tables.control[0];
  expect(() =>
    m.blocked(() => {
      throw new Error('from outside the heap');
    }),
  ).toThrow('from outside the heap');
  expect(tables.control[0]).toBe(running);
  expect(m.blocked(() => 'next')).toBe('next');
  const object = m.allocObject(1, 1);
  m.setRoot(0, object);
  expect(m.root(0)).toBe(object);
});
