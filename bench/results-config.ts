/** The configuration in results, as a schema. */

import { Count, record } from './results-parts.ts';
import { Type } from './typebox.ts';

/** Every option as resolved, under its long name; sizes in bytes. */
export const ConfigSchema = record({
  command: Type.Union([Type.Literal('compare'), Type.Literal('run')]),
  workload: Type.String(),
  parameters: Type.Record(Type.String(), Type.Unknown()),
  kernel: Type.Union([Type.Literal('sim'), Type.Literal('linux')]),
  /** Which simulated kernel, where that was said: version, word size and architecture. */
  linux: Type.Optional(Type.String()),
  bits: Type.Optional(Type.Union([Type.Literal(32), Type.Literal(64)])),
  arch: Type.Optional(Type.String()),
  modes: Type.Array(Type.String(), { minItems: 1 }),
  /** Modes that were asked for and that the kernel cannot run: which one of `modes` runs in the place of each. */
  fellBack: Type.Array(record({ from: Type.String(), to: Type.String(), why: Type.String() })),
  heap: Type.Integer({ minimum: 1 }),
  /** With a heap factor: that, the heap that the work was sized for, and the smallest one, of each mode or as it was given. */
  heapFactor: Type.Optional(Type.Number({ minimum: 1 })),
  sizedFor: Type.Optional(Type.Integer({ minimum: 1 })),
  minHeaps: Type.Optional(Type.Record(Type.String(), Count)),
  live: Type.Number(),
  /** Bytes that the workload aims to keep alive. */
  liveBytes: Count,
  mutators: Type.Integer({ minimum: 1 }),
  gcThreads: Type.Integer({ minimum: 1 }),
  faultThreads: Type.Integer({ minimum: 1 }),
  cycles: Type.Integer({ minimum: 1 }),
  invocations: Type.Integer({ minimum: 1 }),
  batch: Count,
  order: Type.Union([Type.Literal('down'), Type.Literal('up')]),
  /** When collections begin: one to each round of operations, or for want of room alone. */
  collect: Type.Optional(Type.Union([Type.Literal('rounds'), Type.Literal('room')])),
  /** How dense pages at the bottom must be in order not to be moved; null: all are moved. */
  densePrefix: Type.Union([Type.Null(), Type.Number()]),
  /** What decides when collections begin by themselves: null, or sizes in bytes and a period in ms. */
  utilization: Type.Union([Type.Null(), Type.Number()]),
  minFree: Count,
  maxFree: Count,
  period: Type.Union([Type.Null(), Count]),
  /** Bytes of a page: the first size, and all that were compared. */
  page: Type.Integer({ minimum: 1 }),
  pages: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1 }),
  /** The processor of each role's threads; null: where the scheduler likes. */
  pin: Type.Union([
    Type.Null(),
    record({
      mutators: Type.Optional(Count),
      collectors: Type.Optional(Count),
      faults: Type.Optional(Count),
    }),
  ]),
  /** The policy of V8's own threads: batch, when one wakes it does not take the processor from another. */
  v8Threads: Type.Union([Type.Literal('batch'), Type.Literal('normal')]),
  /** How the collector's inner loops were asked to run; each run says how they did. */
  loops: Type.Union([Type.Literal('auto'), Type.Literal('js')]),
  seed: Count,
  verify: Type.Union([Type.Boolean(), Type.Literal('phases')]),
});
