/** Tracing, by the loop in JavaScript and by the compiled one: how far it goes, and what it does not take for an object. */
import { describe, expect, it } from 'vitest';
import { allocateMarkPool, openMarkPool, scanned } from '../../dist/gc/mark-pool.js';
import { makeTracer, NO_LIMIT } from '../../dist/gc/trace.js';
import { isSet } from '../../dist/heap/bitmap.js';
import { makeImage, pointTo, type Thing, thing } from './heap-image.ts';
import { ARRAYS, linearMemory } from './heap-memory.ts';

/** A chain of objects, each on a page of its own, and a tracer of their heap. */
function chainOf(count: number, where: 'JavaScript' | 'compiled') {
  const memory = where === 'compiled' ? linearMemory() : ARRAYS;
  const items = Array.from({ length: count }, (_, i) => thing(i, 1, 2 * 512 - 2));
  for (let i = 1; i < count; i++) pointTo(items[i - 1] as Thing, 0, items[i] as Thing);
  const { space, tables, places } = makeImage(items, 1, 1, memory);
  const tracer = makeTracer(tables, openMarkPool(allocateMarkPool()), true, memory.compiled(tables));
  const objects = items.map((item) => places.get(item) as number);
  return {
    ...{ tracer, space, objects },
    isMarked: () => objects.map((object) => isSet(tables.markBits, object)),
  };
}

describe.each(['JavaScript', 'compiled'] as const)('%s', (where) => {
  it('stops short of what cannot be read yet', () => {
    const { tracer, space, objects, isMarked } = chainOf(4, where);
    tracer.begin(space.view, objects[2] as number);
    tracer.visit(objects[0] as number);
    expect(tracer.trace()).toBe(true);
    expect(isMarked()).toEqual([true, true, false, false]);
  });

  it('stops after so many objects, and goes on where it was', () => {
    const { tracer, space, objects, isMarked } = chainOf(20, where);
    tracer.begin(space.view, NO_LIMIT);
    tracer.visit(objects[0] as number);
    tracer.visit(objects[10] as number);
    expect(tracer.trace(3)).toBe(false);
    expect(isMarked().filter((isIt) => isIt).length).toBe(5);
    expect(tracer.trace()).toBe(true);
    expect(isMarked().every((isIt) => isIt)).toBe(true);
  });

  it('says which object has no size, and which reference is outside the heap', () => {
    const { tracer, space, objects } = chainOf(4, where);
    const [first, second] = objects as [number, number];
    tracer.begin(space.view, NO_LIMIT);
    tracer.visit(first);
    space.write(2 * first + 1, -5);
    expect(() => tracer.trace()).toThrow(
      'verification while marking: 1 problem(s), the first: a root or a reference is -5',
    );
    space.write(2 * second, 0);
    tracer.visit(second);
    expect(() => tracer.trace()).toThrow(`object ${second} (heap + 0x${(8 * second).toString(16)}`);
  });
});

/** Arrays that are scanned by themselves, and not in pieces. */
const MIDDLING = 50;

/**
 * Two large arrays that are scanned in pieces. The first refers to the second, and to arrays of a hundred slots, each beside a
 * small object that alone refers to another. And small objects that several slots refer to: of arrays, and of one another.
 */
function arraysOf(objects: number, where: 'JavaScript' | 'compiled', alone: boolean) {
  const memory = where === 'compiled' ? linearMemory() : ARRAYS;
  const small = Array.from({ length: objects }, (_, i) => thing(i, 2, 0));
  const middling = Array.from({ length: MIDDLING }, (_, i) => thing(objects + i, 100, 0));
  const arrays = [thing(-1, objects + 1 + 2 * MIDDLING, 0), thing(-2, objects, 0), ...middling] as const;
  const holders = middling.map((_, i) => thing(objects + MIDDLING + 2 * i, 1, 0));
  const held = middling.map((_, i) => thing(objects + MIDDLING + 2 * i + 1, 0, 1));
  pointTo(arrays[0], objects >> 1, arrays[1]);
  for (const [i, array] of middling.entries()) {
    pointTo(arrays[0], objects + 1 + 2 * i, array);
    pointTo(arrays[0], objects + 2 + 2 * i, holders[i] as Thing);
    pointTo(holders[i] as Thing, 0, held[i] as Thing);
    for (let slot = 0; slot < 100; slot++)
      pointTo(array, slot, small[(i * 211 + slot * 17) % objects] as Thing);
  }
  for (const [i, item] of small.entries()) {
    if (i % 2 === 0) pointTo(arrays[0], i >> 1, item);
    pointTo(arrays[1], objects - 1 - (i >> 1), item);
    pointTo(item, 0, small[(i * 7919) % objects] as Thing);
    pointTo(item, 1, small[i === 0 ? 0 : i - 1] as Thing);
  }
  const { space, tables, places } = makeImage([...arrays, ...holders, ...held, ...small], 1, 1, memory);
  const pool = openMarkPool(allocateMarkPool());
  const tracer = makeTracer(tables, pool, alone, memory.compiled(tables));
  tracer.begin(space.view, NO_LIMIT);
  tracer.visit(places.get(arrays[0]) as number);
  const all = [...arrays, ...holders, ...held, ...small].map((item) => places.get(item) as number);
  return { tracer, space, all, pool, unmarked: () => all.filter((at) => !isSet(tables.markBits, at)).length };
}

describe.each([
  ['JavaScript', true],
  ['compiled', true],
  ['compiled', false],
] as const)('%s, alone: %s', (where, alone) => {
  const OBJECTS = 9000;

  it('every object is marked and scanned once, in however many parts', () => {
    for (const most of [1, 3, 64, 100, 5000, NO_LIMIT]) {
      const { tracer, pool, all, unmarked } = arraysOf(OBJECTS, where, alone);
      let calls = 1;
      for (; !tracer.trace(most); calls++) expect(calls).toBeLessThan(2 * OBJECTS);
      expect({ most, unmarked: unmarked(), scanned: scanned(pool) }).toEqual({
        ...{ most, unmarked: 0, scanned: all.length },
      });
      expect(calls).toBeGreaterThanOrEqual(all.length / most);
    }
  });

  it('a reference of an array that is outside the heap is named, wherever it lies', () => {
    for (const slot of [0, 70, 2047, 2048, 8999]) {
      const { tracer, space, all } = arraysOf(OBJECTS, where, alone);
      space.write(2 * (all[0] as number) + 4 + slot, -5);
      expect(() => tracer.trace()).toThrow('a root or a reference is -5');
    }
  });
});

it('compiled: a piece of an array is enough for others to begin with', () => {
  const { tracer, unmarked, all } = arraysOf(9000, 'compiled', false);
  expect(tracer.trace(1)).toBe(false);
  expect(unmarked()).toBeGreaterThan(0.7 * all.length);
});

/** An object of 40 slots, on five cards or so, each slot with an object of its own. */
function fanOfForty() {
  const memory = linearMemory();
  const fan = thing(0, 40, 0);
  const items = Array.from({ length: 40 }, (_, i) => thing(i + 1, 0, 1));
  for (const [slot, item] of items.entries()) pointTo(fan, slot, item);
  const { space, tables, places } = makeImage([fan, ...items], 1, 1, memory);
  const tracer = makeTracer(tables, openMarkPool(allocateMarkPool()), true, memory.compiled(tables));
  const [object, ...rest] = [fan, ...items].map((item) => places.get(item) as number) as [
    number,
    ...number[],
  ];
  tracer.begin(space.view, NO_LIMIT);
  tracer.visit(object);
  return { tracer, space, object, slots: rest, isMarked: (at: number) => isSet(tables.markBits, at) };
}

it('compiled: of an object only the slots on the cards given are looked at', () => {
  const { tracer, object, slots, isMarked } = fanOfForty();
  const card = (object >>> 3) + 1;
  const onCard = slots.map((_, slot) => (2 * object + 1 + slot) >>> 4 === card);
  expect(onCard.filter((isOn) => isOn).length).toBe(16);
  expect(tracer.visitCards(Int32Array.of(card), 1)).toBe(true);
  expect(slots.map(isMarked)).toEqual(onCard);
});

it('compiled: a reference on a card that is outside the heap is named', () => {
  const { tracer, space, object } = fanOfForty();
  space.write(2 * object + 1, -5);
  expect(() => tracer.visitCards(Int32Array.of(object >>> 3), 1)).toThrow('a root or a reference is -5');
});
