/** The non-moving space: where objects get their places, and whose are free after a collection. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { keepNonMoving } from '../../dist/gc/phases/liveness.js';
import { CONTROL } from '../../dist/heap/layout.js';
import {
  beginMarkingNew,
  clearMarks,
  freeUnmarked,
  nonMovingBegin,
  nonMovingTop,
  topsOf,
} from '../../dist/heap/non-moving.js';
import { verifyHeap } from '../../dist/heap/verify.js';
import { arrayHeap } from './array-heap.ts';

const PAGES = 8;
const NON_MOVING_PAGES = 6;
const GRANULES = NON_MOVING_PAGES * 512;

function heap() {
  const made = arrayHeap(PAGES, { nonMovingPages: NON_MOVING_PAGES, roots: 1 });
  const { tables, view, mutator } = made;
  const begin = nonMovingBegin(tables);
  tables.control[CONTROL.flipped] = 1000; // nobody collects: an allocation in vain is out of memory at once
  /** A collection that finds these objects live; `meanwhile` runs while it marks. */
  const collect = (live: Iterable<number>, meanwhile = () => {}) => {
    beginMarkingNew(tables);
    for (const object of live)
      tables.markBits[object >>> 5] = (tables.markBits[object >>> 5] as number) | (1 << (object & 31));
    meanwhile();
    keepNonMoving(view, tables);
    const tops = topsOf(tables);
    freeUnmarked(tables);
    clearMarks(tables, tops);
  };
  const verify = () => verifyHeap(view, tables, 'now');
  return { ...made, begin, collect, verify, pin: mutator.allocObjectNonMoving };
}

it('objects lie side by side from its beginning, and the heap knows them', () => {
  const { pin, begin, verify, mutator, tables } = heap();
  const [a, b] = [pin(1, 2), pin(0, 2)];
  expect([a, b]).toEqual([begin, begin + 2]);
  mutator.setRefAt(a, 0, b);
  mutator.setRoot(0, a);
  expect(verify().objects).toBe(3);
  expect(nonMovingTop(tables)).toBe(PAGES + 1);
});

it('a free place is used again, and is all zero', () => {
  const { pin, collect, mutator } = heap();
  const [a, b] = [pin(2, 10), pin(0, 1)];
  for (let i = 0; i < 10; i++) mutator.setDataAt(a, i, -1);
  collect([b]);
  const c = pin(3, 9);
  expect(c).toBe(a);
  expect(Array.from({ length: 9 }, (_, i) => mutator.dataAt(c, i))).toEqual(Array(9).fill(0));
  expect([0, 1, 2].map((slot) => mutator.refAt(c, slot))).toEqual([0, 0, 0]);
});

it('room below where the last object went is found, too', () => {
  const { pin, collect, begin } = heap();
  const words = (granules: number) => 2 * granules - 1;
  const [, kept] = [pin(0, words(10)), pin(0, words(10))];
  collect([kept]);
  expect(pin(0, words(100))).toBe(begin + 20); // which does not fit into the first ten
  expect(pin(0, words(GRANULES - 120))).toBe(begin + 120);
  expect(pin(0, words(10))).toBe(begin);
});

it('what is allocated while a collection marks is kept by it, and not by the next', () => {
  const { pin, collect } = heap();
  const dead = pin(0, 3);
  let during = 0;
  collect([], () => {
    during = pin(0, 3);
  });
  expect(during).not.toBe(dead);
  expect(pin(0, 3)).toBe(dead);
  collect([]);
  expect([pin(0, 3), pin(0, 3)]).toEqual([dead, during]);
});

it('the space ends with its last live object', () => {
  const { pin, collect, tables } = heap();
  const objects = Array.from({ length: 5 }, () => pin(0, 600)); // more than half a page each
  expect(nonMovingTop(tables)).toBe(PAGES + 3);
  collect(objects.slice(0, 2));
  expect(nonMovingTop(tables)).toBe(PAGES + 2);
  collect([]);
  expect(nonMovingTop(tables)).toBe(PAGES);
  expect(pin(0, 1)).toBe(objects[0]);
});

it('an array begins on a page of its own, so that its header is with its first references', () => {
  const { pin, verify, mutator } = heap();
  pin(0, 5);
  const array = pin(1100, 0);
  expect(array % 512).toBe(0);
  mutator.setRoot(0, array);
  verify();
});

it.each([
  [1100, 0, [0, 1104, 1104]],
  [10, 2000, [0, 11]],
])(
  'pages that begin inside an object are told where its references end: %i and %i words of data',
  (references, data, ends) => {
    const { pin, tables, view, begin } = heap();
    const object = pin(references, data);
    tables.markBits[object >>> 5] = 1;
    keepNonMoving(view, tables);
    const told = tables.firstGranule.subarray(PAGES, PAGES + 2);
    const words = ends.slice(0, 2).map((end) => (end === 0 ? 0 : begin * 2 + end));
    expect(Array.from(told)).toEqual(words);
    clearMarks(tables, topsOf(tables));
    expect(Array.from(told)).toEqual([0, 0]);
  },
);

it('any objects, any of them dropped: live ones keep their words, and no two overlap', () => {
  const step = fc.oneof(
    fc.record({ references: fc.integer({ min: 0, max: 40 }), words: fc.integer({ min: 1, max: 900 }) }),
    fc.record({ keep: fc.integer({ min: 0, max: 7 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { pin, collect, mutator, tables, verify, begin } = heap();
      const live = new Map<number, { granules: number; tag: number; words: number }>();
      let tag = 1;
      for (const one of steps) {
        if ('keep' in one) {
          for (const [i, object] of [...live.keys()].entries())
            if (((i * 5) & 7) >= one.keep) live.delete(object);
          collect(live.keys());
        } else if ([...live.values()].reduce((sum, { granules }) => sum + granules, 0) < GRANULES / 3) {
          tables.control[CONTROL.nonMovingLive] = 0;
          collect(live.keys());
          const object = pin(one.references, one.words);
          const granules = mutator.bytesOf(object) / 8;
          for (const [other, { granules: length }] of live)
            expect(object + granules <= other || object >= other + length).toBe(true);
          expect(object >= begin && object + granules <= begin + GRANULES).toBe(true);
          for (let word = 0; word < one.words; word++) mutator.setDataAt(object, word, tag * 1000 + word);
          live.set(object, { granules, tag: tag++, words: one.words });
        }
        for (const [object, { tag: own, words }] of live)
          for (const word of [0, words - 1]) expect(mutator.dataAt(object, word)).toBe(own * 1000 + word);
        verify();
      }
    }),
  );
});
