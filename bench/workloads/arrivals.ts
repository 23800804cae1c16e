/** Requests that come at random intervals (a Poisson process), and when each was due, began and ended. */
import type { Mutator } from '../../heap/mutator.ts';
import { sleepWhile } from '../../uffd/sync.ts';
import type { RequestTimes } from '../metrics/latency.ts';
import type { Random } from './random.ts';

/** Before a request is due, so much is not slept but spent looking at the clock: a sleep ends a little late. */
const AWAKE_MS = 0.2;

export interface Arrivals {
  /** Waits until the next request is due, and notes that it begins. A safepoint. */
  begin(m: Mutator): void;
  /** It is done. */
  end(): void;
  /** Of all that have ended. */
  times(): RequestTimes;
}

/** For so many requests at most, so many a second; of a rate of 0 each is due when it begins. */
export function makeArrivals(rate: number, requests: number, random: Random): Arrivals {
  const dueMs = rate === 0 ? null : new Float64Array(requests);
  const [beganMs, endedMs] = [new Float64Array(requests), new Float64Array(requests)];
  const bed = new Int32Array(new SharedArrayBuffer(4));
  let next = 0;
  let due = 0;

  function waitUntil(m: Mutator, due: number): void {
    const left = due - performance.now();
    if (left > AWAKE_MS) m.blocked(() => sleepWhile(bed, 0, 0, left - AWAKE_MS));
    while (performance.now() < due) m.safepoint();
  }

  return {
    begin(m) {
      if (dueMs !== null) {
        // The first is due now.
        due = next === 0 ? performance.now() : due - (1000 * Math.log(1 - random.float())) / rate;
        dueMs[next] = due;
        waitUntil(m, due);
      }
      beganMs[next] = performance.now();
    },
    end() {
      endedMs[next++] = performance.now();
    },
    times: () => ({
      dueMs: dueMs?.slice(0, next) ?? null,
      beganMs: beganMs.slice(0, next),
      endedMs: endedMs.slice(0, next),
    }),
  };
}
