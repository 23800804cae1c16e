/** What marking and preparing write down: the invariants I2 and P1 to P4 of the facts page. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeForward } from '../../dist/gc/forward.js';
import { setLiveBits } from '../../dist/gc/phases/liveness.js';
import { clearLiveness, prepare } from '../../dist/gc/phases/prepare.js';
import { topPage } from '../../dist/heap/spaces.js';
import {
  type Item,
  makeImage,
  mark,
  PAGE_GRANULES,
  pointTo,
  setRoots,
  sizeOf,
  type Thing,
  thing,
} from './heap-image.ts';
import { ARRAYS, type HeapMemory, linearMemory } from './heap-memory.ts';

const sizes = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 1, max: 20 }) },
    { weight: 2, arbitrary: fc.integer({ min: 20, max: 1500 }) },
    { weight: 1, arbitrary: fc.constantFrom(31, 32, 33, 511, 512, 513, 1024, 8191, 8192, 9000) },
  ),
  { maxLength: 80 },
);
const anyHeap = fc.record({ sizes, chosen: fc.array(fc.boolean(), { minLength: 80, maxLength: 80 }) });

/** A marked heap: objects of those sizes, those chosen alive. */
function markedHeap(
  heap: { sizes: readonly number[]; chosen: readonly boolean[] },
  memory: HeapMemory = ARRAYS,
) {
  const things = heap.sizes.map((granules, i) => thing(i, 0, 2 * granules - (granules > 8191 ? 4 : 1)));
  const live = things.filter((_, i) => heap.chosen[i]);
  const image = makeImage(things, 1, 1, memory);
  const compiled = memory.compiled(image.tables);
  setRoots(
    image.tables,
    1,
    live.map((item) => image.places.get(item) as number),
  );
  const result = mark(image.space.view, image.tables, compiled);
  const spans = live.map((item) => ({ begin: image.places.get(item) as number, granules: sizeOf(item) }));
  return { ...image, liveness: compiled?.liveness, result, spans: [{ begin: 0, granules: 1 }, ...spans] };
}
type Marked = ReturnType<typeof markedHeap>;

const bit = (map: Int32Array, granule: number, stride: number) =>
  ((map[(granule >>> 5) * stride] as number) >>> (granule & 31)) & 1;

/** All live granules in order. */
const liveGranules = ({ spans }: Marked) =>
  spans.flatMap(({ begin, granules }) => Array.from({ length: granules }, (_, i) => begin + i));

/** By the loops in JavaScript, and by those that are compiled. */
function check(property: (marked: Marked) => void): void {
  for (const memory of [() => ARRAYS, linearMemory])
    fc.assert(
      fc.property(anyHeap, (heap) => property(markedHeap(heap, memory()))),
      { numRuns: 60 },
    );
}

const prepareAll = ({ space, tables, liveness }: Marked) =>
  prepare(space.view, tables, topPage(tables) * PAGE_GRANULES, 0, liveness);

describe('marking', () => {
  it('sets a mark bit where each live object begins, and a live bit for each of its granules', () => {
    check((marked) => {
      const { markBits, liveness, pages } = marked.tables;
      const begins = new Set(marked.spans.map(({ begin }) => begin));
      const live = new Set(liveGranules(marked));
      for (let granule = 0; granule < pages * PAGE_GRANULES; granule++) {
        if (bit(markBits, granule, 1) !== Number(begins.has(granule))) expect(granule).toBe('marked wrongly');
        if (bit(liveness, granule, 2) !== Number(live.has(granule))) expect(granule).toBe('live wrongly');
      }
      expect(marked.result).toEqual({ objects: begins.size, granules: live.size });
    });
  });

  it('finds a chain as long as the heap, and each object once', () => {
    const chain = Array.from({ length: 3000 }, (_, i) => thing(i, 2, 1));
    for (const [i, item] of chain.entries()) {
      pointTo(item, 0, chain[i + 1] ?? (chain[0] as Item));
      pointTo(item, 1, item);
    }
    const { space, tables, places } = makeImage(chain, 1);
    const root = places.get(chain[0] as Thing) as number;
    setRoots(tables, 0, [root, 0, root]);
    setRoots(tables, 1, [root]);
    expect(mark(space.view, tables)).toEqual({ objects: 3001, granules: 6001 });
  });

  it('names an object that has no size, and a reference that leaves the heap', () => {
    const item = thing(1, 2, 1);
    const marking = (damage: (write: (word: number, value: number) => void) => void) => {
      const { space, tables, places } = makeImage([item], 1);
      setRoots(tables, 0, [places.get(item) as number]);
      damage(space.write);
      return () => mark(space.view, tables);
    };
    expect(marking((write) => write(2, 0))).toThrow(
      /object 1 \(heap \+ 0x8, page 0\): its header says 0 granules/,
    );
    for (const target of [-5, 1 << 20]) {
      expect(marking((write) => write(3, target))).toThrow(
        `a root or a reference is ${target}, outside the heap`,
      );
    }
  });

  it('takes no root slot past the count', () => {
    const [one, two] = [thing(1, 0, 1), thing(2, 0, 1)];
    const { space, tables, places } = makeImage([one, two], 1);
    setRoots(tables, 0, [places.get(one) as number, places.get(two) as number]);
    (tables.roots[0] as Int32Array)[0] = 1;
    expect(mark(space.view, tables).objects).toBe(2);
  });
});

describe('live bits', () => {
  it('are not set of an object without a size, or one that ends past what was marked', () => {
    const item = thing(1, 0, 100_001);
    for (const memory of [ARRAYS, linearMemory()]) {
      for (const granules of [0, -3, sizeOf(item) + 600, 2 ** 31 - 1]) {
        const { space, tables, places } = makeImage([item], 1, 1, memory);
        const object = places.get(item) as number;
        setRoots(tables, 0, [object]);
        mark(space.view, tables);
        space.write(2 * object + 1, granules);
        const again = () =>
          setLiveBits(space.view, tables, topPage(tables) * 16, memory.compiled(tables)?.liveness);
        expect(again).toThrow(/after marking.*: object 1 \(/);
        expect(again).toThrow(`its header says ${granules} granules`);
      }
    }
  });
});

describe('preparing', () => {
  it('counts for each chunk the live granules below it (P1)', () => {
    check((marked) => {
      const { tables } = marked;
      const plan = prepareAll(marked);
      const live = liveGranules(marked);
      expect(plan).toEqual({
        liveGranules: live.length,
        compactedPages: Math.ceil(live.length / PAGE_GRANULES),
        ...{ prefixPages: 0, prefixGaps: new Int32Array(0), prefixDead: 0 },
      });
      const below = new Int32Array(topPage(tables) * 16 + 1);
      for (const granule of live) below[(granule >>> 5) + 1] = (below[(granule >>> 5) + 1] as number) + 1;
      for (let chunk = 1; chunk < below.length; chunk++) {
        below[chunk] = (below[chunk] as number) + (below[chunk - 1] as number);
      }
      for (let chunk = 0; chunk < topPage(tables) * 16; chunk++) {
        if (tables.liveness[2 * chunk + 1] !== below[chunk]) expect(chunk).toBe('counted wrongly');
      }
    });
  });

  it('gives the live granules new places without a gap, in their order, and none above its old one (P2)', () => {
    check((marked) => {
      const { tables } = marked;
      const blackBegin = topPage(tables) * PAGE_GRANULES;
      prepareAll(marked);
      const forward = makeForward(tables.liveness, {
        blackBegin,
        blackSlide: 5 * PAGE_GRANULES,
        nonMoving: 2 ** 30,
      });
      for (const [i, granule] of liveGranules(marked).entries()) {
        if (forward(granule) !== i || i > granule) expect([granule, forward(granule)]).toBe(i);
      }
      expect([forward(blackBegin), forward(blackBegin + 9)]).toEqual(
        [0, 9].map((i) => blackBegin + i - 5 * PAGE_GRANULES),
      );
    });
  });

  it('finds for each page the granule and the object that land on it first (P3, P4)', () => {
    check((marked) => {
      const { tables } = marked;
      const { compactedPages } = prepareAll(marked);
      const live = liveGranules(marked);
      for (let page = 0; page < compactedPages; page++) {
        const granule = live[page * PAGE_GRANULES] as number;
        const object = marked.spans.findLast(({ begin }) => begin <= granule);
        expect([tables.firstGranule[page], tables.firstObject[page]]).toEqual([granule, object?.begin]);
        expect(tables.objectAtPage[page]).toBe(page * PAGE_GRANULES - granule + (object?.begin as number));
      }
    });
  });

  it('is undone by clearing, for the next collection', () => {
    check((marked) => {
      const { tables } = marked;
      prepareAll(marked);
      clearLiveness(tables, topPage(tables) * PAGE_GRANULES);
      expect(tables.markBits.some((word) => word !== 0)).toBe(false);
      expect(tables.liveness.some((word) => word !== 0)).toBe(false);
    });
  });
});
