/** When memory is looked at while pages are made and from-space is given back: never long after a new height. */
import { expect, it } from 'vitest';
import { allocateCycle, CYCLE, openCycle } from '../../dist/gc/cycle.js';
import type { Maker } from '../../dist/gc/maker.js';
import { beginReclaiming, isNewHeight } from '../../dist/gc/phases/reclaim.js';

it.each([
  [600, 30],
  [54_000, 30],
  [262_144, 30],
  [54_000, 0],
])('%i old pages, of which half are live, and %i pages of faults a batch at first', (old, faults) => {
  const cycle = openCycle(allocateCycle());
  const maker = { cycle } as unknown as Maker;
  const progress = beginReclaiming({ used: old / 2, old, prefix: 0, nonMoving: 0, oldTops: [] });
  let [highest, seen, looks] = [0, 0, 0];
  for (let batch = 0; progress.end > 0; batch++) {
    // 16 pages of the collector's own, and many by fault threads in the first part of the compaction.
    cycle[CYCLE.made] = (cycle[CYCLE.made] as number) + 16 + (batch < old / 160 ? faults : 0);
    const pages = progress.end + (cycle[CYCLE.made] as number);
    highest = Math.max(highest, pages);
    if (isNewHeight(maker, progress)) {
      seen = pages;
      looks++;
    }
    progress.end = Math.max(0, progress.end - 32);
  }
  expect(highest).toBeGreaterThan(old);
  expect(highest - seen).toBeLessThanOrEqual(Math.max(64, highest / 64));
  expect(looks).toBeLessThan(64);
});
