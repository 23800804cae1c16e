/** Flows of a timeline, from event logs whose times are known: which stops they have, and on which slices. */
import { expect, it } from 'vitest';
import { flowsOf } from '../../dist/bench/trace/flows.js';
import { EVENT, type Event, NO_PAGE, ROLE } from '../../dist/gc/events.js';
import { makeRecorder } from '../../dist/gc/recording.js';
import { UFFDIO_CONTINUE } from '../../dist/uffd/abi.js';

type Log = readonly Partial<Event>[];

function recorded(thread: string, log: Log) {
  const recorder = makeRecorder(thread);
  for (const event of log) recorder.add({ timeMs: 0, kind: 0, a: 0, cycle: 1, b: 0, c: 0, d: 0, ...event });
  return recorder.recording();
}

/** Each flow as its stops: phase, thread (from 1) and µs. */
function flows(...logs: readonly Log[]) {
  const started = (i: number) => ({ kind: EVENT.thread, a: sleeper(i + 1), cycle: 0 });
  const threads = logs.map((log, i) => recorded(`thread ${i + 1}`, [started(i), ...log]));
  const all = [...flowsOf({ pid: 1, openedMs: 0 }, threads)];
  return [...new Set(all.map(({ id }) => id))].map((flow) =>
    all.filter(({ id }) => id === flow).map(({ ph, tid, ts }) => [ph, tid, ts]),
  );
}

/** The kernel's number of a thread. */
const sleeper = (tid: number) => 4000 + tid;
const stall = (fromMs: number, toMs: number, page = NO_PAGE) =>
  ({ timeMs: toMs, kind: EVENT.stall, a: (toMs - fromMs) * 1000, b: page }) as const;
/** Of thread 1, if nothing else is said. */
const read = (timeMs: number, page: number, tid = 1) =>
  ({ timeMs, kind: EVENT.fault, a: 1, b: page, c: sleeper(tid) }) as const;
/** A call, and that it has published 4 pages from `page` on. */
const publish = (fromMs: number, toMs: number, page: number): Log => [
  { timeMs: toMs, kind: EVENT.ioctl, a: UFFDIO_CONTINUE, b: 4, c: (toMs - fromMs) * 1000 },
  { timeMs: toMs + 0.5, kind: EVENT.published, a: 4, b: ROLE.fault, c: page },
];

it('ends at the begin of the call that published the page', () => {
  expect(flows([stall(10, 16, 5)], [read(12, 5), ...publish(13, 15, 4)])).toEqual([
    [
      ['s', 1, 10_000],
      ['t', 2, 12_000],
      ['f', 2, 13_000],
    ],
  ]);
});

it('a call that had begun before the stall is met when that begins', () => {
  expect(flows([stall(10, 16, 5)], publish(9, 15, 4))).toEqual([
    [
      ['s', 1, 10_000],
      ['f', 2, 10_000],
    ],
  ]);
});

it('a call that was over when the stall began has no part in it', () => {
  expect(flows([stall(10.1, 10.7, 5)], publish(9, 10, 4))).toEqual([]);
});

it('a message is of the stall of its sleeper during which it was read', () => {
  const served: Log = [
    ...[read(12, 5), ...publish(13, 15, 4)], // the first one's
    read(25, 6), // nobody is asleep
    ...[read(31, 40, 2), ...publish(32, 33, 40)], // the second one's
  ];
  expect(flows([stall(10, 16)], [stall(30, 36)], served)).toEqual([
    [
      ['s', 1, 10_000],
      ['t', 3, 12_000],
      ['f', 3, 13_000],
    ],
    [
      ['s', 2, 30_000],
      ['t', 3, 31_000],
      ['f', 3, 32_000],
    ],
  ]);
});

it('two asleep at once, on one page and on two: each has its own', () => {
  const served: Log = [read(12, 5, 2), ...publish(13, 15, 4), read(15.7, 5, 1), read(15.8, 90, 3)];
  expect(flows([stall(10, 16)], [stall(11, 20)], [stall(11, 30)], served)).toEqual([
    [
      ['s', 1, 10_000],
      ['t', 4, 13_000],
      ['f', 4, 15_700],
    ],
    [
      ['s', 2, 11_000],
      ['t', 4, 12_000],
      ['f', 4, 13_000],
    ],
    [
      ['s', 3, 11_000],
      ['f', 4, 15_800],
    ],
  ]);
});

it("of a sleeper that is not known, or was asleep in another collection, it is nobody's", () => {
  expect(flows([stall(10, 16)], [read(12, 5, 9), { ...read(13, 5), cycle: 2 }])).toEqual([]);
});

it('two messages in one stall are two flows', () => {
  expect(flows([stall(10, 16)], [read(11, 5), read(12, 90)])).toEqual([
    [
      ['s', 1, 10_000],
      ['f', 2, 11_000],
    ],
    [
      ['s', 1, 10_000],
      ['f', 2, 12_000],
    ],
  ]);
});
