/** Damaged heap dumps come to a graph or a refusal; and a reader that breaks that promise is found, with its input. */
import { describe, expect, it } from 'vitest';
import { fuzzDumps } from '../../dist/bench/dumps/fuzz.js';
import { inputOf } from '../../dist/bench/dumps/inputs.js';
import { KINDS } from '../../dist/bench/dumps/kinds.js';

const SOON_MS = 30_000; // what hangs is let go of after it; all else takes milliseconds

it.each(KINDS)('2000 damaged dumps: %s', async (kind) => {
  const outcome = await fuzzDumps({ kind, seed: 7, from: 0, to: 2000 }, { limitMs: SOON_MS });
  expect(outcome.findings).toEqual([]);
  expect(outcome.graphs + outcome.refusals).toBe(2000);
  // Neither whole dumps alone, nor only what is refused at once.
  expect(outcome.graphs).toBeGreaterThan(100);
  expect(outcome.refusals).toBeGreaterThan(1500);
});

it('an input is told by its seed and number alone', () => {
  const bytes = (seed: number, number: number) => Buffer.concat(inputOf({ kind: 'hprof', seed }, number));
  expect(bytes(7, 12)).toEqual(bytes(7, 12));
  expect(bytes(7, 12)).not.toEqual(bytes(7, 13));
  expect(bytes(7, 12)).not.toEqual(bytes(8, 12));
});

describe('finds a reader that', () => {
  const found = async (reader: string, limitMs = SOON_MS) => {
    const url = new URL(`../fixtures/bad-readers.mjs?${encodeURIComponent(reader)}`, import.meta.url).href;
    const inputs = { kind: 'hprof', seed: 1, from: 10, to: 14 } as const;
    return (await fuzzDumps(inputs, { limitMs, reader: url })).findings;
  };
  it.each([
    ['throws', /^threw RangeError: Invalid typed array length/],
    ['asks for much', /^asked for 40000\d+ bytes of memory for \d+ of a file, not at most \d+$/],
    ['says much', /^more than one line: "refused\\nfor reasons"$/],
    ['makes a graph up', /^a graph with edges/],
    ['fills V8', /^ended its thread: .*memory limit/s],
  ])('%s', async (reader, what) =>
    expect(await found(reader)).toEqual([{ number: 13, what: expect.stringMatching(what) }]),
  );
  it('hangs', async () =>
    expect(await found('hangs', 2000)).toEqual([{ number: 13, what: 'gave no answer in 2000 ms' }]));
  it('does nothing of that: not', async () => expect(await found('refuses')).toEqual([]));
});
