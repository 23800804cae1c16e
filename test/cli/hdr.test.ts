/** `--hdr`: the file that other programs read holds the stalls that the results tell of. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HistogramLogReader, listTags } from 'hdr-histogram-js';
import { afterAll, expect, it } from 'vitest';
import type { Results } from '../../dist/bench/results.js';
import { minorfault } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-hdr-'));
afterAll(() => rmSync(folder, { recursive: true }));
const SMALL = ['--kernel', 'sim', '--heap', '4MiB', '--cycles', '1', '--quiet'];

it('has the stalls of each run and mutator: as many, the longest, and when', async () => {
  const [json, hlog] = [join(folder, 'out.json'), join(folder, 'out.hlog')];
  const args = ['compare', 'random-graph', ...SMALL, '--modes', 'stw,continue', '--invocations', '1'];
  const { code } = await minorfault([...args, '--mutators', '2', '--json', json, '--hdr', hlog]);
  expect(code).toBe(0);
  const { runs }: Results = JSON.parse(readFileSync(json, 'utf8'));
  const log = readFileSync(hlog, 'utf8');
  const reader = new HistogramLogReader(log);
  for (const { mode, invocation, mutators, cycles, openedAt = NaN } of runs)
    for (const [i, { stallsUs }] of mutators.entries()) {
      const interval = reader.nextIntervalHistogram();
      expect(interval?.tag).toBe(`${mode}.${invocation}.mutator${i}`);
      expect(interval?.totalCount).toBe(stallsUs.count);
      const longestNs = 1000 * (stallsUs.max ?? 0);
      expect(Math.abs((interval?.maxValue ?? NaN) - longestNs)).toBeLessThanOrEqual(longestNs / 1000 + 1);
      expect(interval?.startTimeStampMsec).toBeCloseTo(openedAt + (cycles[0]?.beganMs ?? NaN), -1);
    }
  expect(reader.nextIntervalHistogram()).toBeNull();
  expect(listTags(log)).toHaveLength(4);
  const stalls = runs.flatMap(({ mutators }) => mutators.map(({ stallsUs }) => stallsUs.count));
  expect(Math.max(...stalls)).toBeGreaterThan(0);
});

it('a file that cannot be written: said before anything is measured', async () => {
  const nowhere = join(folder, 'no', 'out.hlog');
  const { code, stderr } = await minorfault(['run', '--hdr', nowhere]);
  expect([code, stderr]).toEqual([
    2,
    `minorfault: --hdr ${nowhere}: the folder ${join(folder, 'no')} does not exist; make it first\n`,
  ]);
  const dash = await minorfault(['run', '--hdr', '-']);
  expect([dash.code, dash.stderr]).toEqual([
    2,
    'minorfault: --hdr -: is not written to standard output; give it a file\n',
  ]);
});

it('a full disk: said, with the file, and the table is shown all the same', async () => {
  const { code, stdout, stderr } = await minorfault(['run', 'churn', ...SMALL, '--hdr', '/dev/full']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^minorfault: --hdr \/dev\/full: could not be written whole: ENOSPC[^\n]*\n$/);
  expect(stdout).toContain('total per collection, ms');
});

it('what another file has no room for is no reason to leave it out', async () => {
  const hdr = join(folder, 'all-the-same.hlog');
  const { code, stderr } = await minorfault([
    ...['run', 'churn', ...SMALL],
    ...['--json', '/dev/full', '--trace', '/dev/full', '--hdr', hdr],
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^minorfault: --json \/dev\/full: .*\nminorfault: --trace \/dev\/full: .*\n$/);
  expect(readFileSync(hdr, 'utf8')).toContain('#[Logged with minorfault');
});
