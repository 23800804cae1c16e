/** What is said of noise, and from where on: results that are made up, just below each threshold and just above it. */
import { expect, it } from 'vitest';
import { describeHost } from '../../dist/bench/host.js';
import { noiseOf } from '../../dist/bench/noise.js';
import { resolveOptions } from '../../dist/bench/options.js';
import type { Results, Run, StallSummary } from '../../dist/bench/results.js';
import { renderResults } from '../../dist/bench/table.js';
import { sampleCycle, sampleRun } from './results-samples.ts';

const MODES = ['copy', 'continue'];
const host = describeHost();

const noEngine = { collections: 0, totalMs: 0, longestMs: 0, overlapping: 0, overlapMs: 0 };

/** Of two mutators and a collector on 4 processors, unless said otherwise: nothing is noisy. */
function results({
  load = 0,
  cores = 4,
  runs = MODES.map((mode) => sampleRun({ mode, v8: noEngine })),
} = {}): Results {
  const { config } = resolveOptions('compare', 'churn', {
    modes: MODES.join(),
    kernel: 'sim',
    mutators: '2',
  });
  return {
    schema: 'minorfault/results/1',
    host: { ...host, loadAverage: [load, 0, 0], cores },
    config: { ...config, parameters: {}, liveBytes: 32 << 20 },
    runs,
    summary: { copyOverContinue: {}, pageOverPage: {} },
  };
}

const summary = (p99: number, max: number): StallSummary => ({
  ...{ count: 100, p50: 1, p90: 2, p999: max },
  ...{ p99, max },
});

/** A run whose mutator and an idle thread have these. */
function runWith(mode: string, stallsUs: StallSummary, hiccupsUs: StallSummary): Run {
  const run = sampleRun({ mode, hiccupsUs, v8: noEngine });
  return { ...run, mutators: run.mutators.map((mutator) => ({ ...mutator, stallsUs })) };
}

it('nothing where nothing is noisy, in the table neither', () => {
  expect(noiseOf(results())).toBeNull();
  expect(renderResults(results(), false)).not.toContain('Noise');
});

it.each([
  ['room for all', { load: 1, cores: 4 }, null],
  ['one too few', { load: 1.01, cores: 4 }, 'Noise: the load was 1.01 before it began, on 4 processors'],
  ['what a build has left', { load: 0.49, cores: 2 }, null],
  ['half a processor', { load: 0.5, cores: 2 }, 'Noise: the load was 0.5 before it began, on 2 processors'],
  ['a system that does not tell', { load: 0, cores: 1 }, null],
])('load: %s', (_, of, said) => {
  expect(noiseOf(results(of))).toBe(said);
});

it('an idle thread: from half of the stalls on, of the mode where it is the most', () => {
  const [quiet, late] = [
    runWith('copy', summary(100, 1000), summary(49, 499)),
    runWith('continue', summary(100, 1000), summary(50, 499)),
  ];
  expect(noiseOf(results({ runs: [quiet] }))).toBeNull();
  expect(noiseOf(results({ runs: [quiet, late] }))).toBe(
    'Noise: an idle thread woke up 50 µs late (p99), beside stalls of 100 (continue)',
  );
  const later = runWith('copy', summary(100, 1000), summary(80, 499));
  expect(noiseOf(results({ runs: [later, late] }))).toMatch(/80 µs late \(p99\).*\(copy\)$/);
});

it('an idle thread: the longest, where the percentile is well', () => {
  const runs = [1, 2, 3].map((n) => runWith('copy', summary(100, 1000), summary(10, n === 2 ? 500 : 20)));
  expect(noiseOf(results({ runs }))).toBe(
    'Noise: an idle thread woke up 500 µs late (max), beside stalls of 1,000 (copy)',
  );
});

it('an idle thread: nothing to compare with where nobody stalled, or nothing watched', () => {
  const none: StallSummary = { count: 0, p50: null, p90: null, p99: null, p999: null, max: null };
  expect(noiseOf(results({ runs: [runWith('copy', none, summary(4000, 9000))] }))).toBeNull();
  expect(noiseOf(results({ runs: [runWith('copy', summary(100, 1000), none)] }))).toBeNull();
});

it("V8's own collections: more than a twentieth of the time of ours", () => {
  const cycles = [sampleCycle({ number: 1, totalMs: 60 }), sampleCycle({ number: 2, totalMs: 40 })];
  const v8 = (overlapMs: number) => ({ ...noEngine, overlapMs });
  const runs = (ms: number) =>
    MODES.map((mode) => sampleRun({ mode, cycles, v8: v8(mode === 'copy' ? ms : 1) }));
  expect(noiseOf(results({ runs: runs(5) }))).toBeNull();
  expect(noiseOf(results({ runs: runs(5.1) }))).toBe(
    "Noise: V8's own collections took 5.1 % of the time of ours (copy)",
  );
});

it('intervals: one that leaves out 1 says something, however wide; one from two thirds to half as long again does not', () => {
  const interval = (low95: number | null, high95: number | null) => ({ ratio: 1, low95, high95 });
  const said = (totalMs: ReturnType<typeof interval>) =>
    noiseOf({ ...results(), summary: { copyOverContinue: { totalMs }, pageOverPage: {} } });
  expect(said(interval(1.1, 9))).toBeNull();
  expect(said(interval(0.7, 1.4))).toBeNull();
  expect(said(interval(null, null))).toBeNull();
  expect(said(interval(0.66, 1.5))).toBe(
    'Noise: the intervals of totalMs are so wide that they say nothing: more --invocations make them narrower',
  );
});

it('all of it in one line, at the end of the table', () => {
  const runs = [runWith('copy', summary(100, 1000), summary(60, 499))];
  const [last] = renderResults(results({ runs, load: 3 }), false)
    .split('\n')
    .slice(-1);
  expect(last).toBe(
    'Noise: the load was 3 before it began, on 4 processors; an idle thread woke up 60 µs late (p99), beside stalls of 100 (copy)',
  );
});
