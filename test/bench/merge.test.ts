/** Results put together: hosts are never mixed unseen, nothing counts twice, and what is of the same options is one cell. */
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../dist/bench/errors.js';
import { describeHost } from '../../dist/bench/host.js';
import { mergeResults, type Source } from '../../dist/bench/merge/merge.js';
import { renderMerged } from '../../dist/bench/merge/render.js';
import { MergedSchema } from '../../dist/bench/merge/schema.js';
import { resolveOptions } from '../../dist/bench/options.js';
import type { Results } from '../../dist/bench/results.js';
import { sampleCycle, sampleRun } from './results-samples.ts';

const host = describeHost();
let made = 0;

/** Results of two modes whose collections took so long. */
function source(rest: {
  readonly raw?: Parameters<typeof resolveOptions>[2];
  readonly host?: Partial<Results['host']>;
  readonly totals?: Readonly<Record<string, readonly number[]>>;
  readonly cell?: Results['cell'];
  readonly failure?: string;
}): Source {
  const { raw = {}, totals = { copy: [20], continue: [10] }, cell, failure } = rest;
  const { config } = resolveOptions('compare', 'churn', { kernel: 'sim', modes: 'copy,continue', ...raw });
  const runs = Object.entries(totals).flatMap(([mode, of]) =>
    of.map((totalMs, i) =>
      sampleRun({ mode, invocation: i + 1, cycles: [sampleCycle({ number: ++made, totalMs })] }),
    ),
  );
  const results: Results = {
    schema: 'minorfault/results/1',
    host: { ...host, ...rest.host },
    config: { ...config, parameters: { keys: 100 }, liveBytes: 1 << 20 },
    runs,
    summary: { copyOverContinue: {}, pageOverPage: {} },
    ...(cell === undefined ? {} : { cell }),
    ...(failure === undefined ? {} : { failure }),
  };
  return { file: `${made}.json`, results };
}

const only = (sources: readonly Source[]) => {
  const merged = mergeResults(sources, null);
  expect([...Value.Errors(MergedSchema, merged)]).toEqual([]);
  expect(merged.groups).toHaveLength(1);
  return (merged.groups[0] as (typeof merged.groups)[0]).cells;
};

describe('hosts', () => {
  const [one, other] = [source({}), source({ host: { cpu: 'Another 9000' } })];

  it('several are refused, with what differs', () => {
    expect(() => mergeResults([one, other], null)).toThrow(UsageError);
    expect(() => mergeResults([one, other], null)).toThrow(
      new RegExp(
        `^${one.file} and ${other.file} are of different hosts: cpu is ".*" and "Another 9000"; add --group-by host`,
      ),
    );
  });

  it('or grouped', () => {
    const { groups } = mergeResults([one, other, source({ raw: { mutators: '2' } })], 'host');
    expect(groups.map((group) => [group.host.cpu, group.cells.length])).toEqual([
      [host.cpu, 2],
      ['Another 9000', 1],
    ]);
  });

  it.each(['minorfault', 'node', 'kernel'] as const)('another version of %s is another host', (name) => {
    const there = source({ host: { [name]: 'v0' } });
    expect(() => mergeResults([one, there], null)).toThrow(`${name} is `);
  });

  it('how busy one was is no difference', () => {
    expect(only([one, source({ raw: { mutators: '2' }, host: { loadAverage: [9, 9, 9] } })])).toHaveLength(2);
  });
});

it('the same runs twice are refused', () => {
  const one = source({});
  expect(() => mergeResults([one, { ...one, file: 'copy.json' }], null)).toThrow(
    `copy.json: holds the same runs as ${one.file}; name one of them`,
  );
});

it('the same options are one cell, with all runs: of other seeds, too', () => {
  const [cell, ...others] = only([
    source({ totals: { copy: [20, 22], continue: [10, 10] } }),
    source({ raw: { seed: '7', invocations: '9' }, totals: { copy: [30], continue: [15] } }),
  ]);
  expect(others).toEqual([]);
  expect(cell?.files).toHaveLength(2);
  expect(cell?.columns.map(({ mode, invocations, medians }) => [mode, invocations, medians.totalMs])).toEqual(
    [
      ['copy', 3, 22],
      ['continue', 3, 10],
    ],
  );
  expect(cell?.copyOverContinue.totalMs?.ratio).toBe(2.2);
});

it('runs of one seed that computed different things are not pooled', () => {
  const [one, other] = [source({}), source({})];
  const { mutators, ...run } = other.results.runs[0] as Results['runs'][0];
  const wrong = { ...run, mutators: mutators.map((mutator) => ({ ...mutator, checksum: 77 })) };
  const runs = [wrong, ...other.results.runs.slice(1)];
  expect(() => only([one, { ...other, results: { ...other.results, runs } }])).toThrow(
    /checksums of mutator 0 differ: 42 after/,
  );
});

it('what a heap factor is of may be found a little differently', () => {
  const of = (bytes: number) => {
    const { file, results } = source({ raw: { heapFactor: '2' } });
    const config = { ...results.config, heap: 2 * bytes, maxFree: 2 * bytes, minHeaps: { copy: bytes } };
    return { file, results: { ...results, config } };
  };
  expect(only([of(4 << 20), of((4 << 20) + 65_536)])).toHaveLength(1);
});

it('cells are named by the options in which they differ', () => {
  const cells = only([
    source({ raw: { heap: '16MiB', mutators: '2' } }),
    source({ raw: { heap: '32MiB', mutators: '2' } }),
  ]);
  expect(cells.map(({ name }) => name)).toEqual(['heap=16 MiB', 'heap=32 MiB']);
});

it('cells of a sweep by what the sweep calls them; how many there are is said', () => {
  const cellOf = (name: string) => ({ sweep: 'mine', cells: 3, name, axes: { heap: name }, options: {} });
  const merged = mergeResults(
    [
      source({ raw: { heap: '16MiB' }, cell: cellOf('heap=16MiB') }),
      source({ raw: { heap: '32MiB' }, cell: cellOf('heap=32MiB'), failure: 'a check failed' }),
    ],
    null,
  );
  expect(merged.groups[0]?.sweeps).toEqual([{ name: 'mine', found: 2, cells: 3 }]);
  expect(merged.groups[0]?.cells.map(({ name, failures }) => [name, failures])).toEqual([
    ['heap=16MiB', []],
    ['heap=32MiB', ['a check failed']],
  ]);
  const text = renderMerged(merged);
  expect(text).toContain('mine: 2 of 3 cells; the rest has not been measured, or was not named');
  expect(text).toContain('heap=32MiB: failed: a check failed');
});
