/** The plan of a run without a collection: the same work, in a heap that is large enough, or why there can be none. */
import { describe, expect, it } from 'vitest';
import { planWithout, whyUseless } from '../../dist/bench/control.js';
import { inHeap } from '../../dist/bench/in-heap.js';
import type { Plan } from '../../dist/bench/measure.js';
import { resolveOptions } from '../../dist/bench/options.js';
import type { Run } from '../../dist/bench/results.js';
import { driverData } from '../../dist/bench/workloads/driver.js';
import { sampleCycle, sampleRun } from './results-samples.ts';

const MIB = 1024 ** 2;
const { config } = resolveOptions('compare', 'churn', { kernel: 'sim', heap: '16MiB', verify: 'heap' });
const request = { heapBytes: config.heap, mutators: 1, live: 0.5, seed: 1, cycles: 5, settings: new Map() };
const plan: Plan = {
  ...{ config, mode: 'copy', page: 4096, invocation: 2, record: true },
  ...{ module: new URL('file:///nowhere.js'), data: driverData(request, 10, { a: 1 }) },
  ...{ nonMovingBytes: 4 * MIB, largeBytes: 0 },
};
const [mutator] = sampleRun({ mode: 'x' }).mutators;
const runOf = (told: Partial<Run['mutators'][0]>) =>
  sampleRun({ mode: 'copy', mutators: [{ ...(mutator as Run['mutators'][0]), ...told }] });

it('asks for no collection, and has room for all that is allocated', () => {
  const without = planWithout(plan, runOf({ takenBytes: 60 * MIB }));
  if (typeof without === 'string') throw new Error(without);
  expect(without).toMatchObject({ mode: 'stw', invocation: 2, record: false });
  expect(without.data).toMatchObject({ asks: false, program: { a: 1 }, operations: 10 });
  expect(without.config).toMatchObject({ collect: 'room', utilization: null, period: null, verify: false });
  // The first collection begins at three quarters.
  expect(without.config.heap * 0.75).toBeGreaterThan(60 * MIB);
  expect(without.config.heap % 4096).toBe(0);
  // Spaces keep their parts.
  expect(without.nonMovingBytes / without.config.heap).toBeCloseTo(1 / 4, 3);
});

it('is never smaller than the heap of the others', () => {
  const without = planWithout(plan, runOf({ takenBytes: 2 }));
  expect(typeof without === 'string' ? null : without.config.heap).toBe(config.heap);
});

describe('there is none', () => {
  it('of a workload that does not say what it allocates', () => {
    expect(planWithout(plan, runOf({}))).toMatch(/does not say what it allocates/);
  });

  it('of one with a driver of its own', () => {
    const own = { ...plan, data: { mine: true } };
    expect(planWithout(own, runOf({ takenBytes: 2 }))).toMatch(/asks for collections by itself/);
  });

  it('of more than a heap may have', () => {
    const much = runOf({ takenBytes: 1e12 });
    expect(planWithout(plan, much)).toMatch(/^it would take a heap of .* GiB, and .* are to be had$/);
  });
});

it('one that collected all the same, or failed, is of no use', () => {
  const measured = (run: Partial<Run>, failure: Error | null = null) => ({
    ...{ run: sampleRun({ mode: 'stw', cycles: [], ...run }), failure },
    ...{ openedMs: 0, recordings: [], stalls: [] },
  });
  expect(whyUseless(measured({}))).toBeNull();
  expect(whyUseless(measured({ cycles: [sampleCycle({ number: 1 })] }))).toMatch(/there were 1 collections/);
  expect(whyUseless(measured({ warmupCycles: 2 }))).toMatch(/there were 2 collections/);
  expect(whyUseless(measured({}, new Error('out of memory')))).toBe('it failed: out of memory');
});

describe('the same work in another heap', () => {
  const program = { module: plan.module, data: null, nonMovingBytes: 4 * MIB, largeBytes: MIB };

  it('whole pages, of the largest size', () => {
    expect(inHeap({ config, program }, 5 * MIB + 1).config.heap).toBe(5 * MIB + 4096);
    const huge = { ...config, pages: [4096, 2 * MIB] };
    expect(inHeap({ config: huge, program }, 5 * MIB).config.heap).toBe(6 * MIB);
  });

  it('spaces keep their parts, and a bound of growth that was the whole heap stays that', () => {
    const half = inHeap({ config, program }, 8 * MIB);
    expect(half.program).toMatchObject({ nonMovingBytes: 2 * MIB, largeBytes: MIB / 2 });
    expect(half.config).toMatchObject({ maxFree: 8 * MIB, minFree: MIB / 4 });
    expect(inHeap({ config, program }, 32 * MIB).config.maxFree).toBe(32 * MIB);
    const bounded = { ...config, maxFree: 12 * MIB, minFree: 10 * MIB };
    expect(inHeap({ config: bounded, program }, 8 * MIB).config).toMatchObject({
      maxFree: 8 * MIB,
      minFree: 8 * MIB,
    });
    expect(inHeap({ config: bounded, program }, 32 * MIB).config).toMatchObject({ maxFree: 12 * MIB });
  });
});
