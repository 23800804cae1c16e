/** From a sweep file to its cells and its parts: every combination once, and what is wrong said with its place. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../dist/bench/errors.js';
import { cellsOf, parseShard, shardOf } from '../../dist/bench/sweep/cells.js';
import { readSweep } from '../../dist/bench/sweep/read.js';
import type { Sweep } from '../../dist/bench/sweep/schema.js';
import { fileOf } from '../../dist/bench/sweep/store.js';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-sweep-'));
afterAll(() => rmSync(folder, { recursive: true }));

const sweepOf = (rest: Partial<Sweep>): Sweep => ({ schema: 'minorfault/sweep/1', matrix: {}, ...rest });
const namesIn = (sweep: Partial<Sweep>) => cellsOf('s.json', sweepOf(sweep)).map(({ name }) => name);

it('every combination is a cell, the last axis varied first', () => {
  expect(namesIn({ matrix: { workload: ['churn', 'gcbench'], mutators: [1, 2, 2] } })).toEqual([
    'workload=churn,mutators=1',
    'workload=churn,mutators=2',
    'workload=gcbench,mutators=1',
    'workload=gcbench,mutators=2',
  ]);
});

it('a cell has the options of all, its own, and the parameters', () => {
  const [cell] = cellsOf(
    's.json',
    sweepOf({
      modes: ['copy', 'continue'],
      matrix: { gcThreads: [2], 'set.depth': [12], verify: [true], fallback: [false] },
      options: { workload: 'gcbench', heap: '16MiB', 'set.trees': 3 },
    }),
  );
  expect(cell?.workload).toBe('gcbench');
  expect(cell?.options).toEqual({
    modes: 'copy,continue',
    ...{ gcThreads: '2', heap: '16MiB', verify: 'heap' },
    set: ['trees=3', 'depth=12'],
  });
});

it('exclude leaves out the cells that have all of its values', () => {
  const matrix = { mutators: [1, 2], heap: ['8MiB', '16MiB'] };
  expect(namesIn({ matrix, exclude: [{ mutators: 2, heap: '8MiB' }] })).toEqual([
    'mutators=1,heap=8MiB',
    'mutators=1,heap=16MiB',
    'mutators=2,heap=16MiB',
  ]);
});

it.each<readonly [Partial<Sweep>, RegExp]>([
  [
    { matrix: { mutator: [1] } },
    /s\.json: matrix\.mutator\[0\]: no such option \(did you mean mutators\?\); they are workload, kernel/,
  ],
  [{ matrix: { json: ['x'] } }, /matrix\.json\[0\]: no such option/],
  [
    { matrix: { mutators: [1] }, options: { heaps: '8MiB' } },
    /options\.heaps: no such option \(did you mean heap\?\)/,
  ],
  [{ matrix: { mutators: [1] }, options: { mutators: 2 } }, /options\.mutators is in the matrix, too/],
  [
    { matrix: { mutators: [1] }, exclude: [{ mutators: 2 }] },
    /exclude\[0\]\.mutators: 2 is no value of the matrix/,
  ],
  [{ matrix: { mutators: [1] }, exclude: [{ mutators: 1 }] }, /exclude leaves no cell/],
  [{ matrix: { mutators: [1] }, exclude: [{ constructor: 1 }] }, /exclude\[0\]\.constructor: 1 is no value/],
  [{ matrix: { hdr: ['x'] } }, /matrix\.hdr\[0\]: no such option/],
  [{ matrix: { pin: [true] } }, /matrix\.pin\[0\] is true, expected a text or a number/],
  [
    { matrix: { mutators: [1] }, options: { control: 'false' } },
    /options\.control is "false", expected true or false/,
  ],
  [{ matrix: { mutators: [1, '1'] } }, /matrix: mutators=1 is there twice; name each value once/],
])('%o', (sweep, message) => {
  expect(() => cellsOf('s.json', sweepOf(sweep))).toThrow(UsageError);
  expect(() => cellsOf('s.json', sweepOf(sweep))).toThrow(message);
});

describe('in parts', () => {
  it('each cell is in one of them', () => {
    const items = Array.from({ length: 23 }, (_, i) => i);
    const parts = [1, 2, 3, 4].map((part) => shardOf(items, { part, of: 4 }));
    expect(parts.flat().toSorted((a, b) => a - b)).toEqual(items);
    expect(parts.map(({ length }) => length)).toEqual([6, 6, 6, 5]);
  });

  it.each(['0/3', '4/3', '1', '1/0', 'a/b', '-1/3', '1/3/5'])('--shard %s is none', (text) => {
    expect(() => parseShard(text)).toThrow(/must be a part and how many there are, as 3\/8/);
  });
});

it('files have names that any system takes, each its own', () => {
  const named = (name: string) => fileOf('out', { name, axes: {}, workload: undefined, options: {} });
  expect(named('heap=8MiB,mutators=2')).toBe(join('out', 'heap=8MiB,mutators=2.results.json'));
  const odd = ['workload=./a.js', 'workload=./a:js', 'workload=./a?js'].map(named);
  expect(new Set(odd).size).toBe(3);
  for (const file of odd) expect(file).toMatch(/^out.workload=\._a.js-[0-9a-f]{8}\.results\.json$/);
  expect(named('x'.repeat(400)).length).toBeLessThan(200);
});

it.each<readonly [string, RegExp]>([
  ['{ "schema": "minorfault/sweep/1", "matrix": {', /is no JSON, or half of it: .*; see minorfault sweep/],
  [
    '{ "schema": "minorfault/results/1" }',
    /schema is "minorfault\/results\/1", expected "minorfault\/sweep\/1"/,
  ],
  ['[]', /schema is absent, expected/],
  ['{ "schema": "minorfault/sweep/1" }', /it must have required properties matrix/],
  ['{ "schema": "minorfault/sweep/1", "matrix": {} }', /matrix must not have fewer than 1 properties/],
  [
    '{ "schema": "minorfault/sweep/1", "matrix": { "heap": [] } }',
    /matrix\.heap must not have fewer than 1 items/,
  ],
  ['{ "schema": "minorfault/sweep/1", "matrix": { "heap": [null] } }', /matrix\.heap\[0\] must/],
  [
    '{ "schema": "minorfault/sweep/1", "matrix": { "heap": ["8MiB"] }, "mods": ["copy"] }',
    /mods is no field that is known here/,
  ],
])('a file that is none: %s', (text, message) => {
  const file = join(folder, 'bad.json');
  writeFileSync(file, text);
  expect(() => readSweep(file)).toThrow(UsageError);
  expect(() => readSweep(file)).toThrow(message);
  expect(() => readSweep(file)).toThrow(`${file}: `);
});
