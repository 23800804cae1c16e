/** V8's own collections beside ours: how many there were, and how much of their time lay within ours. */
import type { Stall } from '../../gc/index.ts';
import type { Cycle, Run } from '../results.ts';
import { joined } from './mmu.ts';
import { maxOf } from './summary.ts';

/** Of all threads together: two that stand still at once count twice. */
export function engineSummary(collections: readonly Stall[], cycles: readonly Cycle[]): Run['v8'] {
  const ours = cycles.map(({ beganMs, totalMs }) => ({ begin: beganMs, end: beganMs + totalMs }));
  const within = collections.map(({ micros, endedMs }) => {
    const span = { begin: endedMs - micros / 1000, end: endedMs };
    return joined(ours, span).reduce((sum, { begin, end }) => sum + end - begin, 0);
  });
  return {
    collections: collections.length,
    totalMs: sumOf(collections.map(({ micros }) => micros)) / 1000,
    longestMs: (maxOf(collections.map(({ micros }) => micros)) ?? 0) / 1000,
    overlapping: within.filter((ms) => ms > 0).length,
    overlapMs: sumOf(within),
  };
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
