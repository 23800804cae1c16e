/** The log: a line for each collection, in three forms, and each says the same. */
import { expect, it } from 'vitest';
import { LOG_SCHEMA, logLines, parseLog } from '../../dist/bench/log.js';
import { sampleCycle, sampleRun } from './results-samples.ts';

const cycles = [1, 2].map((number) =>
  sampleCycle({ number, beganMs: 12.34567, totalMs: 8.9, compactionMs: 0.34 }),
);
const run = sampleRun({ mode: 'continue', cycles });
const linesOf = (what: string) => logLines(run, parseLog(what));

it('for people: one line a collection', () => {
  expect(linesOf('gc')).toHaveLength(2);
  expect(linesOf('gc')[0]).toBe(
    'gc 1 cause=allocation sim/continue freed 1 MiB live 1 MiB heap 64 MiB paused 4.45+0.34ms (ttsp 0.10ms) ' +
      'faults 50 (miss 0, minor 50; 80% by gc) total 8.9ms',
  );
});

it('more lines of each, in the order of the tags', () => {
  const lines = linesOf('fault,gc,phases');
  expect(lines.map((line) => line.split(/[ :]/).slice(0, 3).join(' '))).toEqual([
    'gc 1 cause=allocation',
    'gc 1 phases',
    'gc 1 faults',
    'gc 2 cause=allocation',
    'gc 2 phases',
    'gc 2 faults',
  ]);
  expect(lines[1]).toBe('gc 1 phases: mark 4.45ms');
  expect(lines[2]).toBe(
    'gc 1 faults: 0 missing, 50 minor; pages published by gc 200, by faults 50, untouched 6; UFFDIO_CONTINUE 16 (250 pages)',
  );
});

it('name=value and JSON say the same', () => {
  const [line = ''] = linesOf('nvp');
  const [text = ''] = linesOf('gc,json');
  const { schema, tag, ...facts } = JSON.parse(text);
  expect([schema, tag]).toEqual([LOG_SCHEMA, 'gc']);
  expect(facts).toMatchObject({
    gc: 1,
    at: 12.346,
    'pause.marking': 4.45,
    'pause.compaction': 0.34,
    total: 8.9,
  });
  const [first, ...pairs] = line.split(' ');
  expect(first).toBe('gc');
  expect(Object.fromEntries(pairs.map((pair) => pair.split('=')))).toEqual(
    Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value)])),
  );
});

it.each([
  [
    'phase',
    '--log phase: phase is no part of a log (did you mean phases?); use gc, phases, fault, and nvp or json',
  ],
  ['', /^--log : an empty word is no part of a log/],
  ['nvp,json', '--log nvp,json: is nvp and json at once; use one of them'],
])('refuses %j', (what, message) => {
  expect(() => parseLog(what)).toThrow(message);
});
