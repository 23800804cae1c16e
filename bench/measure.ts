/** Measures one configuration once: a fresh heap, its mutators, their collections, and an end in any case. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Heap, HeapOptions, MutatorOutcome, PageSize, ThreadRecording } from '../gc/index.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import { describeRun, type Ending, measuredStalls, microsOf, resultOf } from './describe-run.ts';
import { CheckError, InterruptedError, isUsage } from './errors.ts';
import { unlessInterrupted } from './interrupt.ts';
import { pageMapOf } from './metrics/page-map.ts';
import type { Config, Mode } from './options.ts';
import type { Run } from './results.ts';

/** Opens a heap: `openHeap` of gc/, or a stand-in. */
export type OpenHeap = (options: HeapOptions) => Promise<Heap>;

/** One run: which configuration, and the program of its mutators. */
export interface Plan {
  readonly config: Config;
  readonly mode: Mode;
  /** Bytes of a page. */
  readonly page: number;
  /** From 1. */
  readonly invocation: number;
  readonly module: URL;
  readonly data: unknown;
  /** How much of the heap is non-moving space. */
  readonly nonMovingBytes: number;
  /** How much of it is large-object space. */
  readonly largeBytes: number;
  /** Whether every event is kept. */
  readonly record: boolean;
}

/** What a run needs from outside. */
export interface Surroundings {
  readonly openHeap: OpenHeap;
  readonly signal: AbortSignal;
  /** Told, once the heap is open, how to ask for the number of collections finished so far. */
  readonly onOpen?: (collections: () => number) => void;
}

/** A run, and what ended it early, if something did. */
export interface Measurement {
  readonly run: Run;
  readonly failure: Error | null;
  /** When the heap was opened, in this process's performance.now(). */
  readonly openedMs: number;
  /** Every event of every thread, where the plan said to keep them. */
  readonly recordings: readonly ThreadRecording[];
  /** Of each mutator how long its stalls were, in µs: those that the results have the percentiles of. */
  readonly stalls: readonly Float64Array[];
}

/** How long after the mutators the record of the last collection may come. */
const RECORD_DEADLINE_MS = 10_000;

/**
 * Runs the plan. All threads of the heap have ended when it settles.
 * @throws UsageError (of openHeap) and InterruptedError; what goes wrong in the run itself is in the result
 */
export async function measure(plan: Plan, surroundings: Surroundings): Promise<Measurement> {
  const { signal } = surroundings;
  signal.throwIfAborted();
  const [openedMs, openedAt] = [performance.now(), Date.now()];
  const cpu = process.cpuUsage();
  const heap = await surroundings.openHeap(heapOptions(plan));
  heap.failure.catch(() => {}); // it is awaited below; it may also reject while nobody does
  let ending: Ending;
  try {
    surroundings.onOpen?.(() => heap.cycles.length);
    ending = await endOf(heap, plan, signal);
  } catch (error) {
    if (error instanceof InterruptedError || isUsage(error)) throw error;
    const failure = error instanceof Error ? error : new Error(String(error));
    ending = { mutators: [], base: 0, failure };
  } finally {
    await heap.close();
  }
  // Some things are told only when threads end.
  const recordings = heap.recordings();
  const { user, system } = process.cpuUsage(cpu);
  const described = describeRun(heap, plan, ending, (user + system) / 1000);
  const run = withPageMap({ ...described, openedAt }, recordings, plan);
  const { mutators, base, failure } = ending;
  const stalls = mutators.map((mutator) => Float64Array.from(measuredStalls(mutator, base), microsOf));
  return { run, failure, openedMs, recordings, stalls };
}

async function endOf(heap: Heap, plan: Plan, signal: AbortSignal): Promise<Ending> {
  const mutators = await unlessInterrupted(signal, Promise.race([runMutators(heap, plan), heap.failure]));
  const base = Math.max(...mutators.map((mutator) => resultOf(mutator).base));
  const wanted = plan.config.collect === 'room' ? 0 : plan.config.cycles;
  const recorded = cyclesRecorded(heap, base, wanted);
  await unlessInterrupted(signal, Promise.race([recorded, heap.failure]));
  return { mutators, base, failure: null };
}

function heapOptions({ config, mode, page, nonMovingBytes, largeBytes, record }: Plan): HeapOptions {
  const heapBytes = config.heap - nonMovingBytes - largeBytes;
  return {
    kernel: config.kernel,
    ...{ linux: config.linux, bits: config.bits, arch: config.arch },
    mode,
    page: page as PageSize,
    ...{ heapBytes, nonMovingBytes, largeBytes },
    mutators: config.mutators,
    gcThreads: config.gcThreads,
    faultThreads: config.faultThreads,
    batch: config.batch,
    order: config.order,
    densePrefix: config.densePrefix,
    utilization: config.utilization,
    minFreeBytes: Math.min(config.minFree, heapBytes),
    maxFreeBytes: Math.min(config.maxFree, heapBytes),
    periodMs: config.period,
    loops: config.loops,
    verify: config.verify,
    ...(config.pin === null ? {} : { pin: config.pin }),
    populate: true, // a figure should not hold the host's page faults
    record,
  };
}

async function runMutators(heap: Heap, { config, module, data }: Plan): Promise<readonly MutatorOutcome[]> {
  const handles = Array.from({ length: config.mutators }, () => heap.spawn(module, data));
  return Promise.all(handles.map((handle) => handle.done));
}

/**
 * Waits until the records of all collections that were asked for are there. The mutators have seen the last one
 * end before they ended themselves, but its record comes from another thread.
 */
async function cyclesRecorded(heap: Heap, base: number, wanted: number): Promise<void> {
  const measured = () => heap.cycles.filter((cycle) => cycle.number > base).length;
  const deadline = performance.now() + RECORD_DEADLINE_MS;
  while (measured() < wanted) {
    const [refused] = heap.givenUp;
    if (refused !== undefined) throw refused;
    if (performance.now() > deadline) {
      throw new CheckError(`the workload ended after ${measured()} of ${wanted} collections`);
    }
    await sleep(2);
  }
}

/** With the map of its last collection, if what happened was recorded. */
function withPageMap(run: Run, recordings: readonly ThreadRecording[], plan: Plan): Run {
  const last = run.cycles.at(-1);
  if (!plan.record || last === undefined) return run;
  const { heapBytes = 0 } = heapOptions(plan);
  const pageMap = pageMapOf(recordings, last.number, heapBytes / PAGE_BYTES);
  return pageMap === null ? run : { ...run, pageMap };
}
