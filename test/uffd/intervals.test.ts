/** The book of address ranges that the real kernel's machine keeps, against a list of addresses. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { covers, intervalNumbers, intervals, put, remove } from '../../dist/uffd/linux/intervals.js';

const ADDRESSES = 24;
const step = fc.record({
  start: fc.nat(ADDRESSES - 1),
  length: fc.integer({ min: 1, max: 8 }),
  tag: fc.nat(2), // 0: taken out
  viewed: fc.boolean(),
});

it('what is put in and taken out is there, in as few ranges as can be', () => {
  let joined = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const table = new Float64Array(intervalNumbers(2 * ADDRESSES));
      const model: string[] = Array(ADDRESSES).fill('');
      for (const { start, length, tag, viewed } of steps) {
        const end = Math.min(ADDRESSES, start + length);
        const before = intervals(table).length;
        if (tag === 0) {
          const seen = remove(table, start, end);
          expect(seen).toBe(model.slice(start, end).some((kind) => kind.endsWith('true')));
        } else put(table, { start, end, tag, viewed });
        model.fill(tag === 0 ? '' : `${tag} ${viewed}`, start, end);
        if (tag > 0 && intervals(table).length < before) joined++;
      }
      const found = Array(ADDRESSES).fill('');
      const ranges = intervals(table);
      for (const { start, end, tag, viewed } of ranges) found.fill(`${tag} ${viewed}`, start, end);
      expect(found).toEqual(model);
      const changes = model.filter((kind, i) => kind !== '' && kind !== model[i - 1]);
      expect(ranges.length).toBe(changes.length);
      expect(covers(table, 3, 9)).toBe(model.slice(3, 9).every((kind) => kind !== ''));
    }),
    { numRuns: 500 },
  );
  expect(joined).toBeGreaterThan(20);
});
