/**
 * A phase's time is its own: a phase within it does not count, the parts of one phase are added up. And pauses, each of
 * which is told of, also when one of its kind was given up before.
 */
import { expect, it } from 'vitest';
import { EVENT, type Event } from '../../dist/gc/events.js';
import { PAUSES, PHASES } from '../../dist/gc/phase.js';
import { type CycleRecord, keepRecords } from '../../dist/gc/records.js';

const CYCLE = 3;
const event = (timeMs: number, kind: number, a = 0): Event => ({
  timeMs,
  kind,
  a,
  cycle: CYCLE,
  b: 0,
  c: 0,
  d: 0,
});
const begin = (timeMs: number, name: (typeof PHASES)[number]) =>
  event(timeMs, EVENT.phaseBegin, PHASES.indexOf(name));
const end = (timeMs: number, name: (typeof PHASES)[number]) =>
  event(timeMs, EVENT.phaseEnd, PHASES.indexOf(name));

function recordOf(events: readonly Event[]): CycleRecord {
  const kept = keepRecords();
  const { cycleBegin, marked, planned, freed, live, cards, plannedNonMoving, untouchedNonMoving } = EVENT;
  const { liveLarge, largePages, released, prefix } = EVENT;
  const kinds = [
    ...[cycleBegin, marked, planned, freed, live, cards, plannedNonMoving, untouchedNonMoving],
    ...[liveLarge, largePages, released, prefix],
  ];
  const others = kinds.map((kind) => event(0, kind));
  for (const each of [...others, ...events, event(100, EVENT.cycleEnd)]) kept.add(each);
  return kept.record(CYCLE);
}

const phasesOf = (events: readonly Event[]) => recordOf(events).phasesMs;

const COMPACTION = [begin(10, 'compact'), begin(12, 'release'), end(15, 'release'), begin(20, 'release')];

it('release within compact, and after it', () => {
  const rest = [end(21, 'release'), end(30, 'compact'), begin(40, 'release'), end(46, 'release')];
  expect(phasesOf([...COMPACTION, ...rest])).toEqual({ compact: 16, release: 10 });
});

it('an end that was lost does not shift the phases after it', () => {
  const rest = [end(30, 'compact'), begin(40, 'verify'), end(47, 'verify')];
  expect(phasesOf([...COMPACTION, ...rest])).toEqual({ compact: 7, release: 13, verify: 7 });
});

it('of the processor, as the thread tells it; null where it cannot', () => {
  const told = (us: readonly number[]) =>
    [begin(10, 'compact'), begin(12, 'release'), end(15, 'release'), end(30, 'compact')].map((event, i) => ({
      ...event,
      b: us[i] as number,
    }));
  expect(recordOf(told([500, 700, 1200, 9200])).phasesCpuMs).toEqual({ compact: 8.2, release: 0.5 });
  expect(recordOf(told([500, -1, 1200, 9200])).phasesCpuMs).toBeNull();
});

function pause(name: (typeof PAUSES)[number], times: readonly [number, number, number]): readonly Event[] {
  const kinds = [EVENT.stopRequested, EVENT.stopped, EVENT.resumed];
  return kinds.map((kind, i) => event(times[i] as number, kind, PAUSES.indexOf(name)));
}

it('a marking pause that was given up is a pause too', () => {
  const given = [
    pause('marking', [10, 11, 13]),
    pause('marking', [20, 24, 25]),
    pause('compaction', [40, 41, 46]),
  ];
  expect(recordOf(given.flat()).pauses).toEqual([
    { name: 'marking', ms: 2, timeToSafepointMs: 1 },
    { name: 'marking', ms: 1, timeToSafepointMs: 4 },
    { name: 'compaction', ms: 5, timeToSafepointMs: 1 },
  ]);
});

it('a pause whose beginning was lost is left out', () => {
  const [, ...late] = pause('marking', [10, 11, 13]);
  const kept = [...pause('marking', [1, 2, 3]), ...late, ...pause('compaction', [40, 41, 46])];
  expect(recordOf(kept).pauses.map(({ name, ms }) => [name, ms])).toEqual([
    ['marking', 1],
    ['compaction', 5],
  ]);
});
