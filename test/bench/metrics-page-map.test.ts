/** The map of a collection's pages, from an event log that is known. */
import { expect, it } from 'vitest';
import { MAP_STATE, movesOf, pageMapOf } from '../../dist/bench/metrics/page-map.js';
import { EVENT, type Event, ROLE } from '../../dist/gc/events.js';
import { makeRecorder } from '../../dist/gc/recording.js';

function recorded(thread: string, log: readonly Partial<Event>[]) {
  const recorder = makeRecorder(thread);
  for (const event of log) recorder.add({ timeMs: 0, kind: 0, a: 0, cycle: 2, b: 0, c: 0, d: 0, ...event });
  return recorder.recording();
}

const THREADS = [
  recorded('collector', [
    { timeMs: 5, kind: EVENT.claimed, cycle: 1, a: 9, c: 0 }, // of the collection before
    { timeMs: 10, kind: EVENT.planned, a: 6, b: 2 }, // 8 pages move
    { timeMs: 11, kind: EVENT.claimed, a: 4, c: 4 },
    { timeMs: 13, kind: EVENT.filled, a: 3, b: ROLE.collector, c: 4, d: 4 },
    { timeMs: 14, kind: EVENT.published, a: 2, b: ROLE.collector, c: 4 },
    { timeMs: 15, kind: EVENT.claimed, a: 3, c: 100 }, // of what does not move
    { timeMs: 16, kind: EVENT.updated, a: 3, c: 100, d: 3 },
    { timeMs: 17, kind: EVENT.publishedNonMoving, a: 3, c: 100 },
    { timeMs: 18, kind: EVENT.claimed, a: 4, c: 6 }, // up to the end of a huge page, of which two pages are in use
    { timeMs: 20, kind: EVENT.cycleEnd },
  ]),
  recorded('fault 0', [
    { timeMs: 11.5, kind: EVENT.fault, a: 1, b: 7 },
    { timeMs: 12, kind: EVENT.filled, a: 1, b: ROLE.fault, c: 7, d: 1 },
    { timeMs: 12.5, kind: EVENT.published, a: 1, b: ROLE.fault, c: 7 },
  ]),
];

it('tells each change in the order of time, since the flip, and who made it', () => {
  const map = pageMapOf(THREADS, 2, 100);
  expect(map).toMatchObject({ cycle: 2, moving: 8, nonMoving: 3, endUs: 10_000 });
  expect(map?.threads).toEqual(['collector', 'fault 0']);
  const { making, made, published } = MAP_STATE;
  expect(
    movesOf(map ?? { moves: '' }).map(({ us, first, pages, state, thread }) => [
      us,
      first,
      pages,
      state,
      thread,
    ]),
  ).toEqual([
    [1000, 4, 4, making, 0],
    [1500, 7, 1, making, 1],
    [2000, 7, 1, made, 1],
    [2500, 7, 1, published, 1],
    [3000, 4, 4, made, 0],
    [4000, 4, 2, published, 0],
    [5000, 8, 3, making, 0], // the first that does not move comes after those that do
    [6000, 8, 3, made, 0],
    [7000, 8, 3, published, 0],
    [8000, 6, 2, making, 0],
  ]);
});

it('there is none of a collection that was not recorded', () => {
  expect(pageMapOf(THREADS, 3, 100)).toBeNull();
  expect(movesOf({ moves: '' })).toEqual([]);
});
