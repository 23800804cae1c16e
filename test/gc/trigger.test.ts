/** When the next collection begins: sizes in pages of a heap of 1000. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HeapUse, setFirstTrigger, setTrigger, type TriggerPolicy } from '../../dist/gc/trigger.js';
import { allocateMetadata, CONTROL, openTables, REASON } from '../../dist/heap/layout.js';

const PAGES = 1000;
const geometry = { heapBytes: PAGES * 4096, mutators: 1, rootSlots: 1, tlabPages: 8 };
const MAY_FILL: TriggerPolicy = { utilization: null, minFreePages: 1, maxFreePages: PAGES };

function startOf(policy: TriggerPolicy, use?: HeapUse): { at: number; reason: number } {
  const tables = openTables(allocateMetadata(geometry), geometry);
  if (use === undefined) setFirstTrigger(tables, policy);
  else setTrigger(tables, policy, use);
  const { control } = tables;
  return { at: control[CONTROL.startAt] as number, reason: control[CONTROL.startReason] as number };
}

describe('a heap that may fill', () => {
  const { headroom: reason } = REASON;

  it('the first time: a quarter is left', () => {
    expect(startOf(MAY_FILL)).toEqual({ at: 750, reason });
  });

  it('what the last collection saw allocated, and half of that, is left', () => {
    expect(startOf(MAY_FILL, { livePages: 400, usedPages: 450, allocatedPages: 100 })).toEqual({
      at: 850,
      reason,
    });
  });

  it('half of what is free is given out, however fast it goes', () => {
    expect(startOf(MAY_FILL, { livePages: 400, usedPages: 800, allocatedPages: 900 })).toEqual({
      at: 900,
      reason,
    });
  });
});

describe('target utilization', () => {
  const policy = { utilization: 0.5, minFreePages: 50, maxFreePages: 300 };
  const after = (livePages: number) =>
    startOf(policy, { livePages, usedPages: livePages, allocatedPages: 0 });
  const { utilization: reason } = REASON;

  it.each([
    ['twice what is live', 200, 400],
    ['never less than the least growth', 10, 60],
    ['never more than the most', 600, 900],
  ])('%s', (_, live, at) => {
    expect(after(live)).toEqual({ at, reason });
  });

  it('and never above the heap: then it is for room', () => {
    expect(after(980)).toEqual({ at: 1000, reason: REASON.headroom });
  });

  it('what was allocated beside the collection leaves the least growth, too', () => {
    const use = { livePages: 100, usedPages: 400, allocatedPages: 300 };
    expect(startOf(policy, use).at).toBe(425);
  });
});

it('always within what is used and the heap', () => {
  const page = fc.integer({ min: 0, max: PAGES });
  const growth = fc.integer({ min: 1, max: PAGES });
  const policies = fc.record({
    utilization: fc.option(fc.double({ min: 0.01, max: 0.99, noNaN: true })),
    minFreePages: growth,
    maxFreePages: growth,
  });
  const uses = fc.record({ livePages: page, usedPages: page, allocatedPages: page });
  fc.assert(
    fc.property(policies, uses, (policy, use) => {
      fc.pre(policy.minFreePages <= policy.maxFreePages && use.livePages <= use.usedPages);
      const { at } = startOf(policy, use);
      expect(at).toBeGreaterThanOrEqual(use.usedPages);
      expect(at).toBeLessThanOrEqual(PAGES);
    }),
  );
});
