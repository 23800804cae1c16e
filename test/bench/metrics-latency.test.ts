/** Latencies of requests, by hand and by what must always hold. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latenciesOf, meteredMicros, type RequestTimes } from '../../dist/bench/metrics/latency.js';

const times = (
  began: readonly number[],
  ended: readonly number[],
  due?: readonly number[],
): RequestTimes => ({
  dueMs: due === undefined ? null : Float64Array.from(due),
  beganMs: Float64Array.from(began),
  endedMs: Float64Array.from(ended),
});

// One a millisecond, each of 0.5 ms, but that the world stands still from 2.5 to 6: the ones of 3, 4 and 5 could not begin.
const BEGAN = [0, 1, 2, 6, 6.5, 7];
const ENDED = [0.5, 1.5, 6, 6.5, 7, 7.5];

it('metered over the whole run: as if they had come evenly, if that is earlier', () => {
  // Evenly: 0, 1.4, 2.8, 4.2, 5.6, 7.
  const expected = [0.5, 0.5, 4, 2.3, 1.4, 0.5].map((ms) => 1000 * ms);
  expect(meteredMicros(times(BEGAN, ENDED), null).map(Math.round)).toEqual(expected);
});

it('metered over a window: evenly among those around it', () => {
  // Around 6, from 4 to 7 (the run's end): three begins, of which this is the first: 4 + 0.5 of a third of 3 ms.
  const micros = meteredMicros(times(BEGAN, ENDED), 4);
  expect(micros[3]).toBeCloseTo(1000 * (6.5 - 4.5), 6);
  // Around 0, up to 2: three, the first: 0.5 of a third of 2 ms, which is later than 0.
  expect(micros[0]).toBeCloseTo(500, 6);
});

it('response counts from when a request was due', () => {
  const { responseUs, simpleUs } = latenciesOf(times(BEGAN, ENDED, [0, 1, 2, 3, 4, 5]));
  expect(responseUs).toMatchObject({ count: 6, max: 4000 }); // 2 to 6
  expect(responseUs?.p50).toBeCloseTo(1000 * ((2.5 + 3) / 2), 6); // of 0.5, 0.5, 2.5, 3, 3.5, 4
  expect(simpleUs).toMatchObject({ count: 6, max: 4000, p50: 500 });
  // What comes at random would not have come evenly.
  expect(latenciesOf(times(BEGAN, ENDED, [0, 1, 2, 3, 4, 5])).meteredUs).toEqual([]);
  expect(latenciesOf(times(BEGAN, ENDED)).meteredUs.map(({ windowMs }) => windowMs)).toEqual([100, null]);
});

it('the histogram is of the response, or else metered over the whole run', () => {
  const count = (histogram: readonly (readonly [number, number])[], from: number) =>
    histogram.filter(([us]) => us >= from).reduce((sum, [, times]) => sum + times, 0);
  expect(count(latenciesOf(times(BEGAN, ENDED, [0, 1, 2, 3, 4, 5])).histogram, 2400)).toBe(4);
  expect(count(latenciesOf(times(BEGAN, ENDED)).histogram, 1300)).toBe(3);
});

describe('always', () => {
  const anyTimes = fc
    .array(
      fc.tuple(fc.double({ min: 0, max: 50, noNaN: true }), fc.double({ min: 0, max: 50, noNaN: true })),
      {
        minLength: 1,
        maxLength: 60,
      },
    )
    .map((steps) => {
      let now = 0;
      const [began, ended]: [number[], number[]] = [[], []];
      for (const [pause, length] of steps) {
        now += pause;
        began.push(now);
        now += length;
        ended.push(now);
      }
      return times(began, ended);
    });
  const windows = fc.constantFrom(1, 10, 100, 1000, null);

  it('metered is not less than simple, and no request begins before the first', () => {
    fc.assert(
      fc.property(anyTimes, windows, (of, windowMs) => {
        const [first] = of.beganMs;
        for (const [i, us] of meteredMicros(of, windowMs).entries()) {
          const [began, ended] = [of.beganMs[i] as number, of.endedMs[i] as number];
          expect(us).toBeGreaterThanOrEqual(1000 * (ended - began) - 1e-6);
          expect(us).toBeLessThanOrEqual(1000 * (ended - (first as number)) + 1e-6);
          if (windowMs !== null) expect(us).toBeLessThanOrEqual(1000 * (ended - began + windowMs / 2) + 1e-6);
        }
      }),
    );
  });

  it('requests that came evenly have their simple latencies', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 100 }),
        fc.double({ min: 0.1, max: 5, noNaN: true }),
        (count, step) => {
          const began = Array.from({ length: count }, (_, i) => i * step);
          const of = times(
            began,
            began.map((ms) => ms + step / 2),
          );
          for (const us of meteredMicros(of, null)) expect(us).toBeCloseTo(500 * step, 3);
        },
      ),
    );
  });

  it('of none there is nothing', () => {
    expect(latenciesOf(times([], [])).simpleUs).toMatchObject({ count: 0, p50: null, max: null });
  });
});
