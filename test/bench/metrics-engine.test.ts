/** V8's own collections beside ours. */
import { expect, it } from 'vitest';
import { engineSummary } from '../../dist/bench/metrics/engine.js';
import { sampleCycle } from './results-samples.ts';

const cycles = [
  sampleCycle({ number: 1, beganMs: 10, totalMs: 10 }),
  sampleCycle({ number: 2, beganMs: 30, totalMs: 5 }),
];

it('counts what lies within our collections, in part or whole', () => {
  const collections = [
    { micros: 2000, cycle: 0, endedMs: 11 }, // 9 to 11: half of it
    { micros: 1000, cycle: 0, endedMs: 15 },
    { micros: 4000, cycle: 0, endedMs: 28 }, // between
    { micros: 16_000, cycle: 0, endedMs: 35 }, // from 19: 1 ms of the first, and all of the second
  ];
  expect(engineSummary(collections, cycles)).toEqual({
    collections: 4,
    totalMs: 23,
    longestMs: 16,
    overlapping: 3,
    overlapMs: 1 + 1 + 6,
  });
});

it('of none', () => {
  expect(engineSummary([], cycles)).toEqual({
    ...{ collections: 0, totalMs: 0, longestMs: 0, overlapping: 0, overlapMs: 0 },
  });
});
