/** The large-object space: whole pages for each object, raw data apart, one bound for both, memory given back page-wise. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { keepNonMoving } from '../../dist/gc/phases/liveness.js';
import { CONTROL } from '../../dist/heap/layout.js';
import {
  beginMarkingNew,
  clearMarks,
  freeUnmarked,
  isKept,
  releaseFree,
  topsOf,
} from '../../dist/heap/non-moving.js';
import { verifyHeap } from '../../dist/heap/verify.js';
import { arrayHeap } from './array-heap.ts';

const PAGES = 8;
const LARGE_PAGES = 40;
/** Data words of an object that fills so many pages. */
const filling = (pages: number) => pages * 1024 - 4;

function heap(largePages = LARGE_PAGES) {
  const made = arrayHeap(PAGES, { nonMovingPages: 2, largePages, roots: 2 });
  const { tables, view } = made;
  tables.control[CONTROL.flipped] = 1000; // nobody collects: an allocation in vain is out of memory at once
  const [, large, raw] = tables.fixed;
  /** A collection that finds these objects live; answers which pages gave their memory back. */
  const collect = (live: Iterable<number>, seen = () => {}) => {
    beginMarkingNew(tables);
    for (const object of live)
      tables.markBits[object >>> 5] = (tables.markBits[object >>> 5] as number) | (1 << (object & 31));
    keepNonMoving(view, tables);
    const tops = topsOf(tables);
    freeUnmarked(tables);
    seen();
    clearMarks(tables, tops);
    const given: number[] = [];
    releaseFree(tables, (first, end) => {
      view.words.fill(0, first * 1024, end * 1024);
      for (let page = first; page < end; page++) given.push(page);
    });
    return given;
  };
  const verify = () => verifyHeap(view, tables, 'now');
  return { ...made, large, raw, collect, verify, alloc: made.mutator.allocObject };
}

it('each object has pages of its own, with references in one part, raw in the other', () => {
  const { alloc, large, raw, mutator, verify, detach } = heap();
  const objects = [
    alloc(3100, 5),
    alloc(4000, 0),
    alloc(0, 3100),
    alloc(0, 9000),
    alloc(5, 3100),
    alloc(1, 3),
  ];
  const pages = objects.map((object) => object / 512);
  expect(pages.slice(0, 5)).toEqual([
    large.first,
    large.first + 4,
    raw.first,
    raw.first + 4,
    large.first + 8,
  ]);
  expect(pages[5]).toBeLessThan(PAGES);
  mutator.setRoot(0, objects[4] as number);
  mutator.setRefAt(objects[4] as number, 4, objects[3] as number);
  detach();
  expect(verify().objects).toBe(1 + objects.length);
});

it('what both parts take together is bounded', () => {
  const { alloc, tables } = heap();
  alloc(filling(25), 0);
  alloc(0, filling(10));
  expect(() => alloc(0, filling(6))).toThrow('the large-object space is 160 KiB');
  expect(() => alloc(filling(6), 0)).toThrow('mutator 0 asked for 24 KiB more');
  alloc(filling(5), 0);
  expect(tables.control[CONTROL.largeUsed]).toBe(LARGE_PAGES * 512);
});

it('pages of dead objects are given back, between live ones too, each once', () => {
  const { alloc, collect, raw, large } = heap();
  const [, b, , d] = [alloc(0, filling(4)), alloc(0, filling(5)), alloc(0, filling(6)), alloc(filling(4), 0)];
  alloc(filling(5), 0);
  const of = (space: typeof raw, first: number, end: number) =>
    Array.from({ length: end - first }, (_, i) => space.first + first + i);
  expect(collect([b, d])).toEqual([...of(large, 4, 9), ...of(raw, 0, 4), ...of(raw, 9, 15)]);
  expect(collect([b, d])).toEqual([]);
  expect(alloc(0, filling(4)) / 512).toBe(raw.first); // the first place that is large enough
  expect(alloc(0, filling(4)) / 512).toBe(raw.first + 9);
  expect(collect([b])).toEqual([...of(large, 0, 4), ...of(raw, 0, 4), ...of(raw, 9, 13)]);
});

it('a page that was not given back yet is made zero by who takes it', () => {
  const { alloc, collect, mutator, view, tables } = heap();
  const old = alloc(0, filling(6));
  for (let word = 0; word < filling(6); word++) mutator.setDataAt(old, word, -1);
  let taken = 0;
  const given = collect([], () => {
    taken = alloc(0, filling(4));
  });
  expect([taken, given]).toEqual([old, [taken / 512 + 4, taken / 512 + 5]]);
  const words = Array.from({ length: filling(4) }, (_, word) => mutator.dataAt(taken, word));
  expect(words.every((word) => word === 0)).toBe(true);
  // One that was given back is trusted: whoever does it says that it reads as zeros.
  collect([]);
  view.words[taken * 2 + 100] = 5;
  expect(mutator.dataAt(alloc(0, filling(4)), 99)).toBe(5);
  expect(tables.everUsed[taken / 512]).toBe(1);
});

it('a page is kept if any part of a live object lies on it', () => {
  const { alloc, collect, tables, large } = heap();
  const objects = [alloc(3100, 2), alloc(1, 3100), alloc(4000, 3000)];
  collect([objects[0] as number, objects[2] as number], () => {
    const kept = Array.from({ length: 16 }, (_, page) => isKept(tables, large.first + page));
    expect(kept).toEqual([...Array(4).fill(true), ...Array(4).fill(false), ...Array(7).fill(true), false]);
  });
});

it('any objects, any of them dropped: none overlap, live ones keep their words, new ones are zero', () => {
  const step = fc.oneof(
    fc.record({ references: fc.integer({ min: 0, max: 5000 }), words: fc.integer({ min: 3100, max: 9000 }) }),
    fc.record({ keep: fc.integer({ min: 0, max: 7 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      // However the five objects lie that there are at the most, some room between them is of 18 pages: enough for any.
      const { alloc, collect, mutator, verify, tables } = heap(128);
      const live = new Map<number, { end: number; tag: number; words: number }>();
      let tag = 1;
      for (const one of steps) {
        if ('keep' in one) {
          for (const [i, object] of [...live.keys()].entries())
            if (((i * 5) & 7) >= one.keep) live.delete(object);
          collect(live.keys());
        } else if ((tables.control[CONTROL.largeUsed] as number) < 20 * 512) {
          const { references, words } = one;
          const before = mutator.bytesAllocated();
          const object = alloc(references < 1000 ? 0 : references, words);
          expect(mutator.bytesAllocated() - before).toBe(mutator.bytesOf(object));
          const end = object + mutator.bytesOf(object) / 8;
          for (const [other, { end: otherEnd }] of live)
            expect(end <= other || object >= otherEnd).toBe(true);
          for (let word = 0; word < words; word += 100) expect(mutator.dataAt(object, word)).toBe(0);
          for (let word = 0; word < words; word++) mutator.setDataAt(object, word, tag * 10_000 + word);
          live.set(object, { end, tag: tag++, words });
        }
        for (const [object, { tag: own, words }] of live)
          for (const word of [0, words - 1]) expect(mutator.dataAt(object, word)).toBe(own * 10_000 + word);
        verify();
      }
    }),
    { numRuns: 60 },
  );
});
