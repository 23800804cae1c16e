/** A sweep: what is killed goes on, nothing is measured twice or lost, and merged results say what each file says. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Merged, MergedSchema } from '../../dist/bench/merge/schema.js';
import { type Results, ResultsSchema } from '../../dist/bench/results.js';
import { minorfault } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-sweep-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'small.sweep.json');
const sweep = {
  schema: 'minorfault/sweep/1',
  modes: ['copy', 'continue'],
  matrix: { heap: ['2MiB', '4MiB'], mutators: [1, 2] },
  options: { workload: 'churn', kernel: 'sim', cycles: 2, invocations: 1 },
};
writeFileSync(file, JSON.stringify(sweep));
const NAMES = [
  'heap=2MiB,mutators=1',
  'heap=2MiB,mutators=2',
  'heap=4MiB,mutators=1',
  'heap=4MiB,mutators=2',
];

const resultsIn = (out: string) => readdirSync(out).filter((name) => name.endsWith('.results.json'));
const readAs = (path: string): Results => JSON.parse(readFileSync(path, 'utf8'));
/** Ends the process, once it has measured a cell, in the middle of the next one. */
const endOnceMeasured = (out: string, signal: NodeJS.Signals) => {
  let ended = false;
  return {
    onStderr: (stderr: string, kill: (signal: NodeJS.Signals) => void) => {
      if (ended || !existsSync(out) || resultsIn(out).length === 0) return;
      if (!/cell 2 of [34]: .*\n.*run 1\/2/.test(stderr)) return;
      ended = true;
      kill(signal);
    },
  };
};

const whole = join(folder, 'whole');
const files = () => resultsIn(whole).map((name) => join(whole, name));

beforeAll(async () => {
  const killed = await minorfault(['sweep', file, '--out', whole], endOnceMeasured(whole, 'SIGKILL'));
  expect(killed.code).toBeNull();
}, 120_000);

it('one that is interrupted says so, keeps what it has, and leaves nothing half', async () => {
  const before = files();
  const { code, stderr } = await minorfault(
    ['sweep', file, '--out', whole],
    endOnceMeasured(whole, 'SIGINT'),
  );
  expect(code).toBe(130);
  expect(stderr.trim().split('\n').at(-1)).toBe(
    'minorfault: interrupted by SIGINT: all threads have ended, the same command goes on with the cells that are left',
  );
  expect(files()).toEqual(expect.arrayContaining(before));
  expect(readdirSync(whole).every((name) => name.endsWith('.results.json'))).toBe(true);
}, 120_000);

it('one that was killed goes on: what it had measured stays, and it ends as an unbroken one', async () => {
  const before = files().map((path) => [path, statSync(path).mtimeMs] as const);
  expect(before.length).toBeGreaterThan(0);
  expect(before.length).toBeLessThan(4);
  const { code, stdout } = await minorfault(['sweep', file, '--out', whole, '--quiet']);
  expect(code).toBe(0);
  expect(stdout).toContain(
    `4 cells: ${before.length} there before, ${4 - before.length} measured; minorfault merge`,
  );
  for (const [path, mtimeMs] of before) expect(statSync(path).mtimeMs).toBe(mtimeMs);
  const results = files().map(readAs);
  for (const each of results) {
    expect([...Value.Errors(ResultsSchema, each)]).toEqual([]);
    expect(each.cell).toMatchObject({ sweep: 'small', cells: 4, workload: 'churn' });
    expect(each.runs.map(({ mode }) => mode).sort()).toEqual(['continue', 'copy']);
    expect(each.config).toMatchObject({
      kernel: 'sim',
      cycles: 2,
      mutators: Number(each.cell?.axes.mutators),
    });
  }
  expect(results.map(({ cell }) => cell?.name).sort()).toEqual(NAMES);
}, 120_000);

it('a file that is half of one is measured again, and this is said', async () => {
  const [half] = files() as [string];
  const text = readFileSync(half, 'utf8');
  writeFileSync(half, text.slice(0, text.length / 2));
  const listed = await minorfault(['sweep', file, '--out', whole, '--list']);
  expect(listed.stdout.match(/^again {2}/gm)).toHaveLength(1);
  expect(listed.stdout.match(/^done {3}/gm)).toHaveLength(3);
  const { code, stdout, stderr } = await minorfault(['sweep', file, '--out', whole]);
  expect(stderr).toContain(`${half}: is no JSON, or half of it`);
  expect(stderr).toContain('measured again');
  expect(stdout).toContain('4 cells: 3 there before, 1 measured');
  expect(code).toBe(0);
  expect(readAs(half).runs).toHaveLength(2);
}, 120_000);

it('what another host has measured stays, and this is said', async () => {
  const out = mkdtempSync(join(folder, 'moved-'));
  for (const [i, path] of files().entries()) {
    const results = readAs(path);
    const host = i === 0 ? { ...results.host, node: 'v0.0.1' } : results.host;
    writeFileSync(join(out, basename(path)), JSON.stringify({ ...results, host }));
  }
  const { code, stdout, stderr } = await minorfault(['sweep', file, '--out', out]);
  expect(stderr).toMatch(
    /^minorfault: 1 of the cells there before were .*json: node was "v0\.0\.1", and is "v\d.* with --group-by host\n$/,
  );
  expect(stdout).toContain('4 cells: 4 there before, 0 measured');
  expect(code).toBe(0);
});

it('results of another configuration are not overwritten', async () => {
  const other = join(folder, 'other.json');
  writeFileSync(other, JSON.stringify({ ...sweep, options: { ...sweep.options, cycles: 3 } }));
  const { code, stderr, stdout } = await minorfault(['sweep', other, '--out', whole]);
  expect(stderr).toMatch(
    /^minorfault: .*results\.json: was measured with cycles "2", and the sweep says "3"; use another --out, or move the file away\n$/,
  );
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

it.each(['{"my":"precious"}', '{"schema":"minorfault/results/2"}'])(
  'nor is anything else that is whole: %s',
  async (text) => {
    const out = mkdtempSync(join(folder, 'foreign-'));
    const there = join(out, 'heap=2MiB,mutators=1.results.json');
    writeFileSync(there, text);
    const { code, stderr } = await minorfault(['sweep', file, '--out', out]);
    expect(stderr).toMatch(/^minorfault: .*results\.json: i.* schema.*, and this minorfault reads .*\n$/);
    expect(code).toBe(2);
    expect(readFileSync(there, 'utf8')).toBe(text);
  },
);

it('a cell that fails does not keep the others from being measured', async () => {
  const some = join(folder, 'some-fail.json');
  writeFileSync(some, JSON.stringify({ ...sweep, modes: ['continue'], matrix: { heap: ['64KiB', '2MiB'] } }));
  const out = join(folder, 'some-fail');
  const { code, stdout, stderr } = await minorfault(['sweep', some, '--out', out, '--quiet']);
  expect(stderr).toMatch(/^minorfault: heap=64KiB: churn: a heap of 64KiB is too small for 1 mutator; .*\n$/);
  expect(stdout).toContain('2 cells: 0 there before, 1 measured, 1 failed; the same command measures those');
  expect(code).toBe(1);
  expect(resultsIn(out)).toEqual(['heap=2MiB.results.json']);
}, 60_000);

it('a cell that is wrong is told of before anything is measured', async () => {
  const wrong = join(folder, 'wrong.json');
  const out = join(folder, 'none');
  for (const [matrix, line] of [
    [{ heap: ['2MiB', '3q'] }, /^minorfault: .*wrong\.json: cell heap=3q: --heap 3q: not a size; .*\n$/],
    [{ 'set.skeww': [1] }, /^minorfault: .*: cell set\.skeww=1: --set skeww: no such parameter .*\n$/],
    [{ workload: ['churm'] }, /^minorfault: .*: cell workload=churm: churm: no such workload .*\n$/],
  ] as const) {
    const { workload: _, ...options } = sweep.options;
    const given = 'workload' in matrix ? options : sweep.options;
    writeFileSync(wrong, JSON.stringify({ ...sweep, matrix, options: given }));
    const { code, stderr } = await minorfault(['sweep', wrong, '--out', out]);
    expect(stderr).toMatch(line);
    expect(code).toBe(2);
    expect(existsSync(out)).toBe(false);
  }
});

it('parts are of different cells, and all of them', async () => {
  const parts = await Promise.all(
    ['1/2', '2/2'].map((shard) => minorfault(['sweep', file, '--list', '--shard', shard, '--out', whole])),
  );
  const listed = parts.map(({ stdout }) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => line.replace(/^done +/, '')),
  );
  expect(listed.flat().sort()).toEqual(NAMES);
  expect(listed.map(({ length }) => length)).toEqual([2, 2]);
});

it('merged, they are one table, one file that follows its schema, and a report', async () => {
  const [json, report] = [join(folder, 'all.json'), join(folder, 'all.html')];
  const args = ['merge', ...files(), '--json', json, '--report', report];
  const { code, stdout } = await minorfault(args);
  expect(code).toBe(0);
  const merged: Merged = JSON.parse(readFileSync(json, 'utf8'));
  expect([...Value.Errors(MergedSchema, merged)]).toEqual([]);
  expect(merged.groups[0]?.cells.map(({ name }) => name).sort()).toEqual(NAMES);
  for (const cell of merged.groups[0]?.cells ?? []) {
    expect(stdout).toContain(cell.name);
    const [from] = cell.files.map(readAs);
    // What a file says of itself is what the merged one says of it.
    expect(cell.copyOverContinue).toEqual(from?.summary.copyOverContinue);
    for (const { lbo } of cell.columns) expect(lbo.wall?.ratio).toBeGreaterThanOrEqual(1);
  }
  expect(stdout).toContain('small: 4 of 4 cells\n');
  await inChromium(report);
}, 120_000);

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Draws, is silent, and asks for nothing. */
async function inChromium(report: string): Promise<void> {
  if (!existsSync(CHROMIUM)) {
    console.warn(`SKIPPED: the merged report in a browser: no Chromium at ${CHROMIUM}`);
    return;
  }
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage({ viewport: { width: 1100, height: 900 } });
    const told: string[] = [];
    page.on('console', (message) => told.push(message.text()));
    page.on('pageerror', ({ message }) => told.push(message));
    page.on('request', (request) => told.push(request.url()));
    await page.goto(pathToFileURL(report).href);
    expect(told).toEqual([pathToFileURL(report).href]);
    expect(await page.locator('html').getAttribute('data-drawn')).toBe('true');
    for (const id of ['cell-ratios-0', 'overheads-0'])
      expect(await page.locator(`#${id} svg[role=img] circle`).count(), id).toBeGreaterThan(3);
    expect(await page.locator('table').last().locator('tbody tr').count()).toBe(8);
    await page.screenshot({ path: 'coverage/report/merged.png', fullPage: true });
  } finally {
    await browser.close();
  }
}

it.runIf(existsSync('/dev/full'))('a full disk is told of, and what cannot be right', async () => {
  const { code, stderr } = await minorfault(['merge', ...files(), '--json', '/dev/full']);
  expect(stderr).toMatch(/^minorfault: --json \/dev\/full: could not be written whole: ENOSPC/);
  expect(code).toBe(1);
});

it('what a file says went wrong is shown without what a terminal would obey', async () => {
  const wrong = join(folder, 'wrong-and-red.json');
  writeFileSync(wrong, JSON.stringify({ ...readAs(files()[0] as string), failure: '\x1b[31mred' }));
  const { code, stdout } = await minorfault(['merge', wrong]);
  expect(stdout).toContain(': failed: \ufffd[31mred\n');
  expect(code).toBe(1);
});

it.each<readonly [(files: readonly string[]) => readonly string[], RegExp]>([
  [([one]) => [one as string, one as string], /holds the same runs as .*; name one of them/],
  [(all) => [...all, '--json', all[0] as string], /--json .*: is one of the files to merge; name another/],
  [() => ['no-such.json'], /no-such\.json: cannot be read: ENOENT/],
  [() => [file], /its schema is minorfault\/sweep\/1, and this minorfault reads minorfault\/results\/1/],
  [(all) => [...all, '--group-by', 'hots'], /--group-by hots: must be host/],
])('what cannot be merged: exit 2 (%#)', async (args, line) => {
  const { code, stdout, stderr } = await minorfault(['merge', ...args(files())]);
  expect(stderr).toMatch(line);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});
