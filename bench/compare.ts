/** Modes × invocations of one workload, interleaved so that drift of the machine hits all modes alike. */
import { formatBytes } from '../heap/errors.ts';
import type { ApartSurroundings } from './apart/apart.ts';
import { columnsOf, nameOf } from './columns.ts';
import { NO_CONTROL, planWithout, whyUseless } from './control.ts';
import { CheckError } from './errors.ts';
import type { Measurement, Plan } from './measure.ts';
import { seededRandom, shuffled } from './metrics/random.ts';
import { medianOf } from './metrics/summary.ts';
import type { Config } from './options.ts';
import type { Progress } from './progress.ts';
import type { Control, Run } from './results.ts';
import type { TracedRun } from './trace/chrome.ts';

/** What the mutators of every run execute: prepared once, the same for all modes. */
export interface Program {
  readonly module: URL;
  readonly data: unknown;
  /** How much of the heap is non-moving space. */
  readonly nonMovingBytes: number;
  /** How much of it is large-object space. */
  readonly largeBytes: number;
}

export interface CompareSurroundings {
  /** Measures one run: in a process of its own, or a stand-in. */
  readonly measure: (plan: Plan, surroundings: ApartSurroundings) => Promise<Measurement>;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Told of each run when it is over. */
  readonly onRun?: (measured: Measurement) => void;
  /** Whether the events of the first invocation are kept. */
  readonly record?: boolean;
  /** Whether each invocation ends with a run without any collection. */
  readonly control?: boolean;
}

/** All runs in the order they were made, and why there are no more, or what about them does not hold. */
export interface Comparison {
  readonly runs: readonly Run[];
  readonly failure: Error | null;
  /** Those whose events were kept. */
  readonly traced: readonly TracedRun[];
  /** Runs without a collection; null if none were asked for. */
  readonly control: Control | null;
}

/** Runs every mode in every invocation, and stops at the first run that fails. */
export async function compareModes(
  config: Config,
  program: Program,
  surroundings: CompareSurroundings,
): Promise<Comparison> {
  const runs: Run[] = [];
  const traced: TracedRun[] = [];
  let control: Control | null = surroundings.control ? NO_CONTROL : null;
  const began = performance.now();
  const plans = plansOf(config, program, surroundings.record ?? false);
  for (const [i, plan] of plans.entries()) {
    const measurement = await measureShown(plan, `run ${i + 1}/${plans.length}`, surroundings);
    const { run, failure, openedMs, recordings } = measurement;
    runs.push(run);
    surroundings.onRun?.(measurement);
    const name = `${nameOf(plan, config)}, invocation ${plan.invocation} (${run.kernel})`;
    if (plan.record) traced.push({ name, openedMs: openedMs - began, threads: recordings });
    if (failure) return { runs, failure, traced, control };
    const isLast = plans[i + 1]?.invocation !== plan.invocation;
    if (isLast && control !== null) control = await withOneMore(control, plan, run, surroundings);
  }
  return { runs, failure: disagreement([...runs, ...(control?.runs ?? [])]), traced, control };
}

/** Invocation by invocation, the modes of each, on pages of each size, in an order that the seed decides. */
export function plansOf(config: Config, program: Program, record = false): readonly Plan[] {
  const random = seededRandom(config.seed);
  return Array.from({ length: config.invocations }, (_, i) => i + 1).flatMap((invocation) =>
    shuffled(columnsOf(config), random).map((column) => ({
      ...{ config, ...column, invocation, ...program },
      record: record && invocation === 1,
    })),
  );
}

/** With the invocation's run without a collection, unless there cannot be one. `run` is one with collections. */
async function withOneMore(
  control: Control,
  plan: Plan,
  run: Run,
  surroundings: CompareSurroundings,
): Promise<Control> {
  if (control.why !== null) return control;
  const without = planWithout(plan, run);
  if (typeof without === 'string') return { ...control, why: without };
  const heapBytes = without.config.heap;
  const measurement = await measureShown(without, 'without a collection', surroundings);
  const why = whyUseless(measurement);
  if (why !== null) return { ...control, heapBytes, why };
  return { ...control, heapBytes, runs: [...control.runs, { ...measurement.run, mode: 'none' }] };
}

async function measureShown(
  plan: Plan,
  title: string,
  surroundings: CompareSurroundings,
): Promise<Measurement> {
  const { measure, signal, progress } = surroundings;
  const name = `${title}: ${nameOf(plan, plan.config)}, invocation ${plan.invocation}`;
  const onOpen = (collections: () => number) =>
    progress.watch(() => `${name}: ${collections()} collections (${plan.config.cycles} to measure)`);
  const began = performance.now();
  const measurement = await measure(plan, { signal, onOpen });
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  progress.finished(`${name}: ${describeOutcome(measurement)}, ${seconds} s in all`);
  return measurement;
}

function describeOutcome({ run, failure }: Measurement): string {
  if (failure) return 'failed';
  const total = medianOf(run.cycles.map((cycle) => cycle.totalMs)) ?? 0;
  return `${run.cycles.length} collections, median ${total.toFixed(1)} ms`;
}

/**
 * A checksum depends on workload, seed and number of operations alone: what differs between two runs is a fault
 * of the collector, or of the workload.
 */
export function disagreement(runs: readonly Run[]): CheckError | null {
  const [first, ...others] = runs;
  const pages = new Set(runs.map(({ page }) => page));
  for (const run of others) {
    for (const [index, mutator] of run.mutators.entries()) {
      const expected = first?.mutators[index];
      if (!first || !expected || expected.checksum === mutator.checksum) continue;
      const facts = (of: Run, { checksum, operations }: { checksum: unknown; operations: number }) =>
        `${checksum} after ${operations} operations in ${of.mode} (invocation ${of.invocation}${pages.size > 1 ? `, pages of ${formatBytes(of.page)}` : ''})`;
      return new CheckError(
        `checksums of mutator ${index} differ: ${facts(first, expected)}, ${facts(run, mutator)}; ` +
          'run again with --verify to find where the heap goes wrong',
      );
    }
  }
  return null;
}
