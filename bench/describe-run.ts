/** From a heap that has ended to the results of its run. */
import type { Heap, MutatorOutcome, Stall } from '../gc/index.ts';
import { CheckError, hasCode } from './errors.ts';
import type { Plan } from './measure.ts';
import { engineSummary } from './metrics/engine.ts';
import { histogramOf } from './metrics/histogram.ts';
import { latenciesOf, type RequestTimes } from './metrics/latency.ts';
import { utilizations } from './metrics/mmu.ts';
import { summarize } from './metrics/summary.ts';
import type { Config, Mode } from './options.ts';
import type { Cycle, MutatorRun, Run } from './results.ts';

/** What a workload's mutator answers: collections up to number `base` belong to the building of its data. */
interface WorkerResult {
  readonly operations: number;
  readonly seconds: number;
  readonly checksum: number | string;
  readonly base: number;
  /** Where operations are requests. */
  readonly requests?: RequestTimes;
  /** Of the seconds: not running, for the collector's sake. */
  readonly stoppedMs?: number;
  /** In bytes, before the operations and by them; a workload need not say. */
  readonly builtBytes?: number;
  readonly allocatedBytes?: number;
  /** In all, with what allocation buffers left unused. */
  readonly takenBytes?: number;
}

/** The codes of the errors by which a check fails: of the whole heap (heap/verify.ts), or between phases (gc/invariants). */
const VERIFY_CODES = new Set(['HEAP_CORRUPT', 'INVARIANT_VIOLATED']);

/** How a run has ended. */
export interface Ending {
  readonly mutators: readonly MutatorOutcome[];
  readonly base: number;
  readonly failure: Error | null;
}

/** `cpuMs` is what the process has used meanwhile, of all its threads. */
export function describeRun(
  heap: Heap,
  { config, mode, page, invocation }: Plan,
  { mutators, base, failure }: Ending,
  cpuMs: number,
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
    cpuMs: { process: cpuMs, ...heap.cpuMs() },
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
export function resultOf({ result }: MutatorOutcome): WorkerResult {
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
  const { operations, seconds, checksum, requests, stoppedMs, builtBytes, allocatedBytes, takenBytes } =
    resultOf(outcome);
  const measured = (all: readonly Stall[]) => all.filter(({ cycle }) => cycle > base);
  const [stalls, waits] = [measuredStalls(outcome, base), measured(outcome.waits)];
  return {
    ...{ operations, seconds, checksum },
    ...(requests === undefined ? {} : { requests: latenciesOf(requests) }),
    ...(builtBytes === undefined ? {} : { builtBytes }),
    ...(allocatedBytes === undefined ? {} : { allocatedBytes }),
    ...(takenBytes === undefined ? {} : { takenBytes }),
    ...(stoppedMs === undefined ? {} : { stoppedMs }),
    stallsUs: summarize(stalls.map(microsOf)),
    stallHistogram: histogramOf(stalls.map(microsOf)),
    longestStallsUs: summarize(longestOfEach(stalls)),
    waitsUs: summarize(waits.map(microsOf)),
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

/** Stalls of the measured collections. */
export function measuredStalls({ stalls }: MutatorOutcome, base: number): readonly Stall[] {
  return stalls.filter(({ cycle }) => cycle > base);
}

export const microsOf = ({ micros }: Stall) => micros;

/** The longest stall of each collection that had one. */
function longestOfEach(stalls: readonly Stall[]): readonly number[] {
  const longest = new Map<number, number>();
  for (const { cycle, micros } of stalls) longest.set(cycle, Math.max(micros, longest.get(cycle) ?? 0));
  return [...longest.values()];
}
