/** The table: a column per mode, a row per figure, the ratio to COPY beside it, and no colours unless asked. */
import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { formatNumber } from '../../dist/bench/figures.js';
import { describeHost } from '../../dist/bench/host.js';
import { copyOverContinue, pageOverPage } from '../../dist/bench/metrics/copy-over-continue.js';
import { resolveOptions } from '../../dist/bench/options.js';
import type { Results, Run } from '../../dist/bench/results.js';
import { renderResults } from '../../dist/bench/table.js';
import { sampleCycle, sampleRun } from './results-samples.ts';

function resultsOf(runs: readonly Run[], modes: string, page = '4KiB'): Results {
  const { config } = resolveOptions('compare', 'churn', { modes, kernel: 'sim', page });
  return {
    schema: 'minorfault/results/1',
    host: describeHost(),
    config: { ...config, parameters: { entries: 1000 }, liveBytes: 32 << 20 },
    runs,
    summary: {
      copyOverContinue: copyOverContinue(runs, 1),
      pageOverPage: pageOverPage(runs, config, 1),
    },
  };
}

const copies = [20, 30, 40].map((totalMs, i) => sampleCycle({ number: i + 1, totalMs, copied: 256 }));
const both = resultsOf(
  [sampleRun({ mode: 'copy', cycles: copies }), sampleRun({ mode: 'continue' })],
  'copy,continue',
);
const text = renderResults(both, false);

/** The cells of the first row that starts so. */
function rowOf(label: string): readonly string[] | undefined {
  const line = text.split('\n').find((row) => row.startsWith(label));
  return line?.slice(label.length).trim().split(/ {2,}/);
}

it('says what was run, that it was simulated and that figures are medians', () => {
  const [workload, sizes, medians] = text.split('\n');
  expect(workload).toBe('churn (entries=1000), simulated kernel: times are of the simulation');
  expect(sizes).toBe(
    'heap 64 MiB, 32 MiB live, 1 mutator, 1 collector thread, 1 fault thread, batch 64, seed 1, loops in JavaScript',
  );
  expect(medians).toBe('Medians over 3 invocations of 5 collections; in parentheses the ratio to COPY');
});

it.each([
  ['', ['copy (simulated)', 'continue (simulated)']],
  ['total per collection, ms', ['30', '10 (0.333)']],
  ['compaction pause, ms', ['0.5', '0.5 (1)']],
  ['pages compacted', ['256', '256 (1)']],
  ['UFFDIO_COPY calls', ['16', '0 (0)']],
  ['UFFDIO_CONTINUE calls', ['0', '16 (–)']],
  ['copied to publish, per collection', ['1 MiB', '0 bytes (0)']],
  ['userfaults missing', ['50', '0 (0)']],
  ['memory peak', ['80 MiB', '80 MiB (1)']],
  ['mutators, operations/s', ['500', '500 (1)']],
])('row %j', (label, cells) => {
  if (label === '') expect(text.split('\n')[4]?.trim().split(/ {2,}/)).toEqual(cells);
  else expect(rowOf(label)).toEqual(cells);
});

it('ends with COPY over CONTINUE', () => {
  expect(text).toContain('COPY over CONTINUE, with 95 % intervals (bootstrap):');
  expect(text).toMatch(/^totalMs +3 +–$/m);
});

it('has no ratios without COPY', () => {
  const alone = renderResults(resultsOf([sampleRun({ mode: 'continue' })], 'continue'), false);
  expect(alone).not.toContain('parentheses');
  expect(alone).not.toContain('COPY over');
  expect(alone).toMatch(/^total per collection, ms +10$/m);
});

it('two sizes of pages: a column each, and ratios to the first', () => {
  const faulting = sampleCycle({ number: 1, totalMs: 20 });
  const huge = { ...faulting, faults: { missing: 0, minor: 5 } };
  const runs = [
    sampleRun({ mode: 'continue', cycles: [faulting, faulting] }),
    sampleRun({ mode: 'continue', page: 2 ** 21, cycles: [huge, huge] }),
  ];
  const sizes = renderResults(resultsOf(runs, 'continue', '4KiB,2MiB'), false);
  expect(sizes).toContain('heap 64 MiB in pages of 4 KiB and 2 MiB (counted by 4 KiB), 32 MiB live');
  expect(sizes).toContain('; in parentheses the ratio to pages of 4 KiB');
  expect(sizes).toMatch(/continue, 4 KiB \(simulated\) +continue, 2 MiB \(simulated\)$/m);
  expect(sizes).toMatch(/^userfaults minor +50 +5 \(0\.1\)$/m);
  expect(sizes).toContain('continue, 2 MiB over 4 KiB, with 95 % intervals (bootstrap):');
  expect(sizes).toMatch(/^userfaults +0\.1 /m);
  const alone = renderResults(resultsOf(runs.slice(1), 'continue', '2MiB'), false);
  expect(alone).toContain('heap 64 MiB in pages of 2 MiB (counted by 4 KiB)');
  expect(alone).not.toContain('parentheses');
});

it('colours change nothing but colours', () => {
  const coloured = renderResults(both, true);
  expect(coloured).not.toBe(text);
  expect(stripVTControlCharacters(coloured)).toBe(text);
});

it.each([
  [0, '0'],
  [0.012345, '0.0123'],
  [1.2345, '1.23'],
  [99.99, '100'],
  [12345.6, '12,346'],
])('%d is written %s', (value, written) => expect(formatNumber(value)).toBe(written));
