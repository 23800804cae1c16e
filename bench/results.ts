/**
 * The result file of `compare` and `run`, as a schema and as the types that follow from it. Fields are the
 * contract's; whatever else an object carries is allowed and kept. Import the types alone where that is enough: typebox is
 * hundreds of modules.
 */

import type { Static } from 'typebox';
import { ConfigSchema } from './results-config.ts';
import { HostSchema } from './results-host.ts';
import { Count, type Fixed, Measured, Milliseconds, Part, record } from './results-parts.ts';
import { Type } from './typebox.ts';

export type { Fixed };
export { ConfigSchema, HostSchema };

const Pause = record({ name: Type.String(), ms: Milliseconds, timeToSafepointMs: Milliseconds });

export const CycleSchema = record({
  number: Type.Integer({ minimum: 1 }),
  trigger: Type.String(),
  /** Since the heap was opened. */
  beganMs: Milliseconds,
  phasesMs: Type.Record(Type.String(), Milliseconds),
  /** Processor time of the collector's thread in each; null where it could not be asked for. */
  phasesCpuMs: Type.Optional(Type.Union([Type.Null(), Type.Record(Type.String(), Milliseconds)])),
  totalMs: Milliseconds,
  pauses: Type.Array(Pause),
  liveBytes: Count,
  freedBytes: Count,
  /** Dead, and left in the dense prefix. */
  deadBytes: Count,
  objects: Count,
  pages: record({
    compacted: Count,
    /** Of these: the dense prefix, which was not moved. */
    prefix: Count,
    slid: Count,
    publishedByCollector: Count,
    publishedByFault: Count,
    untouched: Count,
  }),
  /** Pages that do not move and whose references were updated: how they were published. */
  nonMoving: record({
    pages: Count,
    liveBytes: Count,
    publishedByCollector: Count,
    publishedByFault: Count,
    untouched: Count,
    calls: Count,
    copiedBytes: Count,
  }),
  /** The large-object space: pages with references, which are among those above, and raw ones, which cost nothing. */
  large: record({ pages: Count, liveBytes: Count, rawPages: Count, rawBytes: Count }),
  /** Pages that do not move, were free, and gave their memory back. */
  releasedPages: Count,
  ioctls: Type.Record(Type.String(), record({ calls: Count, pages: Count })),
  faults: record({ missing: Count, minor: Count }),
  /** Calls that the kernel refused, each time, by errno. */
  refused: Type.Record(Type.String(), Count),
  /** Bytes behind the heap at moments since it was opened. */
  memory: Type.Array(record({ atMs: Milliseconds, bytes: Count })),
});

/** The pages of one collection, from its flip on: what became of each, when, and by whom (bench/metrics/page-map.ts). */
export const PageMapSchema = record({
  /** The collection's number. */
  cycle: Type.Integer({ minimum: 1 }),
  /** Pages that are made, the moving ones first. */
  moving: Count,
  nonMoving: Count,
  /** How long the map goes on, in µs from the flip. */
  endUs: Type.Number({ minimum: 0 }),
  /** The threads that moves name by their place here. */
  threads: Type.Array(Type.String()),
  /** Rows apart by `;`: µs since the flip, first page, pages, state (1 being made, 2 made, 3 published), thread. */
  moves: Type.String(),
});

/** In µs; all but the count are null where there was no stall. */
export const StallSummarySchema = record({
  count: Count,
  p50: Measured,
  p90: Measured,
  p99: Measured,
  p999: Measured,
  max: Measured,
});

/** Latencies of requests in µs, by their kinds (bench/metrics/latency.ts). */
export const RequestLatencySchema = record({
  simpleUs: StallSummarySchema,
  /** By window; null is the whole run. */
  meteredUs: Type.Array(
    record({ windowMs: Type.Union([Type.Number(), Type.Null()]), us: StallSummarySchema }),
  ),
  /** From when they were due; null where they came when the one before was done. */
  responseUs: Type.Union([StallSummarySchema, Type.Null()]),
  /** Of the response, or else metered over the whole run: as that of stalls. */
  histogram: Type.Array(Type.Tuple([Type.Number({ minimum: 0 }), Count])),
});

export const MutatorSchema = record({
  operations: Count,
  seconds: Type.Number({ minimum: 0 }),
  checksum: Type.Union([Type.Number(), Type.String()]),
  /** Of a workload whose operations are requests. */
  requests: Type.Optional(RequestLatencySchema),
  /** What was allocated before the operations, and by them: objects with their headers. */
  builtBytes: Type.Optional(Count),
  allocatedBytes: Type.Optional(Count),
  /** Both, with what allocation buffers left unused when they were given back, as each wait of a mutator does. */
  takenBytes: Type.Optional(Count),
  /** Of the seconds: asleep in a fault, stopped at a safepoint, or out of room. */
  stoppedMs: Type.Optional(Milliseconds),
  /** Userfaults it slept in. */
  stallsUs: StallSummarySchema,
  /** The same by length: the least of each bucket, in µs, and how many (bench/metrics/histogram.ts). */
  stallHistogram: Type.Array(Type.Tuple([Type.Number({ minimum: 0 }), Count])),
  /** The longest of these in each collection that had one. */
  longestStallsUs: StallSummarySchema,
  /** Waits at safepoints, until it ran again. */
  waitsUs: StallSummarySchema,
  /**
   * Minimum mutator utilization (bench/metrics/mmu.ts) from the first measured collection's begin to the last one's end, of
   * windows that this is long enough for: what of them it was not stopped at a safepoint, asleep in a fault or out of
   * room. `bounded`: of windows at least so long. Null where a run ended early.
   */
  mmu: Type.Union([
    Type.Null(),
    Type.Array(record({ windowMs: Milliseconds, utilization: Part, bounded: Part })),
  ]),
});

export const RunSchema = record({
  kernel: Type.Union([Type.Literal('sim'), Type.Literal('linux')]),
  mode: Type.String(),
  /** Bytes of a page: what is mapped, published and given back at a time. All counts of pages are of 4 KiB. */
  page: Type.Integer({ minimum: 1 }),
  /** The modes that were asked for and that this one runs in the place of. */
  fellBackFrom: Type.Array(Type.String()),
  /** From 1. */
  invocation: Type.Integer({ minimum: 1 }),
  /** When its heap was opened, in ms since 1970. */
  openedAt: Type.Optional(Count),
  /** The measured collections: those after the workload had built what it works on. */
  cycles: Type.Array(CycleSchema),
  /** Collections before those. */
  warmupCycles: Count,
  mutators: Type.Array(MutatorSchema),
  memory: record({ peakBytes: Count, heapBytes: Count }),
  /**
   * Processor time from the heap's opening to its end: of the whole process, and of its threads by role, where these could be asked
   * for. What is in none of these is V8's own threads and the opening one.
   */
  cpuMs: Type.Optional(
    record({
      process: Milliseconds,
      mutators: Type.Optional(Milliseconds),
      collectors: Type.Optional(Milliseconds),
      faults: Type.Optional(Milliseconds),
    }),
  ),
  /** V8's own collections in all threads of the heap, and what of them lay within the measured collections. */
  v8: record({
    collections: Count,
    totalMs: Milliseconds,
    longestMs: Milliseconds,
    overlapping: Count,
    overlapMs: Milliseconds,
  }),
  /** How late an idle thread of another process woke up meanwhile: what is longer than its stalls is not the machine's. */
  hiccupsUs: Type.Optional(StallSummarySchema),
  /** The collector's inner loops: compiled (WebAssembly), those of marking alone compiled, or in JavaScript. */
  loops: Type.Union([Type.Literal('wasm'), Type.Literal('marking'), Type.Literal('js')]),
  /** Of the last collection of the first invocation, where a report or a trace was asked for. */
  pageMap: Type.Optional(PageMapSchema),
  /** Events that found their ring full: figures lack them. */
  lostEvents: Count,
  /** Whether every check of the whole heap held; null if none was asked for. */
  verified: Type.Union([Type.Boolean(), Type.Null()]),
});

/** A ratio of medians and its bootstrap interval (bench/metrics/bootstrap.ts says when they are null). */
export const RatioSchema = record({
  ratio: Type.Union([Type.Number(), Type.Null()]),
  low95: Type.Union([Type.Number(), Type.Null()]),
  high95: Type.Union([Type.Number(), Type.Null()]),
});

/** The same work without any collection, in a heap that is large enough: what the collections cost the mutators. */
export const ControlSchema = record({
  heapBytes: Count,
  /** Of one invocation each; their mode is `none`. */
  runs: Type.Array(RunSchema),
  /** Why there are no more of them, or none; null if there are as many as were asked for. */
  why: Type.Union([Type.String(), Type.Null()]),
});

/** Of which sweep the results are a cell (bench/sweep). */
export const CellSchema = record({
  /** The sweep's name, and how many cells it has. */
  sweep: Type.String(),
  cells: Count,
  name: Type.String(),
  /** Its values, by the names of the matrix. */
  axes: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
  /** What the command line would have said. */
  workload: Type.Optional(Type.String()),
  options: Type.Record(Type.String(), Type.Unknown()),
});

export const ResultsSchema = record({
  schema: Type.Literal('minorfault/results/1'),
  host: HostSchema,
  config: ConfigSchema,
  runs: Type.Array(RunSchema),
  summary: record({
    /** On pages of the first size. */
    copyOverContinue: Type.Record(Type.String(), RatioSchema),
    /** Of each mode: pages of the second size over the first, where two are compared. */
    pageOverPage: Type.Record(Type.String(), Type.Record(Type.String(), RatioSchema)),
  }),
  cell: Type.Optional(CellSchema),
  control: Type.Optional(ControlSchema),
  /** What ended the runs early or did not hold, as its message; absent if all is well. */
  failure: Type.Optional(Type.String()),
});

export type Cycle = Fixed<Static<typeof CycleSchema>>;
export type StallSummary = Fixed<Static<typeof StallSummarySchema>>;
export type MutatorRun = Fixed<Static<typeof MutatorSchema>>;
export type PageMap = Fixed<Static<typeof PageMapSchema>>;
export type Run = Fixed<Static<typeof RunSchema>>;
export type Host = Fixed<Static<typeof HostSchema>>;
export type ResultsConfig = Fixed<Static<typeof ConfigSchema>>;
export type Ratio = Fixed<Static<typeof RatioSchema>>;
export type RequestLatency = Fixed<Static<typeof RequestLatencySchema>>;
export type Control = Fixed<Static<typeof ControlSchema>>;
export type Results = Fixed<Static<typeof ResultsSchema>>;
