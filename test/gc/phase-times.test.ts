/** A phase's time is its own: a phase within it does not count, the parts of one phase are added up. */
import { expect, it } from 'vitest';
import { EVENT, type Event } from '../../dist/gc/events.js';
import { PHASES } from '../../dist/gc/phase.js';
import { keepRecords } from '../../dist/gc/records.js';

const CYCLE = 3;
const event = (timeMs: number, kind: number, a = 0): Event => ({ timeMs, kind, a, cycle: CYCLE, b: 0 });
const begin = (timeMs: number, name: (typeof PHASES)[number]) =>
  event(timeMs, EVENT.phaseBegin, PHASES.indexOf(name));
const end = (timeMs: number, name: (typeof PHASES)[number]) =>
  event(timeMs, EVENT.phaseEnd, PHASES.indexOf(name));

function phasesOf(phases: readonly Event[]): Readonly<Record<string, number>> {
  const kept = keepRecords();
  const { cycleBegin, marked, planned, freed, live, cards, plannedNonMoving, untouchedNonMoving } = EVENT;
  const { liveLarge, largePages, released } = EVENT;
  const kinds = [
    ...[cycleBegin, marked, planned, freed, live, cards, plannedNonMoving, untouchedNonMoving],
    ...[liveLarge, largePages, released],
  ];
  const others = kinds.map((kind) => event(0, kind));
  kept.add([...others, ...phases, event(100, EVENT.cycleEnd)]);
  return kept.record(CYCLE).phasesMs;
}

const COMPACTION = [begin(10, 'compact'), begin(12, 'release'), end(15, 'release'), begin(20, 'release')];

it('release within compact, and after it', () => {
  const rest = [end(21, 'release'), end(30, 'compact'), begin(40, 'release'), end(46, 'release')];
  expect(phasesOf([...COMPACTION, ...rest])).toEqual({ compact: 16, release: 10 });
});

it('an end that was lost does not shift the phases after it', () => {
  const rest = [end(30, 'compact'), begin(40, 'verify'), end(47, 'verify')];
  expect(phasesOf([...COMPACTION, ...rest])).toEqual({ compact: 7, release: 13, verify: 7 });
});
