/** The facts of a host in results, as a schema: bench/host.ts finds them. */

import { Count, record } from './results-parts.ts';
import { Type } from './typebox.ts';

const Text = Type.Union([Type.String(), Type.Null()]);
const Flag = Type.Union([Type.Boolean(), Type.Null()]);
const CountIfTold = Type.Union([Count, Type.Null()]);
/** A number; `none` where nothing limits it; null where that is not told. */
const Limit = Type.Union([Type.Number({ minimum: 0 }), Type.Literal('none'), Type.Null()]);

/** What is optional was not told by earlier versions. */
export const HostSchema = record({
  kernel: Type.String(),
  cpu: Type.String(),
  cores: Type.Integer({ minimum: 1 }),
  node: Type.String(),
  minorfault: Type.String(),
  platform: Type.String(),
  memoryBytes: Count,
  pageBytes: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
  /** Over 1, 5 and 15 minutes, when the command began. */
  loadAverage: Type.Array(Type.Number()),
  uptimeSeconds: Type.Optional(Count),
  /** What tells it from others that are alike: a hash. */
  machine: Type.Optional(Text),
  v8: Type.Optional(Type.String()),
  /** What Node was started with, on the command line and by NODE_OPTIONS. */
  nodeFlags: Type.Optional(Type.Array(Type.String())),
  nodeOptions: Type.Optional(Text),
  /** Of a checkout. */
  commit: Type.Optional(Text),
  /** What is chosen in /sys/kernel/mm/transparent_hugepage. */
  transparentHugePages: Type.Optional(record({ enabled: Text, defrag: Text, shmem: Text })),
  processors: Type.Optional(
    record({
      /** Of their frequency, and whether that may rise above the nominal one. */
      governor: Text,
      turbo: Flag,
      /** Whether threads share a core. */
      smt: Flag,
      numaNodes: CountIfTold,
      /** What the virtual machine is called; `none` if it is none. */
      virtualization: Text,
      clockSource: Text,
    }),
  ),
  /** What the processor has against it, and what the kernel does about that. */
  mitigations: Type.Optional(Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()])),
  /** Of what the kernel was booted with, what makes it faster or slower. */
  bootParameters: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
  /** Processors' worth of time, memory, and of that what may be locked. */
  limits: Type.Optional(record({ cpus: Limit, memoryBytes: Limit, memlockBytes: Limit })),
  /** The pool of huge pages of the default size. */
  hugePages: Type.Optional(
    Type.Union([record({ pageBytes: Count, total: Count, free: Count }), Type.Null()]),
  ),
  swap: Type.Optional(Type.Union([record({ totalBytes: Count, freeBytes: Count }), Type.Null()])),
  /** vm.unprivileged_userfaultfd */
  unprivilegedUserfaultfd: Type.Optional(CountIfTold),
});
