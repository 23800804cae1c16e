/** No workload keeps a reference across a safepoint: each runs on a heap that moves everything at every one. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PreparedWorkload } from '../../dist/bench/workloads/index.js';
import { createMovingHeap } from './moving-heap.ts';
import { definitionOf, nodeSnapshot, prepare, requestOf, runInArray, runMoving } from './workload-runs.ts';

const NAMES = ['random-graph', 'gcbench', 'churn', 'snapshot', 'graph-mutator', 'arrays', 'requests'];
const folder = mkdtempSync(join(tmpdir(), 'minorfault-workloads-'));
const file = join(folder, 'node.heapsnapshot');

/** What is not left as it is: snapshot reads the same file each time, and requests come when the one before is done. */
const SETTINGS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  snapshot: [['file', file]],
  requests: [['rate', '0']],
};

function requestFor(name: string, change = {}) {
  const settings = new Map(SETTINGS[name] ?? []);
  return requestOf({ settings, ...change });
}

beforeAll(async () => writeFileSync(file, await nodeSnapshot()));
afterAll(() => rmSync(folder, { recursive: true }));

it('the moving heap refuses a reference that was kept across a safepoint', () => {
  const { mutator: m } = createMovingHeap(0, 1);
  const kept = m.allocObject(1, 1);
  m.setRoot(0, kept);
  m.setRefAt(kept, 0, kept);
  m.safepoint();
  expect(() => m.dataAt(kept, 0)).toThrow('stale reference');
  expect(() => m.setRefAt(m.root(0), 0, kept)).toThrow('stale reference');
  expect(m.refAt(m.root(0), 0)).toBe(m.root(0));
});

describe.each(NAMES)('%s', (name) => {
  it('computes the same whether objects move at every safepoint or never', async () => {
    const prepared = await prepare(name, requestFor(name));
    const { result, heap } = await runMoving(name, prepared);
    const still = await runInArray(name, prepared);
    expect(result.checksum).toBe(still.checksum);
    expect(result.operations).toBe(still.operations);
    expect(heap.safepoints()).toBeGreaterThan(1000);
  });

  it('does cycles × operations operations', async () => {
    const prepared = await prepare(name, requestFor(name, { cycles: 4 }));
    const result = await runInArray(name, prepared);
    expect(result.operations).toBe(4 * Number(prepared.parameters.operations));
    expect(result.base).toBe(0);
  });

  it('computes the same twice, and something else with another seed or for another mutator', async () => {
    const request = requestFor(name, { heapBytes: 2 * 1024 * 1024, mutators: 2 });
    const prepared = await prepare(name, request);
    const alone = { ...prepared, data: { ...(prepared.data as object), mutators: 1 } };
    const first = await runInArray(name, alone);
    expect((await runInArray(name, alone)).checksum).toBe(first.checksum);
    expect((await runInArray(name, alone, { index: 1 })).checksum).not.toBe(first.checksum);
    const other = await prepare(name, { ...request, seed: 43 });
    const otherAlone = { ...other, data: { ...(other.data as object), mutators: 1 } };
    expect((await runInArray(name, otherAlone)).checksum).not.toBe(first.checksum);
  });

  it('keeps no more alive than it says, and not much less', async () => {
    const prepared = await prepare(name, requestFor(name, { cycles: 6 }));
    const { heap } = await runMoving(name, prepared);
    expect(heap.peakBytes()).toBeLessThanOrEqual(prepared.liveBytes);
    expect(heap.peakBytes()).toBeGreaterThan(0.8 * prepared.liveBytes);
  });

  it('notices damage to what it keeps', async () => {
    const prepared = await prepare(name, requestFor(name));
    for (const n of [3, 40, 500]) {
      await expect(runDamaged(name, prepared, n)).rejects.toThrow(/should be|data word 0 of 0/);
    }
  });
});

/** Runs with one word of object n changed between the build and the first operation. */
async function runDamaged(name: string, prepared: PreparedWorkload, n: number): Promise<unknown> {
  const definition = await definitionOf(name);
  const heap = createMovingHeap(0, definition.roots ?? 0);
  let damaged = false;
  const requestCollection = (number: number) => {
    if (!damaged) heap.damage(n);
    damaged = true;
    heap.mutator.requestCollection(number);
  };
  return definition.run({ ...heap.mutator, requestCollection }, prepared.data);
}
