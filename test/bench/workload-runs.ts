/** Runs a workload's mutator without a collector: on the moving double, or in a plain array. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { DriverResult } from '../../dist/bench/workloads/driver.js';
import type { PreparedWorkload, WorkloadRequest } from '../../dist/bench/workloads/index.js';
import { workloads } from '../../dist/bench/workloads/index.js';
import { allocateMetadata, CONTROL, openTables } from '../../dist/heap/layout.js';
import { attachMutator, type MutatorDefinition } from '../../dist/heap/mutator.js';
import { createMovingHeap, type MovingHeap, neverCollected } from './moving-heap.ts';

export const MIB = 1024 * 1024;

export function requestOf(change: Partial<WorkloadRequest> = {}): WorkloadRequest {
  const settings = new Map<string, string>();
  return { heapBytes: MIB, mutators: 1, live: 0.5, seed: 42, cycles: 3, settings, ...change };
}

export function prepare(name: string, request: WorkloadRequest): Promise<PreparedWorkload> {
  const workload = workloads.get(name);
  if (!workload) throw new Error(`no workload ${name}`);
  return workload.prepare(request);
}

export async function definitionOf(name: string): Promise<MutatorDefinition<unknown, DriverResult>> {
  const module = await import(workloads.get(name)!.module.href);
  return module.default;
}

/** Runs mutator `index` on a heap where every safepoint moves everything. */
export async function runMoving(
  name: string,
  { data }: PreparedWorkload,
  index = 0,
): Promise<{ heap: MovingHeap; result: DriverResult }> {
  const definition = await definitionOf(name);
  const heap = createMovingHeap(index, definition.roots ?? 0);
  return { heap, result: definition.run(heap.mutator, data) };
}

/** Runs it in a plain array which is large enough never to be collected. */
export async function runInArray(
  name: string,
  { data }: PreparedWorkload,
  { heapBytes = 256 * MIB, index = 0 } = {},
): Promise<DriverResult> {
  const definition = await definitionOf(name);
  const geometry = { heapBytes, mutators: index + 1, rootSlots: 65536, tlabPages: 8 };
  const tables = openTables(allocateMetadata(geometry), geometry);
  // As openHeap does: granule 0 is nobody's.
  tables.control[CONTROL.top] = 1;
  const words = new Int32Array(heapBytes / 4);
  const view = {
    load: (word: number) => words[word] as number,
    store: (word: number, value: number) => {
      words[word] = value;
    },
    enter() {},
    quiesce() {},
    leave() {},
    onStall: null,
  };
  const { mutator, detach } = attachMutator(view, tables, { index, roots: definition.roots ?? 0 });
  const result = definition.run(neverCollected(mutator, tables), data);
  detach();
  return result;
}

/** A snapshot of a process of Node's, whole; not of this one, which has the modules and results of many tests. */
export async function nodeSnapshot(): Promise<Buffer> {
  const program = "require('node:v8').getHeapSnapshot().pipe(process.stdout)";
  const options = { encoding: 'buffer', maxBuffer: 64 * MIB } as const;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], options);
  return stdout;
}
