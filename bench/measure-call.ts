/** Measures what a resolved call asks for: prepares the workload, runs the modes, and puts the results together. */
import { formatBytes } from '../heap/errors.ts';
import { measureApart } from './apart/apart.ts';
import { isComplete } from './columns.ts';
import { type Comparison, compareModes, type Program } from './compare.ts';
import { UsageError } from './errors.ts';
import { describeHost } from './host.ts';
import { inHeap } from './in-heap.ts';
import { unlessInterrupted } from './interrupt.ts';
import type { Measurement } from './measure.ts';
import { copyOverContinue, pageOverPage } from './metrics/copy-over-continue.ts';
import { type Call, type Config, MAX_HEAP_BYTES } from './options.ts';
import { requireMoving } from './page-sizes.ts';
import type { Progress } from './progress.ts';
import type { Results, ResultsConfig, Run } from './results.ts';
import { findWorkload } from './workloads/load.ts';
import type { PreparedWorkload, WorkloadRequest } from './workloads/workload.ts';

export interface CallSurroundings {
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Told of each run when it is over. */
  readonly onRun?: (measured: Measurement) => void;
}

/** What was measured, and how it ended. */
export interface MeasuredCall extends Omit<Comparison, 'runs' | 'control'> {
  readonly results: Results;
}

/** A call whose workload has been prepared. */
export interface PreparedCall {
  readonly config: Config;
  readonly prepared: PreparedWorkload;
  readonly program: Program;
}

/** @throws UsageError, InterruptedError */
export async function prepareCall(call: Call, { signal, progress }: CallSurroundings): Promise<PreparedCall> {
  const workload = await findWorkload(call.config.workload);
  progress.watch(() => `preparing ${workload.name}`);
  const prepared = await unlessInterrupted(signal, workload.prepare(requestOf(call)));
  const { data, nonMovingBytes = 0, largeBytes = 0 } = prepared;
  requireMoving(call.config.pages, nonMovingBytes + largeBytes);
  const program = { module: workload.module, data, nonMovingBytes, largeBytes };
  // Not before: a call that is wrong is told of by one line.
  for (const note of call.notes) progress.note(note);
  return { config: call.config, prepared, program };
}

/** @throws UsageError, InterruptedError */
export async function measureCall(call: Call, surroundings: CallSurroundings): Promise<MeasuredCall> {
  const host = describeHost();
  const ready = await prepareCall(call, surroundings);
  const { config, program } = await inAskedHeap(call, ready, surroundings);
  const comparison = await compareModes(config, program, {
    measure: measureApart,
    record: call.trace !== null || call.report !== null,
    control: call.control,
    ...surroundings,
  });
  const { failure, traced } = comparison;
  return { results: resultsOf(config, ready.prepared, comparison, host), failure, traced };
}

/** The work in the heap that a heap factor asks for, if one does. */
async function inAskedHeap(
  { config: { heapFactor }, minHeaps: given }: Call,
  ready: PreparedCall,
  surroundings: CallSurroundings,
): Promise<Pick<PreparedCall, 'config' | 'program'>> {
  if (heapFactor === undefined) return ready;
  const minHeaps = given ?? (await smallestHeaps(ready, surroundings));
  // All modes in the same heap, which each of them fits into.
  const sized = inHeap(ready, heapFactor * Math.max(...Object.values(minHeaps)));
  if (sized.config.heap > MAX_HEAP_BYTES)
    throw new UsageError(
      `--heap-factor ${heapFactor}: a heap of ${formatBytes(sized.config.heap)} is more than this Node maps in one view, ${formatBytes(MAX_HEAP_BYTES)}; use a smaller factor`,
    );
  return { ...sized, config: { ...sized.config, minHeaps } };
}

async function smallestHeaps(
  ready: PreparedCall,
  surroundings: CallSurroundings,
): Promise<Readonly<Record<string, number>>> {
  const { findSmallestHeaps } = await import('./minheap/find.ts');
  const found = await findSmallestHeaps(ready, surroundings);
  return Object.fromEntries(found.map(({ mode, bytes }) => [mode, bytes]));
}

/** What a call asks of its workload. */
export function requestOf({ config, settings }: Call): WorkloadRequest {
  const { heap: heapBytes, mutators, live, seed, cycles, collect = 'rounds' } = config;
  return { heapBytes, mutators, live, seed, cycles, collect, settings };
}

function resultsOf(
  config: Config,
  prepared: PreparedWorkload,
  { runs, control, failure }: Comparison,
  host: Results['host'],
): Results {
  const resolved: ResultsConfig = {
    ...config,
    parameters: prepared.parameters,
    liveBytes: prepared.liveBytes,
  };
  return {
    schema: 'minorfault/results/1',
    host,
    config: resolved,
    runs,
    summary: summaryOf(config, runs.filter(isComplete)),
    ...(control === null ? {} : { control }),
    ...(failure ? { failure: failure.message } : {}),
  };
}

function summaryOf(config: Config, runs: readonly Run[]): Results['summary'] {
  const onFirst = runs.filter(({ page }) => page === config.page);
  return {
    copyOverContinue: copyOverContinue(onFirst, config.seed),
    pageOverPage: pageOverPage(runs, config, config.seed),
  };
}
