/** Whatever is allocated, in whatever order: the heap parses to its top, and the crossing map is right. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fitsRecord } from '../../dist/heap/object.js';
import { topPage } from '../../dist/heap/spaces.js';
import { verifyHeap } from '../../dist/heap/verify.js';
import { arrayHeap } from './array-heap.ts';

const anySize = fc.oneof(
  { weight: 10, arbitrary: fc.record({ references: fc.nat(6), words: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ references: fc.nat(1100), words: fc.nat(3000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ references: fc.nat(5), words: fc.integer({ min: 16_000, max: 20_000 }) }),
  },
  // Objects that end exactly with a page, or begin one.
  {
    weight: 2,
    arbitrary: fc.record({
      references: fc.constant(0),
      words: fc.constantFrom(1019, 1021, 1023, 2045, 2047),
    }),
  },
);
const steps = fc.array(
  fc.oneof({ weight: 12, arbitrary: anySize }, { weight: 1, arbitrary: fc.constant('stop') }),
  {
    maxLength: 120,
  },
);

it('after any sequence of allocations and stops', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const { mutator: m, detach, tables, view } = arrayHeap(4096, { rootSlots: 200 });
      let objects = 1;
      let bytes = 8;
      for (const step of sequence) {
        if (typeof step === 'string') {
          m.blocked(() => {
            const survey = verifyHeap(view, tables, 'while the mutator is stopped');
            expect([survey.objects, survey.objectBytes]).toEqual([objects, bytes]);
          });
          continue;
        }
        const { references, words } = step;
        const object = m.allocObject(references, words);
        expect(m.referencesOf(object)).toBe(references);
        const headers = fitsRecord(references, words) ? 1 : 4;
        expect(m.bytesOf(object)).toBe(8 * Math.ceil((headers + references + words) / 2));
        for (let slot = 0; slot < references; slot++) {
          expect(m.refAt(object, slot)).toBe(0);
          m.setRefAt(object, slot, object);
        }
        for (let word = 0; word < words; word++) {
          if (m.dataAt(object, word) !== 0) expect(word).toBe('not 0');
          m.setDataAt(object, word, -1 - word);
        }
        objects++;
        bytes += m.bytesOf(object);
        expect(m.bytesAllocated()).toBe(bytes - 8); // of the one that was there before
      }
      detach();
      const survey = verifyHeap(view, tables, 'at the end');
      expect([survey.objects, survey.objectBytes]).toEqual([objects, bytes]);
      expect(survey.objectBytes + survey.fillerBytes).toBe(topPage(tables) * 4096);
    }),
    { numRuns: 60 },
  );
});

it('a heap is filled to its last granule', () => {
  const { mutator: m, detach, tables, view } = arrayHeap(32);
  const granules = 31 * 512;
  for (let i = 0; i < granules / 2; i++) m.allocObject(1, 2);
  detach();
  expect(topPage(tables)).toBe(32);
  expect(verifyHeap(view, tables, 'at the end')).toMatchObject({
    objects: 1 + granules / 2,
    fillerBytes: 511 * 8,
  });
});
