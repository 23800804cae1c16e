/** A bad parameter, or a heap too small, is refused with one line that says what to do. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { tinySnapshot } from '../../dist/bench/dumps/tiny-snapshot.js';
import type { ArraysData } from '../../dist/bench/workloads/arrays.js';
import { bytesOf } from '../../dist/bench/workloads/arrays-sizes.js';
import type { DriverData } from '../../dist/bench/workloads/driver.js';
import { smallestHeap, type WorkloadRequest, workloads } from '../../dist/bench/workloads/index.js';
import type { SnapshotData } from '../../dist/bench/workloads/snapshot-data.js';
import { MIB, prepare, requestOf, runMoving } from './workload-runs.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-parameters-'));
afterAll(() => rmSync(folder, { recursive: true }));

const set = (settings: Record<string, string>, change: Partial<WorkloadRequest> = {}) =>
  requestOf({ heapBytes: 16 * MIB, ...change, settings: new Map(Object.entries(settings)) });

async function refusal(name: string, request: WorkloadRequest): Promise<string> {
  const error = await prepare(name, request).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toMatchObject({ code: 'USAGE', name: 'UsageError' });
  expect(error.message).not.toContain('\n');
  return error.message;
}

describe('a parameter', () => {
  it.each([
    ['gcbench', { depth: '3' }, '--set depth: no such parameter'],
    [
      'gcbench',
      { strech: '3' },
      '--set strech: no such parameter (did you mean stretch?); the parameters are large, stretch,',
    ],
    ['gcbench', { stretch: 'many' }, '--set stretch=many: not a whole number'],
    ['gcbench', { stretch: '1.5' }, '--set stretch=1.5: not a whole number'],
    ['gcbench', { stretch: '' }, '--set stretch=: not a whole number'],
    ['gcbench', { stretch: '25' }, '--set stretch=25: out of range; give 0 to 24'],
    ['churn', { skew: 'NaN' }, '--set skew=NaN: not a number'],
    ['churn', { skew: '-1' }, '--set skew=-1: out of range; give 0 to 10'],
    ['churn', { capacity: '4 apples' }, '--set capacity=4 apples: not a size'],
    [
      'churn',
      { capacity: '64MiB' },
      'churn: a heap of 16MiB is too small for 1 mutator; use --heap 73MiB or more',
    ],
    ['random-graph', { operations: '0' }, '--set operations=0: out of range; give at least 1'],
    ['random-graph', { nonmoving: '0.95' }, '--set nonmoving=0.95: out of range; give 0 to 0.9'],
    ['random-graph', { nonmoving: 'half' }, '--set nonmoving=half: not a number'],
    ['random-graph', { large: '0.9' }, '--set large=0.9: out of range; give 0 to 0.8'],
    [
      'random-graph',
      { large: '0.02' },
      'random-graph: --set large=0.02 has no room for the tables and two arrays of each mutator; use --set large=0.1 or more',
    ],
    [
      'gcbench',
      { large: '0.1', array: '300000' },
      'gcbench: a heap of 16MiB is too small for 1 mutator; use --heap 23MiB',
    ],
    ['graph-mutator', { locality: '1.5' }, '--set locality=1.5: out of range; give 0 to 1'],
    ['graph-mutator', { degree: '0' }, '--set degree=0: out of range; give 1 to 64'],
    ['graph-mutator', { trees: '100000' }, 'graph-mutator: a heap of 16MiB is too small for 1 mutator'],
    ['arrays', { smallest: '100' }, '--set smallest=100: not a multiple of 8; sizes are whole granules'],
    [
      'arrays',
      { smallest: '8KiB', largest: '4KiB' },
      '--set smallest=8192: is more than the largest, 4096; use a smaller one',
    ],
    [
      'arrays',
      { large: '0.1', alpha: '0', largest: '64KiB', arrays: '200' },
      'arrays: --set large=0.1 has no room for the arrays; use --set large=0.',
    ],
    ['arrays', { arrays: '100000' }, 'arrays: a heap of 16MiB is too small for 1 mutator; use --heap'],
    ['random-graph', { objects: '1000000' }, 'random-graph: a heap of 16MiB is too small'],
  ])('%s %j', async (name, settings, message) => {
    expect(await refusal(name, set(settings as Record<string, string>))).toContain(message);
  });

  it('that is set is taken', async () => {
    const { parameters } = await prepare(
      'churn',
      set({ capacity: '1MiB', keys: '77', skew: '1.2', operations: '5' }),
    );
    expect(parameters).toEqual({ capacity: MIB, keys: 77, skew: 1.2, operations: 5 });
  });
});

it.each([
  ['0', 0],
  ['0.5', 7.2],
  ['0.9', 12.96],
])(
  'random-graph, nonmoving=%s: that part of the heap does not move, but for the table',
  async (nonmoving, mib) => {
    const { nonMovingBytes = 0 } = await prepare('random-graph', set({ nonmoving }));
    expect(nonMovingBytes % 4096).toBe(0);
    expect(Math.abs(nonMovingBytes - mib * MIB)).toBeLessThan(4096);
  },
);

it('random-graph, large=0.1: as the refusal of less says', async () => {
  const { largeBytes, liveBytes } = await prepare('random-graph', set({ large: '0.1' }));
  expect(largeBytes).toBe(Math.ceil((16 * MIB * 0.1) / 4096) * 4096);
  expect(liveBytes).toBeLessThan(8 * MIB);
});

it('large objects are checked as they are replaced, and what is computed follows from data', async () => {
  const request = set({ large: '0.4', operations: '4000' }, { heapBytes: 4 * MIB, cycles: 2 });
  const results = [];
  for (let i = 0; i < 2; i++)
    results.push((await runMoving('random-graph', await prepare('random-graph', request))).result);
  expect(results[0]?.checksum).toBe(results[1]?.checksum);
  const without = set({ operations: '4000' }, { heapBytes: 4 * MIB, cycles: 2 });
  const { result } = await runMoving('random-graph', await prepare('random-graph', without));
  expect(result.checksum).not.toBe(results[0]?.checksum);
});

it('arrays, large=0.5: half of the heap, which its arrays fit, large and small', async () => {
  const request = set({ large: '0.5' }, { cycles: 2 });
  const { largeBytes, liveBytes, data } = await prepare('arrays', request);
  const { program } = data as DriverData<ArraysData>;
  expect(largeBytes).toBe(8 * MIB);
  expect(liveBytes).toBeLessThan(8 * MIB);
  const sizes = Array.from({ length: program.arrays }, (_, array) => bytesOf(program, array));
  const large = sizes.filter((bytes) => bytes >= 12 * 1024);
  expect(large.length).toBeGreaterThan(10);
  expect(large.reduce((sum, bytes) => sum + Math.ceil(bytes / 4096) * 4096, 0)).toBeLessThan(4 * MIB);
  expect(sizes.length).toBeGreaterThan(10 * large.length);
});

describe('a heap too small for the workload', () => {
  it.each([...workloads.keys()])('%s: the heap that is named in the refusal does', async (name) => {
    for (const mutators of [1, 2, 7]) {
      const message = await refusal(name, set({}, { heapBytes: 64 * 1024, mutators }));
      const [, amount, unit] = /use --heap (\d+)(KiB|MiB) or more/.exec(message) ?? [];
      const heapBytes = Number(amount) * (unit === 'KiB' ? 1024 : MIB);
      const { liveBytes } = await prepare(name, set({}, { heapBytes, mutators }));
      expect(smallestHeap(liveBytes, mutators)).toBeLessThanOrEqual(heapBytes);
    }
  });
});

describe('the defaults', () => {
  it('of gcbench are the classic ones where they fit, and the largest that fit otherwise', async () => {
    const classic = { large: 0, stretch: 18, longLived: 16, array: 500_000, minDepth: 4, maxDepth: 16 };
    expect((await prepare('gcbench', set({}, { cycles: 10 }))).parameters).toEqual({
      ...classic,
      operations: 12,
    });
    expect((await prepare('gcbench', set({}, { mutators: 2 }))).parameters).toMatchObject({
      stretch: 17,
      longLived: 15,
      array: 250_000,
      maxDepth: 15,
    });
  });

  it.each([...workloads.keys()])('of %s use heaps of all sizes about as --live says', async (name) => {
    for (const heapBytes of [4 * MIB, 64 * MIB]) {
      // The heap of this process, which takes seconds to write, says nothing else at another size.
      for (const live of name === 'snapshot' ? [0.5] : [0.2, 0.5, 0.8]) {
        const { liveBytes } = await prepare(name, set({}, { heapBytes, live }));
        expect(smallestHeap(liveBytes, 1)).toBeLessThanOrEqual(heapBytes);
        if (name === 'churn' || name === 'random-graph') {
          expect(liveBytes / heapBytes).toBeGreaterThan(0.75 * live);
          expect(liveBytes / heapBytes).toBeLessThanOrEqual(live);
        }
      }
    }
  });
});

describe('snapshot', () => {
  const fileOf = (name: string, text: string): string => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };

  it('says why a file cannot be read', async () => {
    const missing = join(folder, 'missing.heapsnapshot');
    expect(await refusal('snapshot', set({ file: missing }))).toBe(
      `--set file=${missing}: cannot be read: there is no such file`,
    );
    expect(await refusal('snapshot', set({ file: folder }))).toBe(
      `--set file=${folder}: cannot be read: it is a folder`,
    );
  });

  it('names the file that is none', async () => {
    const file = fileOf('text.txt', 'not a snapshot');
    expect(await refusal('snapshot', set({ file }))).toMatch(
      /^--set file=.*text\.txt: no V8 heap snapshot: /,
    );
  });

  it('rebuilds a tiny graph, any number of times', async () => {
    const file = fileOf('tiny.heapsnapshot', tinySnapshot());
    const prepared = await prepare(
      'snapshot',
      set({ file, copies: '3', operations: '200' }, { heapBytes: MIB }),
    );
    expect(prepared.parameters).toEqual({ file, nodes: 4, copies: 3, operations: 200 });
    const { heap, result } = await runMoving('snapshot', prepared);
    expect(result.operations).toBe(600);
    expect(heap.peakBytes()).toBeLessThanOrEqual(prepared.liveBytes);
  });

  it('takes a connected part: the nodes nearest to the root', async () => {
    const file = fileOf('tiny.heapsnapshot', tinySnapshot());
    const prepared = await prepare('snapshot', set({ file, nodes: '2', copies: '2' }, { heapBytes: MIB }));
    const { graph } = (prepared.data as DriverData<SnapshotData>).program;
    expect(graph.nodes).toBe(2);
    expect([...graph.targets]).toEqual([1, 0xffff_ffff, 0xffff_ffff, 1]);
    await runMoving('snapshot', prepared);
  });
});
