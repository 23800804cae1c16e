/** The timeline of one thread, from an event log whose times are known. */
import { expect, it } from 'vitest';
import { traceEvents } from '../../dist/bench/trace/chrome.js';
import { slicesOf } from '../../dist/bench/trace/slices.js';
import { EVENT, EVENT_FIELDS, type Event, ROLE, WAIT } from '../../dist/gc/events.js';
import { PAUSES, PHASES } from '../../dist/gc/phase.js';
import { eventsOf, makeRecorder } from '../../dist/gc/recording.js';
import { UFFDIO_CONTINUE } from '../../dist/uffd/abi.js';

type Log = readonly Partial<Event>[];

function recorded(thread: string, log: Log) {
  const recorder = makeRecorder(thread);
  for (const event of log) recorder.add({ timeMs: 0, kind: 0, a: 0, cycle: 1, b: 0, c: 0, d: 0, ...event });
  return recorder.recording();
}

const shown = (log: Log) =>
  slicesOf(recorded('collector', log)).map(({ name, beginMs, endMs }) => [name, beginMs, endMs]);

const [mark, remark, compact] = ['mark', 'remark', 'compact'].map((name) => PHASES.indexOf(name as 'mark'));
const compaction = PAUSES.indexOf('compaction');

it('phases lie in their collection, and a pause after its time to safepoint', () => {
  const log: Log = [
    { timeMs: 1, kind: EVENT.cycleBegin },
    { timeMs: 2, kind: EVENT.phaseBegin, a: mark },
    { timeMs: 5, kind: EVENT.phaseEnd, a: mark },
    { timeMs: 6, kind: EVENT.stopRequested, a: compaction },
    { timeMs: 7, kind: EVENT.stopped, a: compaction },
    { timeMs: 7.5, kind: EVENT.phaseBegin, a: remark },
    { timeMs: 8, kind: EVENT.phaseEnd, a: remark },
    { timeMs: 9, kind: EVENT.resumed, a: compaction },
    { timeMs: 10, kind: EVENT.phaseBegin, a: compact },
    { timeMs: 11, kind: EVENT.claimed, a: 64, c: 0 },
    { timeMs: 13, kind: EVENT.filled, a: 60, c: 0, d: 64 },
    { timeMs: 15, kind: EVENT.ioctl, a: UFFDIO_CONTINUE, b: 60, c: 1500 },
    { timeMs: 16, kind: EVENT.phaseEnd, a: compact },
    { timeMs: 17, kind: EVENT.cycleEnd },
  ];
  expect(shown(log)).toEqual([
    ['collection 1', 1, 17],
    ['mark', 2, 5],
    ['time to safepoint: compaction', 6, 7],
    ['pause: compaction', 7, 9],
    ['remark', 7.5, 8],
    ['compact', 10, 16],
    ['make pages', 11, 13],
    ['UFFDIO_CONTINUE', 13.5, 15],
  ]);
});

it('a fault thread serves one fault after another, up to the last that it does for each', () => {
  const log: Log = [
    { timeMs: 1, kind: EVENT.fault, a: 1, b: 7 },
    { timeMs: 2, kind: EVENT.filled, a: 1, b: ROLE.fault, c: 7, d: 1 },
    { timeMs: 3, kind: EVENT.published, a: 1, b: ROLE.fault, c: 7 },
    { timeMs: 5, kind: EVENT.fault, a: 0, b: 9 },
  ];
  expect(shown(log)).toEqual([
    ['serve fault', 1, 3],
    ['serve fault', 5, 5.00025],
  ]);
});

it("V8's own collections, told when the thread ends, make the last serving neither longer nor shorter", () => {
  const log: Log = [
    { timeMs: 1, kind: EVENT.fault, a: 1, b: 7 },
    { timeMs: 3, kind: EVENT.published, a: 1, b: ROLE.fault, c: 7 },
    { timeMs: 0.5, kind: EVENT.engine, a: 100, b: 1 },
    { timeMs: 900, kind: EVENT.engine, a: 1000, b: 1 },
  ];
  expect(shown(log)).toEqual([
    ['V8: minor', 0.4, 0.5],
    ['serve fault', 1, 3],
    ['V8: minor', 899, 900],
  ]);
});

it('to look at a page takes no longer than until the next fault', () => {
  const log: Log = [
    { timeMs: 1, kind: EVENT.fault, b: 7 },
    { timeMs: 1.0001, kind: EVENT.fault, b: 9 },
  ];
  expect(shown(log)).toEqual([
    ['serve fault', 1, 1.0001],
    ['serve fault', 1.0001, 1.00035],
  ]);
});

it('what began and did not end is left out, and what lies in it is not', () => {
  const log: Log = [
    { timeMs: 1, kind: EVENT.cycleBegin },
    { timeMs: 2, kind: EVENT.phaseBegin, a: mark },
    { timeMs: 3, kind: EVENT.phaseEnd, a: mark },
  ];
  expect(shown(log)).toEqual([['mark', 2, 3]]);
});

it('a flow leads from a stall through who read its message to who published the page', () => {
  const threads = [
    recorded('collector', [
      { timeMs: 14, kind: EVENT.published, a: 8, b: ROLE.collector, c: 0 },
      { timeMs: 50, kind: EVENT.published, a: 1, b: ROLE.collector, c: 6, cycle: 3 },
    ]),
    recorded('fault 0', [{ timeMs: 12, kind: EVENT.fault, a: 1, b: 5, c: 4711 }]),
    recorded('mutator 0', [
      { kind: EVENT.thread, a: 4711, cycle: 0 },
      { timeMs: 15, kind: EVENT.stall, a: 5000, b: 5 }, // from 10 ms on
      { timeMs: 30, kind: EVENT.stall, a: 5000, b: 6, cycle: 2 }, // nobody's: page 6 is published in another collection
      { timeMs: 40, kind: EVENT.wait, a: 1000, b: WAIT.safepoint },
    ]),
  ];
  const events = [...traceEvents([{ name: 'continue', openedMs: 100, threads }])];
  const flows = events.filter((event) => 'id' in event);
  expect(flows.map(({ ph, tid, ts }) => [ph, tid, ts])).toEqual([
    ['s', 3, 110_000],
    ['t', 2, 112_000],
    ['f', 1, 113_999.875], // within what ended then
  ]);
  expect(new Set(flows.map(({ id }) => id)).size).toBe(1);
  const counters = events.filter((event) => event.ph === 'C');
  expect(counters.map(({ name, args }) => [name, args])).toEqual([
    ['published pages', { collector: 8, faults: 0 }],
    ['published pages', { collector: 9, faults: 0 }],
  ]);
  const names = events.filter((event) => event.ph === 'M');
  expect(names.filter(({ name }) => name === 'thread_name').map(({ args }) => args)).toEqual([
    { name: 'collector' },
    { name: 'fault 0' },
    { name: 'mutator 0' },
  ]);
});

it('a recording keeps what it was given, and says how much it did not keep', () => {
  const recorder = makeRecorder('mutator 0', 2);
  const event: Event = { timeMs: 1.5, kind: EVENT.stall, a: 2, cycle: 3, b: 4, c: 5, d: 6 };
  for (let i = 0; i < 5; i++) recorder.add(event);
  const { thread, values, dropped } = recorder.recording();
  expect([thread, dropped]).toEqual(['mutator 0', 3]);
  expect([...eventsOf({ values })]).toEqual([event, event]);
  expect(values).toHaveLength(2 * EVENT_FIELDS.length);
});
