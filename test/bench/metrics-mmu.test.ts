/** Minimum mutator utilization: by hand, against every window tried out, and what holds of any. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Interval, joined, minimumUtilization, utilizations } from '../../dist/bench/metrics/mmu.js';

const SPAN = { begin: 0, end: 100 };
/** 10 of 100 ms, and 5 more after 10 between. */
const STOPS = [
  { begin: 10, end: 20 },
  { begin: 30, end: 35 },
];

it.each([
  [5, 0],
  [10, 0],
  [20, 0.5], // from 10 to 30, or from 15 to 35
  [25, 1 - 15 / 25], // both stops
  [50, 1 - 15 / 50],
  [100, 1 - 15 / 100],
])('the worst window of %d ms', (windowMs, utilization) => {
  expect(minimumUtilization(STOPS, SPAN, windowMs)).toBeCloseTo(utilization, 12);
});

it('says nothing of a window longer than the span, and refuses one of no length', () => {
  expect(minimumUtilization(STOPS, SPAN, 101)).toBeNull();
  expect(() => minimumUtilization(STOPS, SPAN, 0)).toThrow('windowMs 0: must be more than 0');
});

it('the bounded curve takes the worst of all longer windows: between the stops utilization falls again', () => {
  const [at20, at25] = utilizations(STOPS, SPAN, [20, 25]);
  expect(at20).toEqual({ windowMs: 20, utilization: 0.5, bounded: expect.closeTo(0.4, 12) });
  expect(at25?.bounded).toBeCloseTo(0.4, 12);
  // Windows that nobody asked for count too, eight to each doubling: of those the one of 23.8 ms is close enough.
  const [alone] = utilizations(STOPS, SPAN, [20]);
  expect(alone?.bounded).toBeGreaterThan(0.4);
  expect(alone?.bounded).toBeLessThan(0.43);
});

it('stops that overlap, touch, or lie outside', () => {
  const stops = [
    { begin: 8, end: 12 },
    { begin: -5, end: 2 },
    { begin: 3, end: 4 },
    { begin: 4, end: 5 },
    { begin: 3, end: 4.5 },
    { begin: 20, end: 21 },
  ];
  expect(joined(stops, { begin: 0, end: 10 })).toEqual([
    { begin: 0, end: 2 },
    { begin: 3, end: 5 },
    { begin: 8, end: 10 },
  ]);
});

it('a span without stops is used whole, a stop from end to end not at all', () => {
  expect(utilizations([], SPAN).map(({ utilization, bounded }) => [utilization, bounded])).toEqual(
    [1, 2, 5, 10, 20, 50, 100].map(() => [1, 1]),
  );
  expect(minimumUtilization([SPAN], SPAN, 7)).toBe(0);
});

const whole = fc.integer({ min: 0, max: 60 });
const stopsOf = fc.array(fc.tuple(whole, fc.integer({ min: 0, max: 12 })), { maxLength: 12 });
const asIntervals = (pairs: readonly (readonly [number, number])[]): readonly Interval[] =>
  pairs.map(([begin, length]) => ({ begin, end: begin + length }));

it('is what trying every window out gives', () => {
  fc.assert(
    fc.property(stopsOf, fc.integer({ min: 1, max: 60 }), (pairs, windowMs) => {
      const span = { begin: 0, end: 60 };
      const apart = joined(asIntervals(pairs), span);
      // All edges are whole ms, and between them nothing bends: whole ms suffice.
      const stopped = Array.from({ length: 60 }, (_, ms) =>
        apart.some(({ begin, end }) => begin <= ms && ms < end),
      );
      const used = Array.from({ length: 61 - windowMs }, (_, at) => {
        const window = stopped.slice(at, at + windowMs);
        return window.filter((isStopped) => !isStopped).length / windowMs;
      });
      expect(minimumUtilization(apart, span, windowMs)).toBeCloseTo(Math.min(...used), 9);
    }),
    { numRuns: 2000 },
  );
});

it('lies between 0 and 1, is 0 up to the longest stop, exact for the span; bounded, it grows with the window', () => {
  fc.assert(
    fc.property(stopsOf, (pairs) => {
      const span = { begin: 0, end: 72 };
      const apart = joined(asIntervals(pairs), span);
      const longest = Math.max(0, ...apart.map(({ begin, end }) => end - begin));
      const stopped = apart.reduce((sum, { begin, end }) => sum + end - begin, 0);
      const curve = utilizations(asIntervals(pairs), span, [1, 3, 9, 27, 72]);
      expect(curve.map(({ windowMs }) => windowMs)).toEqual([1, 3, 9, 27, 72]);
      for (const [i, { windowMs, utilization, bounded }] of curve.entries()) {
        expect(utilization).toBeGreaterThanOrEqual(0);
        expect(utilization).toBeLessThanOrEqual(1);
        expect(bounded).toBeLessThanOrEqual(utilization);
        expect(bounded).toBeLessThanOrEqual(curve[i + 1]?.bounded ?? 1);
        if (windowMs <= longest) expect(utilization).toBe(0);
      }
      expect(curve.at(-1)?.utilization).toBeCloseTo(1 - stopped / 72, 12);
    }),
    { numRuns: 500 },
  );
});
