/** Marking, preparing, flipping and making all pages come to what sliding a list of objects comes to. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compactAndCheck, type Scenario } from './compaction-model.ts';
import { type Item, isThing, pointTo, reachable, type Thing, thing } from './heap-image.ts';

const size = fc.oneof(
  { weight: 12, arbitrary: fc.record({ references: fc.nat(4), words: fc.nat(14) }) },
  { weight: 3, arbitrary: fc.record({ references: fc.nat(60), words: fc.nat(900) }) },
  { weight: 1, arbitrary: fc.record({ references: fc.nat(1500), words: fc.nat(4000) }) },
  { weight: 1, arbitrary: fc.record({ references: fc.integer({ min: 1020, max: 1026 }), words: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ references: fc.nat(3), words: fc.integer({ min: 16_370, max: 16_390 }) }),
  },
);
const filler = fc.record({
  filler: fc.oneof(fc.integer({ min: 1, max: 700 }), fc.constantFrom(8191, 8192, 9000)),
});
const items = (most: number) =>
  fc.array(fc.oneof({ weight: 9, arbitrary: size }, { weight: 1, arbitrary: filler }), { maxLength: most });

const anyHeap = fc.record({
  old: items(50),
  black: fc.oneof({ weight: 1, arbitrary: fc.constant([]) }, { weight: 3, arbitrary: items(20) }),
  roots: fc.nat(6),
  blackRoots: fc.nat(4),
  stores: fc.nat(5),
  nulls: fc.nat(3),
  seed: fc.integer({ min: 1, max: 1 << 30 }),
  density: fc.constantFrom(0.5, 0.8, 0.95, 1, undefined),
});
type Shape = { references: number; words: number } | { filler: number };

/** Makes the objects and points them at each other. */
function scenarioOf(heap: typeof anyHeap extends fc.Arbitrary<infer T> ? T : never): Scenario {
  const random = randomFrom(heap.seed);
  let label = 0;
  const made = (shapes: readonly Shape[]): Item[] =>
    shapes.map((shape) => ('filler' in shape ? shape : thing(++label, shape.references, shape.words)));
  const [old, black] = [made(heap.old), made(heap.black)];
  const things = old.filter(isThing);
  connect(things, things, heap.nulls, random);
  const roots = Array.from({ length: heap.roots }, () => pick(things, random)).filter(
    (item) => item !== undefined,
  );
  const live = [...reachable(roots)].filter(isThing);
  const young = black.filter(isThing);
  connect(young, [...live, ...young], heap.nulls, random);
  const blackRoots = Array.from({ length: heap.blackRoots }, () => pick([...young, ...live], random));
  const stores = Array.from({ length: heap.stores }, () => ({
    from: pick(live, random),
    target: pick(young, random),
  }));
  return {
    old,
    roots,
    black,
    blackRoots: blackRoots.filter((item) => item !== undefined),
    stores: stores.flatMap(({ from, target }) =>
      from === undefined || target === undefined || from.references.length === 0
        ? []
        : [{ from, target, slot: random(from.references.length) }],
    ),
    ...{ seed: heap.seed, density: heap.density },
  };
}

function connect(
  from: readonly Thing[],
  to: readonly Thing[],
  nulls: number,
  random: (below: number) => number,
) {
  for (const item of from) {
    for (const slot of item.references.keys()) {
      const target = random(4) < nulls ? null : (pick(to, random) ?? null);
      pointTo(item, slot, target);
    }
  }
}

function pick<T>(from: readonly T[], random: (below: number) => number): T | undefined {
  return from.length === 0 ? undefined : from[random(from.length)];
}

function randomFrom(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x3c6ef372;
    return ((state ^ (state >>> 13)) >>> 0) % below;
  };
}

it('random heaps, with and without objects allocated since marking', () => {
  let [several, slid, still, kept, filled] = [0, 0, 0, 0, 0];
  fc.assert(
    fc.property(anyHeap, (heap) => {
      const done = compactAndCheck(scenarioOf(heap));
      if (done.compactedPages > 3) several++;
      if (done.slidPages > 0 && done.slide > 0) slid++;
      if (done.slidPages > 0 && done.slide === 0) still++;
      if (done.prefixPages > 0 && done.prefixPages < done.compactedPages) kept++;
      if (done.prefixDead > 0) filled++;
    }),
    {
      numRuns: 200,
      examples: [
        [{ old: [], black: [], roots: 0, blackRoots: 0, stores: 0, nulls: 0, seed: 1, density: undefined }],
      ],
    },
  );
  // Random tests that no longer reach the cases they are for must not go unnoticed.
  expect(several).toBeGreaterThan(20);
  expect(slid).toBeGreaterThan(20);
  expect(still).toBeGreaterThan(1);
  expect(kept).toBeGreaterThan(3);
  expect(filled).toBeGreaterThan(3);
});
