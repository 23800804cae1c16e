/** Every page of a collection is claimed by one batch, from the top down. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { allocateCycle, CYCLE, claimPages, openCycle } from '../../dist/gc/cycle.js';

it('batches are disjoint, descending, full but for the last, and cover all pages', () => {
  const batch = fc.integer({ min: 1, max: 20 });
  fc.assert(
    fc.property(fc.nat(300), fc.array(batch, { minLength: 1, maxLength: 4 }), (pages, sizes) => {
      const cycle = openCycle(allocateCycle());
      cycle[CYCLE.cursor] = pages;
      const claimed = [];
      let top = pages;
      for (let i = 0; top > 0; i++) {
        const most = sizes[i % sizes.length] as number;
        const { first, end } = claimPages(cycle, most);
        expect([first, end]).toEqual([Math.max(0, top - most), top]);
        claimed.push(end - first);
        top = first;
      }
      expect(claimed.reduce((sum, n) => sum + n, 0)).toBe(pages);
    }),
  );
});

it('once no page is left, every further claim is empty', () => {
  const cycle = openCycle(allocateCycle());
  cycle[CYCLE.cursor] = 5;
  const claims = Array.from({ length: 4 }, () => claimPages(cycle, 4));
  expect(claims).toEqual([
    { first: 1, end: 5 },
    { first: 0, end: 1 },
    { first: 0, end: 0 },
    { first: 0, end: 0 },
  ]);
});
