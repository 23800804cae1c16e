/** Lower-bound overheads, against what is computed by hand. */
import { expect, it } from 'vitest';
import { COSTS, lowerBoundOverheads } from '../../dist/bench/metrics/lbo.js';
import type { Run } from '../../dist/bench/results.js';
import { sampleRun } from './results-samples.ts';

const [mutator] = sampleRun({ mode: 'x' }).mutators;

/** A run of so many seconds, of which a mutator was stopped so many ms. */
function run(seconds: number, stoppedMs: number, mode = 'continue'): Run {
  return sampleRun({ mode, mutators: [{ ...(mutator as Run['mutators'][0]), seconds, stoppedMs }] });
}
const ratios = (groups: readonly (readonly Run[])[]) =>
  lowerBoundOverheads(groups, COSTS.wall, 1).map((of) => of?.ratio ?? null);

it('costs over the least that is left of any, without what is the collector’s', () => {
  // Left: 9 s, 8 s, 8.5 s. The least is 8.
  expect(ratios([[run(10, 1000)], [run(12, 4000)], [run(8.5, 0)]])).toEqual([10 / 8, 12 / 8, 8.5 / 8]);
});

it('medians over invocations', () => {
  const groups = [
    [run(10, 1000), run(30, 1000), run(11, 1000)], // 11; left 10
    [run(16, 0), run(20, 0), run(20, 0)], // 20; left 20
  ];
  expect(ratios(groups)).toEqual([1.1, 2]);
});

it('is never less than 1 of what has the least itself, and has an interval of several invocations', () => {
  const [of] = lowerBoundOverheads([[run(10, 500), run(11, 500), run(12, 500)]], COSTS.wall, 1);
  expect(of?.ratio).toBeCloseTo(11 / 10.5, 10);
  expect(of?.low95).toBeLessThanOrEqual(11 / 10.5);
  expect(of?.high95).toBeGreaterThanOrEqual(11 / 10.5);
});

it('of the slowest mutator', () => {
  const two = sampleRun({
    mode: 'copy',
    mutators: [2, 5, 3].map((seconds) => ({
      ...(mutator as Run['mutators'][0]),
      ...{ seconds, stoppedMs: 100 * seconds },
    })),
  });
  expect(COSTS.wall(two)).toEqual({ total: 5000, collector: 500 });
});

it('of processors: threads of the collector and of faults are its own; without a collection nothing is', () => {
  const cpuMs = { process: 900, mutators: 500, collectors: 200, faults: 50 };
  expect(COSTS.cpu(sampleRun({ mode: 'copy', cpuMs }))).toEqual({ total: 900, collector: 250 });
  expect(COSTS.cpu(sampleRun({ mode: 'none', cpuMs }))).toEqual({ total: 900, collector: 0 });
});

it('nothing where runs do not tell', () => {
  const old = sampleRun({ mode: 'copy' });
  expect(ratios([[old], [run(10, 1000)]])).toEqual([null, 10 / 9]);
  expect(ratios([[old]])).toEqual([null]);
  expect(COSTS.cpu(sampleRun({ mode: 'copy', cpuMs: { process: 10 } }))).toBeNull();
  expect(ratios([[]])).toEqual([null]);
});
