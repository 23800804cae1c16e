/** `minheap` finds a heap that the work fits into and one that it does not; a heap factor is of that; and a run without collections. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { afterAll, expect, it } from 'vitest';
import { MinHeapSchema, type MinHeaps } from '../../dist/bench/minheap/schema.js';
import { type Results, ResultsSchema } from '../../dist/bench/results.js';
import { minorfault } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-heaps-'));
afterAll(() => rmSync(folder, { recursive: true }));
const WORK = ['churn', '--kernel', 'sim', '--heap', '4MiB', '--cycles', '2'];
const KIB = 1024;

async function jsonOf(
  args: readonly string[],
): Promise<{ readonly stderr: string; readonly value: unknown }> {
  const { code, stdout, stderr } = await minorfault([...args, '--json', '-']);
  expect(stderr).not.toContain('minorfault:');
  expect(code).toBe(0);
  return { stderr, value: JSON.parse(stdout) };
}

it('the smallest heap of each mode, by what it has tried', async () => {
  const { value } = await jsonOf(['minheap', ...WORK, '--heap', '1MiB', '--modes', 'continue', '--quiet']);
  expect([...Value.Errors(MinHeapSchema, value)]).toEqual([]);
  const { modes, config } = value as MinHeaps;
  expect(modes.map(({ mode }) => mode)).toEqual(['continue']);
  for (const { bytes, failedBytes, trials } of modes) {
    expect(trials[0]).toMatchObject({ bytes: config.heap, outcome: 'fits' });
    expect(trials.find((trial) => trial.bytes === bytes)?.outcome).toBe('fits');
    expect(trials.find((trial) => trial.bytes === failedBytes)?.outcome).toBe('out of memory');
    expect(bytes - failedBytes).toBeLessThanOrEqual(64 * KIB);
    // It keeps so much alive, and no heap can be smaller by much: some is dead before all is built.
    expect(bytes).toBeGreaterThan(0.8 * config.liveBytes);
    expect(bytes).toBeLessThan(1.5 * config.liveBytes);
  }
}, 240_000);

it('a heap factor is of the smallest heap; without a collection the same is computed', async () => {
  const args = ['--heap-factor', '1.5', '--min-heap', '2560KiB', '--collect', 'room', '--control'];
  const { value } = await jsonOf([
    'compare',
    ...WORK,
    '--modes',
    'continue',
    ...args,
    '--invocations',
    '2',
    '--quiet',
  ]);
  expect([...Value.Errors(ResultsSchema, value)]).toEqual([]);
  const { config, runs, control } = value as Results;
  expect(config).toMatchObject({
    ...{ heap: 3840 * KIB, heapFactor: 1.5, sizedFor: 4096 * KIB, collect: 'room' },
    minHeaps: { continue: 2560 * KIB },
  });
  expect(runs.map(({ memory }) => memory.heapBytes)).toEqual([3840 * KIB, 3840 * KIB]);
  expect(control?.why).toBeNull();
  expect(control?.runs.map(({ mode, cycles, warmupCycles }) => [mode, cycles.length, warmupCycles])).toEqual([
    ['none', 0, 0],
    ['none', 0, 0],
  ]);
  const checksums = [...runs, ...(control?.runs ?? [])].map(({ mutators }) => mutators[0]?.checksum);
  expect(new Set(checksums).size).toBe(1);
  for (const { mutators } of [...runs, ...(control?.runs ?? [])]) {
    expect(mutators[0]?.allocatedBytes).toBeGreaterThan(100 * KIB);
    expect(mutators[0]?.stoppedMs).toBeLessThanOrEqual(1000 * (mutators[0]?.seconds ?? 0));
  }
}, 120_000);

it('requests have their latencies, in the table and the file', async () => {
  const args = [
    '--kernel',
    'sim',
    '--heap',
    '4MiB',
    '--cycles',
    '2',
    '--set',
    'rate=1000',
    '--set',
    'operations=300',
  ];
  const file = join(folder, 'requests.json');
  const { stdout } = await minorfault(['run', 'requests', ...args, '--mode', 'stw', '--json', file]);
  expect(stdout).toContain('response from when a request was due, p50, µs');
  const value = JSON.parse(readFileSync(file, 'utf8'));
  const [mutator] = (value as Results).runs[0]?.mutators ?? [];
  const { requests } = mutator ?? {};
  expect(requests?.responseUs?.count).toBe(600);
  expect(requests?.meteredUs).toEqual([]);
  const [simple, response] = [requests?.simpleUs.p99 ?? 0, requests?.responseUs?.p99 ?? 0];
  expect(response).toBeGreaterThanOrEqual(simple);
  // Who sleeps until a request is due, and finds the world stopped, waits for the collector's sake from then on.
  const pauses =
    (value as Results).runs[0]?.cycles.flatMap((cycle) => cycle.pauses.map(({ ms }) => ms)) ?? [];
  const pausedMs = pauses.reduce((sum, ms) => sum + ms, 0);
  expect(mutator?.stoppedMs).toBeGreaterThan(pausedMs / 2);
  // An open loop: 600 at 1,000 a second take 0.6 s, or longer.
  expect(mutator?.seconds).toBeGreaterThan(0.3);
  const closed = await jsonOf(
    ['run', 'requests', ...args, '--set', 'skew=0.5', '--quiet'].map((arg) =>
      arg.replace('rate=1000', 'rate=0'),
    ),
  );
  const latency = (closed.value as Results).runs[0]?.mutators[0]?.requests;
  expect(latency?.responseUs).toBeNull();
  expect(latency?.meteredUs.map(({ windowMs, us }) => [windowMs, us.count])).toEqual([
    [100, 600],
    [null, 600],
  ]);
}, 120_000);

it.each<readonly [string, RegExp]>([
  ['compare --min-heap 1MiB', /--min-heap needs --heap-factor, which is of it/],
  ['compare --heap-factor 0.5', /--heap-factor 0\.5: must be a number from 1 to 1000, as 1\.5/],
  ['compare --heap-factor x', /--heap-factor x: must be a number/],
  [
    'compare --heap-factor 2 --min-heap 3GiB churn',
    /a heap of 6 GiB is more than this Node maps in one view/,
  ],
  ['compare --heap-factor 2 --min-heap 1000', /--min-heap 1000: must be a multiple of the page/],
  ['compare --collect romm', /--collect romm: must be rounds or room \(did you mean room\?\)/],
  ['minheap --heap-factor 2', /unknown option '--heap-factor'/],
  ['minheap curn', /curn: no such workload \(did you mean churn\?\)/],
])('%s: exit 2', async (args, line) => {
  const { code, stdout, stderr } = await minorfault(args.split(' '));
  expect(stderr).toMatch(line);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});
