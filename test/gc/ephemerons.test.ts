/** What ephemerons keep is marked, and nothing else: against the simplest fixpoint there is, by both kinds of loops. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocateMarkPool, openMarkPool } from '../../dist/gc/mark-pool.js';
import { makeMarking } from '../../dist/gc/phases/mark.js';
import { processReferences } from '../../dist/gc/phases/references.js';
import { WEAK_ENTRY_WORDS, WEAK_HEAD_WORDS } from '../../dist/heap/layout.js';
import { openWeakHandles } from '../../dist/heap/weak.js';
import { makeImage, pointTo, reachable, setRoots, type Thing, thing } from './heap-image.ts';
import { ARRAYS, linearMemory } from './heap-memory.ts';

const WHERE = ['JavaScript', 'compiled'] as const;
type Pair = readonly [key: number, value: number];

interface Case {
  /** References between objects, by number. */
  readonly edges: readonly Pair[];
  readonly pairs: readonly Pair[];
  readonly roots: readonly number[];
}

/** Marks a heap of so many objects, and answers which are alive, and what each ephemeron's value is. */
function run(objects: number, { edges, pairs, roots }: Case, where: (typeof WHERE)[number]) {
  const memory = where === 'compiled' ? linearMemory() : ARRAYS;
  const things = Array.from({ length: objects }, (_, i) => thing(i, 3, 1));
  for (const [i, [from, to]] of edges.entries()) pointTo(things[from] as Thing, i % 3, things[to] as Thing);
  const image = makeImage(things, 1, 1, memory);
  const weak = [0, 1].map(() => new Int32Array(WEAK_HEAD_WORDS + pairs.length * WEAK_ENTRY_WORDS));
  const tables = { ...image.tables, weak };
  const placeOf = (i: number) => image.places.get(things[i] as Thing) as number;
  setRoots(tables, 0, roots.map(placeOf));
  // Of two mutators: what one has may keep what the other has.
  const tablesOf = [0, 1].map((mutator) => openWeakHandles(tables, mutator));
  const handles = pairs.map(([key, value], i) => {
    const mine = tablesOf[i % 2] as (typeof tablesOf)[0];
    return { mine, handle: mine.ephemeron(placeOf(key), placeOf(value)) };
  });
  const marking = makeMarking(tables, openMarkPool(allocateMarkPool()), true, memory.compiled(tables));
  marking.begin(image.space.view);
  marking.finish();
  const { cleared } = processReferences(tables, marking);
  const isMarked = (i: number) =>
    (((tables.markBits[placeOf(i) >>> 5] as number) >>> (placeOf(i) & 31)) & 1) === 1;
  const values = handles.map(({ mine, handle }) => mine.ephemeronValue(handle));
  return { things, placeOf, isMarked, values, cleared, objects: marking.objects() };
}

function aliveByHand(things: readonly Thing[], { pairs, roots }: Case): Set<unknown> {
  const from = roots.map((i) => things[i] as Thing);
  for (;;) {
    const alive = reachable(from);
    const kept = pairs.filter(
      ([key, value]) => alive.has(things[key] as Thing) && !alive.has(things[value] as Thing),
    );
    if (kept.length === 0) return alive;
    from.push(...kept.map(([, value]) => things[value] as Thing));
  }
}

const OBJECTS = 24;
const number = fc.integer({ min: 0, max: OBJECTS - 1 });
const pairsOf = (maxLength: number) => fc.array(fc.tuple(number, number), { maxLength });

describe.each(WHERE)('%s', (where) => {
  it('random heaps, of which ephemerons keep a part', () => {
    const anyCase = fc.record({
      edges: pairsOf(20),
      pairs: pairsOf(20),
      roots: fc.array(number, { maxLength: 3 }),
    });
    fc.assert(
      fc.property(anyCase, (heap) => {
        const { things, placeOf, isMarked, values, cleared, objects } = run(OBJECTS, heap, where);
        const alive = aliveByHand(things, heap);
        expect(things.map((_, i) => isMarked(i))).toEqual(things.map((item) => alive.has(item)));
        expect(objects).toBe(1 + alive.size);
        const isKept = ([key]: Pair) => alive.has(things[key] as Thing);
        expect(values).toEqual(heap.pairs.map((pair) => (isKept(pair) ? placeOf(pair[1]) : 0)));
        expect(cleared).toBe(heap.pairs.filter((pair) => !isKept(pair)).length);
      }),
      { numRuns: 400 },
    );
  });

  // A pass over all of them for each would be 2 × 10⁹ looks.
  it('a chain of 60,000, each the key of the one before it', () => {
    const length = 60_000;
    const pairs = Array.from({ length }, (_, i): Pair => [length - 1 - i, length - i]);
    const { values, objects } = run(length + 1, { edges: [], pairs, roots: [0] }, where);
    expect(values.every((value) => value !== 0)).toBe(true);
    expect(objects).toBe(length + 2);
  });
});
