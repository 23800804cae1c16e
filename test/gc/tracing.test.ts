/** Tracing, by the loop in JavaScript and by the compiled one: how far it goes, and what it does not take for an object. */
import { describe, expect, it } from 'vitest';
import { allocateMarkPool, openMarkPool } from '../../dist/gc/mark-pool.js';
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
