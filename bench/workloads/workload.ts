/**
 * What a workload is, on the main thread's side: it resolves its parameters, says how much it keeps alive, and
 * prepares what its mutators work on. The mutators' side is driver.ts.
 */
export { UsageError } from '../errors.ts';

/** A parameter's value, as results record it. */
export type ParameterValue = number | string;
export type Parameters = Readonly<Record<string, ParameterValue>>;

/** A parameter that `--set name=value` sets. */
export interface ParameterSpec {
  readonly summary: string;
  /** The value unless set. A function sees the request, and the parameters declared before it. */
  readonly default: ParameterValue | ((request: WorkloadRequest, before: Parameters) => ParameterValue);
  /** What the default follows from, in words: for a list of parameters, where `default` is a function. */
  readonly derived?: string;
  readonly type: 'integer' | 'number' | 'size' | 'path';
  readonly min?: number;
  readonly max?: number;
}

/** What a run asks of a workload. */
export interface WorkloadRequest {
  readonly heapBytes: number;
  readonly mutators: number;
  /** The fraction of the heap to keep alive, where the workload can choose: above 0, below 1. */
  readonly live: number;
  readonly seed: number;
  /** How many collections, hence rounds of operations. */
  readonly cycles: number;
  /** Whether each round asks for a collection, or they begin for want of room alone. */
  readonly collect?: 'rounds' | 'room';
  /** What `--set` gave, as text. */
  readonly settings: ReadonlyMap<string, string>;
}

/** A workload made ready for runs. */
export interface PreparedWorkload {
  /** Every parameter as resolved. */
  readonly parameters: Parameters;
  /** At most so many bytes, headers included, are ever alive: of all mutators together. */
  readonly liveBytes: number;
  /** How much of the heap is to be non-moving space: whole pages (default 0). */
  readonly nonMovingBytes?: number;
  /** How much of it is to be large-object space, for objects of 12 KiB and more: whole pages (default 0). */
  readonly largeBytes?: number;
  /** What each mutator is spawned with. Good for any number of runs, one after the other, until one fails. */
  readonly data: unknown;
}

export interface Workload {
  readonly name: string;
  readonly summary: string;
  readonly parameters: Readonly<Record<string, ParameterSpec>>;
  /** The module that each mutator runs. */
  readonly module: URL;
  /** @throws UsageError for a bad parameter or file, or a heap that is too small */
  prepare(request: WorkloadRequest): Promise<PreparedWorkload>;
}
