/** Stalls as an HdrHistogram log, read back: whose they are, when they were, and how exact they still are. */
import fc from 'fast-check';
import { HistogramLogReader } from 'hdr-histogram-js';
import { expect, it } from 'vitest';
import { openStallLog } from '../../dist/bench/stall-log.js';
import { sampleCycle, sampleRun } from './results-samples.ts';

const SMALL_PAGES = { pages: [4096] };
const OPENED_AT = Date.UTC(2026, 10, 27);

/** Every interval of the log, as a reader of the format finds it. */
function intervals(text: string) {
  const reader = new HistogramLogReader(text);
  const found = [];
  for (let next = reader.nextIntervalHistogram(); next !== null; next = reader.nextIntervalHistogram())
    found.push(next);
  return found;
}

function logged(stalls: readonly (readonly number[])[], pages = SMALL_PAGES, mode = 'continue') {
  const log = openStallLog(pages);
  const cycles = [
    sampleCycle({ number: 3, beganMs: 100 }),
    sampleCycle({ number: 4, beganMs: 200, totalMs: 25 }),
  ];
  const run = sampleRun({ mode, invocation: 2, cycles, openedAt: OPENED_AT });
  log.add({ run, stalls: stalls.map((values) => Float64Array.from(values)) });
  return log.text();
}

it('an interval for each mutator: from the first measured collection to the end of the last', () => {
  const text = logged([[10, 20, 30_000], []]);
  expect(intervals(text).map(({ tag, totalCount }) => [tag, totalCount])).toEqual([
    ['continue.2.mutator0', 3],
    ['continue.2.mutator1', 0],
  ]);
  for (const { startTimeStampMsec, endTimeStampMsec } of intervals(text)) {
    expect([startTimeStampMsec, endTimeStampMsec]).toEqual([OPENED_AT + 100, OPENED_AT + 225]);
  }
  const [first] = text.split('\n').filter((line) => line.startsWith('Tag='));
  expect(first?.split(',').slice(0, 4)).toEqual([
    'Tag=continue.2.mutator0',
    `${OPENED_AT / 1000}.100`,
    '0.125',
    '30.000', // ms
  ]);
});

it('says what it is: format, start, unit', () => {
  expect(
    logged([[1]])
      .split('\n')
      .slice(0, 4),
  ).toEqual([
    expect.stringMatching(/^#\[Logged with minorfault \S+: stalls of mutators in userfaults, in ns\]$/),
    '#[Histogram log format version 1.3]',
    '#[StartTime: 1795737600.100 (seconds since epoch), 2026-11-27T00:00:00.100Z]',
    '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"',
  ]);
});

it('a tag has neither commas nor spaces, whatever mode and pages are called', () => {
  const sizes = { pages: [4096, 2 ** 21] };
  const tags = (mode: string) => intervals(logged([[1]], sizes, mode)).map(({ tag }) => tag);
  expect(tags('continue')).toEqual(['continue.4KiB.2.mutator0']);
  expect(tags('./my mode,x.js')).toEqual(['./mymodex.js.4KiB.2.mutator0']);
});

it('a run without collections has no interval', () => {
  const log = openStallLog(SMALL_PAGES);
  log.add({ run: sampleRun({ mode: 'copy', cycles: [], openedAt: OPENED_AT }), stalls: [] });
  expect(intervals(log.text())).toEqual([]);
});

it('every value is within a thousandth of what it was, from 10 ns to 100 s', () => {
  const micros = fc.double({ min: 0.01, max: 1e8, noNaN: true });
  fc.assert(
    fc.property(fc.array(micros, { minLength: 1, maxLength: 50 }), (values) => {
      const [histogram] = intervals(logged([values]));
      const sorted = values.map((us) => Math.round(us * 1000)).sort((a, b) => a - b);
      for (const [i, ns] of sorted.entries()) {
        const found = histogram?.getValueAtPercentile((100 * (i + 1)) / sorted.length) ?? NaN;
        expect(Math.abs(found - ns)).toBeLessThanOrEqual(ns / 1000);
      }
    }),
  );
});
