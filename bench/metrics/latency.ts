/**
 * Latencies of requests. What a stop of the world costs those who ask is not what it adds to the one request that it hits: others would
 * have come meanwhile, and waited.
 *
 * - *simple*: from a request's begin to its end. Says nothing of those that came later than they would have.
 * - *metered*, with a window W (Blackburn et al., "Rethinking Java Performance Analysis", ASPLOS 2025): as if the begins within W
 *   around a request had been evenly spaced, and the request had begun there if that is earlier. With the whole run as the window it is
 *   as if all had come at an even rate. It is for requests each of which comes when the one before is done.
 * - *response*: from when the request was due to its end, where there is an intended rate: free of coordinated omission (G. Tene, "How
 *   NOT to Measure Latency"), since a request that could not begin in time counts from when it should have.
 */
import type { RequestLatency } from '../results.ts';
import { histogramOf } from './histogram.ts';
import { summarize } from './summary.ts';

/** Times of the requests of one mutator, in the order of their begins, in ms of one clock. */
export interface RequestTimes {
  /** When each was due; null where the next one comes when the one before is done. */
  readonly dueMs: Float64Array | null;
  readonly beganMs: Float64Array;
  readonly endedMs: Float64Array;
}

/** Windows of metered latency, in ms; null is the whole run. */
const WINDOWS: readonly (number | null)[] = [100, null];

export function latenciesOf(times: RequestTimes): RequestLatency {
  const { dueMs, beganMs, endedMs } = times;
  const simple = microsBetween(beganMs, endedMs);
  const response = dueMs === null ? null : microsBetween(dueMs, endedMs);
  return {
    simpleUs: summarize(simple),
    // Requests that come at random would never have been evenly spaced.
    meteredUs: (response === null ? WINDOWS : []).map((windowMs) => ({
      windowMs,
      us: summarize(meteredMicros(times, windowMs)),
    })),
    responseUs: response === null ? null : summarize(response),
    histogram: histogramOf(response ?? meteredMicros(times, null)),
  };
}

function microsBetween(from: Float64Array, to: Float64Array): number[] {
  return Array.from(from, (begin, i) => 1000 * ((to[i] as number) - begin));
}

/** Metered latencies, in µs. */
export function meteredMicros({ beganMs, endedMs }: RequestTimes, windowMs: number | null): number[] {
  const even = windowMs === null ? evenlySpaced(beganMs) : evenInWindow(beganMs, windowMs);
  return Array.from(endedMs, (end, i) => 1000 * (end - Math.min(beganMs[i] as number, even(i))));
}

function evenlySpaced(beganMs: Float64Array): (i: number) => number {
  const [first = 0, last = first] = [beganMs[0], beganMs.at(-1)];
  const step = beganMs.length < 2 ? 0 : (last - first) / (beganMs.length - 1);
  return (i) => first + i * step;
}

/** Where the i-th begin would lie if those around it, half a window before and after, were evenly spaced. To be asked in order. */
function evenInWindow(beganMs: Float64Array, windowMs: number): (i: number) => number {
  const [start = 0, stop = start] = [beganMs[0], beganMs.at(-1)];
  let low = 0; // the first begin within the window, and the first beyond it
  let high = 0;
  return (i) => {
    const centre = beganMs[i] as number;
    // At the ends of the run the window ends with it.
    const [from, to] = [Math.max(start, centre - windowMs / 2), Math.min(stop, centre + windowMs / 2)];
    while ((beganMs[low] as number) < from) low++;
    while (high < beganMs.length && (beganMs[high] as number) <= to) high++;
    return from + ((i - low + 0.5) * (to - from)) / (high - low);
  };
}
