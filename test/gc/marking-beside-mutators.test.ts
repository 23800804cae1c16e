/**
 * Marking while mutators allocate, store references, lose them and hide them: whatever the order of their steps and
 * the collector's, every object that is reachable when marking ends is marked. All on one thread, step by step.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { allocateMarkPool, openMarkPool } from '../../dist/gc/mark-pool.js';
import { makeMarking, precleanAgain } from '../../dist/gc/phases/mark.js';
import { isDirty, makeCardTaker } from '../../dist/heap/cards.js';
import type { Mutator } from '../../dist/heap/mutator.js';
import { RECORD_HEADER_WORDS } from '../../dist/heap/object.js';
import { awaitHandshake } from '../../dist/heap/safepoint.js';
import { topPage } from '../../dist/heap/spaces.js';
import { verifyHeap } from '../../dist/heap/verify.js';
import { type ArrayHeap, arrayHeap } from '../heap/array-heap.ts';
import { ARRAYS, type HeapMemory, linearMemory } from './heap-memory.ts';

const ROOTS = 6;
const PAGES = 1024;
const TOO_LARGE = 8200; // granules: an array's header, and pages of its own

/** What one of two mutators does, on objects that its roots or its fellow's hold. */
const step = fc.record({
  who: fc.nat(1),
  // Weighted: the ways to lose an object are what it is about.
  does: fc.constantFrom(
    ...['allocate', 'allocate', 'link', 'link', 'link', 'load', 'hide', 'hide', 'drop', 'pass'],
  ),
  i: fc.nat(ROOTS - 1),
  j: fc.nat(ROOTS - 1),
  slot: fc.nat(500),
  references: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }) },
    fc.integer({ min: 60, max: 400 }),
  ),
  data: fc.oneof({ weight: 8, arbitrary: fc.nat(20) }, fc.nat(900), fc.constant(2 * TOO_LARGE)),
  /** Objects that the collector marks after it, if it is at that. */
  marks: fc.nat(3),
  /** When that is done it stops the world, and finds that it is too early if there is more to do than that. */
  stops: fc.oneof(
    { weight: 3, arbitrary: fc.constant(null) },
    { weight: 3, arbitrary: fc.constantFrom(-1, 0, 1) },
    { weight: 1, arbitrary: fc.integer({ min: 2, max: 40 }) },
  ),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function perform(m: Mutator, { does, i, j, slot, references, data }: Step): void {
  const object = m.root(i);
  const at = object === 0 ? -1 : slot % Math.max(1, m.referencesOf(object));
  if (does === 'allocate') m.setRoot(i, m.allocObject(references, data));
  else if (does === 'drop') m.setRoot(i, 0);
  else if (object === 0 || m.referencesOf(object) === 0) return;
  else if (does === 'link') m.setRefAt(object, at, m.root(j));
  else if (does === 'load') m.setRoot(j, m.refAt(object, at));
  else if (does === 'hide') {
    m.setRoot(j, m.refAt(object, at));
    m.setRefAt(object, at, 0);
  }
}

/** The collector, a step at a time: it waits for a handshake, or traces, or begins another round. */
function makeCollector({ tables, view }: ArrayHeap, mutators: readonly Mutator[], memory: HeapMemory) {
  const pool = openMarkPool(allocateMarkPool());
  const marking = makeMarking(tables, pool, true, memory.compiled(tables));
  const passed = mutators.map(() => false);
  let handshake = marking.begin(view);
  let at: 'handshake' | 'stopped' | 'tracing' | 'ended' = 'handshake';
  const collector = {
    pass(who: number) {
      mutators[who]?.safepoint();
      passed[who] = true;
    },
    /** Whether marking has ended by it. */
    work(marks: number, stops: number | null): boolean {
      if (at === 'tracing') {
        if (marks === 0 || !marking.trace(marks)) return false;
        if (stops !== null) {
          for (const m of mutators) m.safepoint();
          const [first, second] = mutators as [Mutator, Mutator];
          first.blocked(() =>
            second.blocked(() => {
              at = marking.finish(stops) ? 'ended' : 'stopped';
            }),
          );
          return (at as string) === 'ended';
        }
        passed.fill(false);
        handshake = marking.takeCards();
        at = 'handshake';
      } else if (at === 'stopped') {
        at = 'tracing';
      } else if (passed.every(Boolean)) {
        awaitHandshake(tables, handshake);
        marking.pushFound();
        at = 'tracing';
      }
      return false;
    },
    finish() {
      for (const who of mutators.keys()) collector.pass(who);
      if (at === 'handshake') awaitHandshake(tables, handshake);
      if (at === 'ended') return marking.objects();
      if (at === 'handshake') marking.pushFound();
      marking.trace();
      expect(marking.finish()).toBe(true);
      return marking.objects();
    },
  };
  return collector;
}

/** All objects that roots and the references of marked objects lead to. */
function reachable(m: Mutator, roots: readonly Int32Array[]): Set<number> {
  const found = new Set([0]);
  const left = roots.flatMap((slots) => [...slots.subarray(1, 1 + (slots[0] as number))]);
  for (let object = left.pop(); object !== undefined; object = left.pop()) {
    if (found.has(object)) continue;
    found.add(object);
    for (let slot = 0; slot < m.referencesOf(object); slot++) left.push(m.refAt(object, slot));
  }
  return found;
}

const isMarked = ({ tables }: ArrayHeap, object: number) =>
  (((tables.markBits[object >>> 5] as number) >>> (object & 31)) & 1) === 1;

function run(before: readonly Step[], during: readonly Step[], memory: HeapMemory): void {
  const heap = arrayHeap(PAGES, { roots: ROOTS }, memory);
  const second = heap.attach(1);
  const mutators = [heap.mutator, second.mutator] as const;
  for (const one of before) perform(mutators[one.who as 0 | 1], one);
  const collector = makeCollector(heap, mutators, memory);
  const bornMarked = new Set<number>();
  for (const one of during) {
    const m = mutators[one.who as 0 | 1];
    if (one.does === 'pass') collector.pass(one.who);
    else perform(m, one);
    if (one.does === 'allocate' && isMarked(heap, m.root(one.i))) bornMarked.add(m.root(one.i));
    if (collector.work(one.marks, one.stops)) break;
  }
  // What no handshake comes after is the pause's to find.
  for (const m of mutators) m.safepoint();
  heap.mutator.blocked(() =>
    second.mutator.blocked(() => {
      const found = collector.finish();
      const live = reachable(heap.mutator, heap.tables.roots);
      for (const object of live) expect(isMarked(heap, object), `object ${object}`).toBe(true);
      const scanned = [...live].filter((object) => !bornMarked.has(object));
      expect(found).toBeGreaterThanOrEqual(scanned.length);
      expect(verifyHeap(heap.view, heap.tables, 'in the pause')).toBeDefined();
    }),
  );
  expect(topPage(heap.tables)).toBeLessThan(PAGES); // no collection was asked for
}

const steps = (maxLength: number) => fc.array(step, { maxLength, size: 'max' });

it.each([
  ['JavaScript', () => ARRAYS, 1500],
  ['compiled', linearMemory, 1000],
] as const)('%s: every object that is reachable in the pause is marked', (_where, memory, numRuns) => {
  fc.assert(
    fc.property(steps(60), steps(120), (before, during) => run(before, during, memory())),
    { numRuns },
  );
});

it.each(
  [3, 200, 700, 20_000].flatMap((slots) => [
    [slots, 'JavaScript', () => ARRAYS] as const,
    [slots, 'compiled', linearMemory] as const,
  ]),
)('a store to each of %i slots of an object is found again, %s', (slots, _where, where) => {
  const memory = where();
  const heap = arrayHeap(PAGES, { roots: ROOTS }, memory);
  const { mutator: m, tables, view } = heap;
  m.allocObject(0, 37); // so that the object does not begin with a card
  m.setRoot(0, m.allocObject(slots, 0));
  const unseen = Array.from({ length: slots }, () => m.allocObject(0, 1));
  const marking = makeMarking(tables, openMarkPool(allocateMarkPool()), true, memory.compiled(tables));
  const handshake = marking.begin(view);
  m.safepoint();
  awaitHandshake(tables, handshake);
  marking.pushFound();
  expect(marking.trace()).toBe(true);
  expect(unseen.some((object) => isMarked(heap, object))).toBe(false);
  for (const [slot, object] of unseen.entries()) m.setRefAt(m.root(0), slot, object);
  m.blocked(() => marking.finish());
  expect(marking.objects()).toBe(2 + slots);
  expect(unseen.every((object) => isMarked(heap, object))).toBe(true);
});

it('an object on a page handed out since the handshake was asked for is not looked at before the next', () => {
  const heap = arrayHeap(PAGES, { roots: ROOTS });
  const { mutator: m, tables, view } = heap;
  m.setRoot(0, m.allocObject(1, 0));
  const marking = makeMarking(tables, openMarkPool(allocateMarkPool()), true);
  const handshake = marking.begin(view);
  m.safepoint();
  awaitHandshake(tables, handshake);
  const fresh = m.allocObject(0, 1); // on a weakly ordered processor its header may not be there to be seen yet
  m.setRefAt(m.root(0), 0, fresh);
  marking.pushFound();
  marking.trace();
  expect([isMarked(heap, m.root(0)), isMarked(heap, fresh)]).toEqual([true, false]);
  const next = marking.takeCards();
  m.safepoint();
  awaitHandshake(tables, next);
  marking.pushFound();
  marking.trace();
  expect(isMarked(heap, fresh)).toBe(true);
});

it('from precleaning to the end new objects are marked, and a store of what is marked dirties no card', () => {
  const heap = arrayHeap(PAGES, { roots: ROOTS });
  const { mutator: m, tables, view } = heap;
  m.setRoot(0, m.allocObject(3, 0));
  const marking = makeMarking(tables, openMarkPool(allocateMarkPool()), true);
  const pass = (handshake: number) => {
    m.safepoint();
    awaitHandshake(tables, handshake);
    marking.pushFound();
    marking.trace();
  };
  const dirties = (slot: number, value: number) => {
    m.setRefAt(m.root(0), slot, value);
    const word = m.root(0) * 2 + RECORD_HEADER_WORDS + slot;
    const dirty = isDirty(tables, word);
    makeCardTaker(tables).clean();
    return dirty;
  };
  pass(marking.begin(view));
  const before = m.allocObject(0, 1);
  expect([isMarked(heap, before), dirties(0, m.root(0))]).toEqual([false, true]);
  pass(marking.takeCards());
  const late = m.allocObject(0, 1);
  expect([isMarked(heap, late), dirties(0, late), dirties(1, m.root(0)), dirties(1, 0)]).toEqual(
    [true, false, false, false], // whatever they overwrite
  );
  expect([isMarked(heap, before), dirties(2, before)]).toEqual([false, true]);
  m.blocked(() => expect(marking.finish()).toBe(true));
  const after = m.allocObject(0, 1);
  expect([isMarked(heap, after), dirties(0, late)]).toEqual([false, true]);
});

it('what a pause that was given up has taken is looked at before the next', () => {
  const heap = arrayHeap(PAGES, { roots: ROOTS });
  const { mutator: m, tables, view } = heap;
  m.setRoot(0, m.allocObject(1, 0));
  m.setRoot(1, m.allocObject(0, 1));
  const marking = makeMarking(tables, openMarkPool(allocateMarkPool()), true);
  const handshake = marking.begin(view);
  const hidden = m.root(1);
  m.setRoot(1, 0);
  m.safepoint();
  awaitHandshake(tables, handshake);
  marking.pushFound();
  marking.trace();
  m.setRefAt(m.root(0), 0, hidden); // of no root any more, and on a card
  m.blocked(() => {
    expect(marking.finish(0)).toBe(false);
    expect(precleanAgain(tables, marking, { count: 0, start: () => {}, join: () => {} }, 1)).toBe(1);
    expect(marking.finish(0)).toBe(true);
  });
  expect(isMarked(heap, hidden)).toBe(true);
});
