/**
 * A run without any collection, to compare with: the same operations in a heap that is large enough for all that they allocate, as
 * with a collector that does nothing (JEP 318, Epsilon). What a mutator does more of there is what collections cost it, stops,
 * faults and all; caches and the size of the heap make a difference, too, and are among it.
 */
import { freemem } from 'node:os';
import { formatBytes } from '../heap/errors.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import { inHeap } from './in-heap.ts';
import type { Measurement, Plan } from './measure.ts';
import type { Control, Run } from './results.ts';
import { withoutAsking } from './workloads/driver.ts';

export const NO_CONTROL: Control = { heapBytes: 0, runs: [], why: null };

/** Buffers are given back more or less often from run to run. */
const SPARE = 1.25;
const SPARE_EACH = 1024 ** 2;
/** A collection begins when so much of a heap is handed out (gc/trigger.ts: three quarters). */
const USABLE = 0.7;
/** The most that such a heap may have: all of it is touched. */
const MOST_BYTES = 2 * 1024 ** 3;
const MOST_OF_FREE = 0.4;

/** The plan without a collection, or why there can be none. `run` is one of the same plan, with collections. */
export function planWithout(plan: Plan, { mutators }: Run): Plan | string {
  const { config } = plan;
  const data = withoutAsking(plan.data);
  const told = mutators.flatMap(({ takenBytes }) => takenBytes ?? []);
  if (data === null || told.length < mutators.length)
    return 'the workload does not say what it allocates, or asks for collections by itself';
  const needed = told.reduce((sum, bytes) => sum + bytes * SPARE + SPARE_EACH, 0) / USABLE;
  const most = Math.min(MOST_BYTES, MOST_OF_FREE * freemem());
  // All spaces grow alike: what goes into which of them is not known.
  const larger = inHeap({ config, program: plan }, Math.max(config.heap, needed));
  const { heap } = larger.config;
  if (heap > most)
    return `it would take a heap of ${formatBytes(heap)}, and ${formatBytes(Math.floor(most / PAGE_BYTES) * PAGE_BYTES)} are to be had`;
  return {
    ...{ ...plan, ...larger.program },
    ...{ data, mode: 'stw', page: PAGE_BYTES, record: false },
    config: { ...larger.config, collect: 'room', utilization: null, period: null, verify: false },
  };
}

/** Null if it is what it should be. */
export function whyUseless({ run, failure }: Measurement): string | null {
  if (failure !== null) return `it failed: ${failure.message}`;
  const collections = run.cycles.length + run.warmupCycles;
  return collections === 0 ? null : `there were ${collections} collections, though its heap was large`;
}
