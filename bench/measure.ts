/** Measures one configuration once: a fresh heap, its mutators, their collections, and an end in any case. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Heap, HeapOptions, MutatorOutcome, PageSize, Stall, ThreadRecording } from '../gc/index.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import { CheckError, hasCode, InterruptedError, isUsage } from './errors.ts';
import { unlessInterrupted } from './interrupt.ts';
import { engineSummary } from './metrics/engine.ts';
import { histogramOf } from './metrics/histogram.ts';
import { utilizations } from './metrics/mmu.ts';
import { pageMapOf } from './metrics/page-map.ts';
import { summarize } from './metrics/summary.ts';
import type { Config, Mode } from './options.ts';
import type { Cycle, MutatorRun, Run } from './results.ts';

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
}

/** What a workload's mutator answers: collections up to number `base` belong to the building of its data. */
interface WorkerResult {
  readonly operations: number;
  readonly seconds: number;
  readonly checksum: number | string;
  readonly base: number;
}

/** The codes of the errors by which a check fails: of the whole heap (heap/verify.ts), or between phases (gc/invariants). */
const VERIFY_CODES = new Set(['HEAP_CORRUPT', 'INVARIANT_VIOLATED']);
/** How long after the mutators the record of the last collection may come. */
const RECORD_DEADLINE_MS = 10_000;

/**
 * Runs the plan. All threads of the heap have ended when it settles.
 * @throws UsageError (of openHeap) and InterruptedError; what goes wrong in the run itself is in the result
 */
export async function measure(plan: Plan, surroundings: Surroundings): Promise<Measurement> {
  const { signal } = surroundings;
  signal.throwIfAborted();
  const openedMs = performance.now();
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
  const run = withPageMap(describeRun(heap, plan, ending), recordings, plan);
  return { run, failure: ending.failure, openedMs, recordings };
}

async function endOf(heap: Heap, plan: Plan, signal: AbortSignal): Promise<Ending> {
  const mutators = await unlessInterrupted(signal, Promise.race([runMutators(heap, plan), heap.failure]));
  const base = Math.max(...mutators.map((mutator) => resultOf(mutator).base));
  const recorded = cyclesRecorded(heap, base, plan.config.cycles);
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

interface Ending {
  readonly mutators: readonly MutatorOutcome[];
  readonly base: number;
  readonly failure: Error | null;
}

function describeRun(
  heap: Heap,
  { config, mode, page, invocation }: Plan,
  { mutators, base, failure }: Ending,
): Run {
  const cycles: readonly Cycle[] = heap.cycles;
  const measured = cycles.filter((cycle) => cycle.number > base);
  return {
    kernel: config.kernel,
    mode,
    page,
    fellBackFrom: fellBackFrom(config, mode),
    invocation,
    cycles: measured,
    warmupCycles: cycles.length - measured.length,
    mutators: mutators.map((mutator) => describeMutator(mutator, base, measured)),
    memory: { peakBytes: heap.memory().peakBytes, heapBytes: config.heap },
    v8: engineSummary(heap.engineCollections(), measured),
    loops: heap.loops,
    lostEvents: heap.lostEvents(),
    verified: config.verify !== false ? verdict(failure) : null,
  };
}

/** The modes that this one runs in the place of. */
function fellBackFrom({ fellBack }: Config, mode: Mode): readonly string[] {
  return fellBack.filter(({ to }) => to === mode).map(({ from }) => from);
}

/** A run that told nothing: its process ended before. */
export function emptyRun({ config, mode, page, invocation }: Plan): Run {
  return {
    ...{ kernel: config.kernel, mode, page, invocation },
    fellBackFrom: fellBackFrom(config, mode),
    ...{ cycles: [], warmupCycles: 0, mutators: [] },
    memory: { peakBytes: 0, heapBytes: config.heap },
    v8: engineSummary([], []),
    ...{ loops: 'js', lostEvents: 0, verified: null },
  };
}

/** A run that ended early for another reason has not been checked to its end: neither true nor false. */
function verdict(failure: Error | null): boolean | null {
  if (failure === null) return true;
  return hasCode(failure, VERIFY_CODES) ? false : null;
}

/** @throws CheckError for what no workload's mutator answers: a user may have written the program */
function resultOf({ result }: MutatorOutcome): WorkerResult {
  const { operations, seconds, base, checksum } = (result ?? {}) as Partial<WorkerResult>;
  const isSound = [operations, seconds, base].every(Number.isFinite) && checksum !== undefined;
  if (isSound) return result as WorkerResult;
  throw new CheckError(
    `a mutator answered ${JSON.stringify(result)}, without operations, seconds, base and checksum; ` +
      'make its program by workloadMutator()',
  );
}

/** Stalls of the measured collections only, as the rest of the figures. */
function describeMutator(outcome: MutatorOutcome, base: number, cycles: readonly Cycle[]): MutatorRun {
  const { operations, seconds, checksum } = resultOf(outcome);
  const measured = (all: MutatorOutcome['stalls']) => all.filter(({ cycle }) => cycle > base);
  const stalls = measured(outcome.stalls);
  return {
    ...{ operations, seconds, checksum },
    stallsUs: summarize(stalls.map(microsOf)),
    stallHistogram: histogramOf(stalls.map(microsOf)),
    longestStallsUs: summarize(longestOfEach(stalls)),
    waitsUs: summarize(measured(outcome.waits).map(microsOf)),
    mmu: utilizationIn(outcome, cycles),
  };
}

/** Null of no collections. */
function utilizationIn(
  { stalls, waits, outOfRoom }: MutatorOutcome,
  cycles: readonly Cycle[],
): MutatorRun['mmu'] {
  const [first, last] = [cycles[0], cycles.at(-1)];
  if (first === undefined || last === undefined) return null;
  const span = { begin: first.beganMs, end: last.beganMs + last.totalMs };
  const stops = [...stalls, ...waits, ...outOfRoom].map(({ endedMs, micros }) => ({
    begin: endedMs - micros / 1000,
    end: endedMs,
  }));
  return utilizations(stops, span);
}

const microsOf = ({ micros }: Stall) => micros;

/** The longest stall of each collection that had one. */
function longestOfEach(stalls: readonly Stall[]): readonly number[] {
  const longest = new Map<number, number>();
  for (const { cycle, micros } of stalls) longest.set(cycle, Math.max(micros, longest.get(cycle) ?? 0));
  return [...longest.values()];
}
