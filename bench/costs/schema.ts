/** The result file of `costs`, as a schema and as the types that follow from it. Fields are the contract's, and more. */
import type { Static, TObject, TProperties } from 'typebox';
import { type Host, HostSchema } from '../results.ts';
import { Type } from '../typebox.ts';

/** An object with these fields, and any others. */
function record<Properties extends TProperties>(properties: Properties): TObject<Properties> {
  return Type.Object(properties);
}

const KernelName = Type.Union([Type.Literal('sim'), Type.Literal('linux')]);
const Positive = Type.Number({ exclusiveMinimum: 0 });
const Ratio = Type.Union([Positive, Type.Null()]);
const Nanoseconds = Type.Union([Positive, Type.Null()]);
const Memory = Type.Union([Type.Literal('shmem'), Type.Literal('anon'), Type.Null()]);
/** Whether the kernel must allocate and zero the page, or it is there already. null: no page is concerned. */
const Destination = Type.Union([Type.Literal('fresh'), Type.Literal('recycled'), Type.Null()]);

/** The median over the rounds, and its bootstrap interval. */
export const EstimateSchema = record({ median: Positive, low95: Positive, high95: Positive });

export const CostRowSchema = record({
  kernel: KernelName,
  operation: Type.String(),
  memory: Memory,
  destination: Destination,
  /** What tells it from another row of the same operation; null for the plain case. */
  variant: Type.Union([Type.String(), Type.Null()]),
  /** The part that it plays in what a compacted page costs. */
  term: Type.Union([
    Type.Literal('populate'),
    Type.Literal('fill'),
    Type.Literal('publish'),
    Type.Literal('free'),
    Type.Null(),
  ]),
  /** Pages a call. */
  batch: Type.Integer({ minimum: 1 }),
  nsPerPage: EstimateSchema,
  /** How many times a memcpy, source and target cold, of the same batch. */
  overMemcpy: Ratio,
  /** How many times UFFDIO_COPY into the same kind of memory, of the same batch. */
  overCopy: Ratio,
});

/** A page as a collector makes it, from start to end, beside the terms that it is made up of. */
export const WholePageSchema = record({
  kernel: KernelName,
  operation: Type.String(),
  memory: Memory,
  destination: Destination,
  variant: Type.Union([Type.String(), Type.Null()]),
  batch: Type.Integer({ minimum: 1 }),
  /** Medians of the rows, ns per page; null where nothing is to be done. */
  terms: record({ populate: Nanoseconds, fill: Nanoseconds, publish: Nanoseconds, free: Nanoseconds }),
  /** Of the terms. */
  sum: Positive,
  /** Measured as one: caches and TLB make it differ from the sum. */
  nsPerPage: EstimateSchema,
  overMemcpy: Ratio,
  /** How many times the whole of COPY into the same kind of memory, of the same batch. */
  overCopy: Ratio,
});

export const RoundTripSchema = record({
  kernel: KernelName,
  operation: Type.String(),
  memory: Memory,
  /** `unpinned` where threads cannot be placed. */
  placement: Type.Union([Type.Literal('same-core'), Type.Literal('other-core'), Type.Literal('unpinned')]),
  wait: Type.Union([Type.Literal('read'), Type.Literal('poll')]),
  faults: Type.Integer({ minimum: 1 }),
  p50Us: Positive,
  p90Us: Positive,
  p99Us: Positive,
  maxUs: Positive,
});

export const CostsConfigSchema = record({
  kernels: Type.Array(KernelName, { minItems: 1 }),
  batches: Type.Array(Type.Integer({ minimum: 1 }), { minItems: 1 }),
  rounds: Type.Integer({ minimum: 1 }),
  seed: Type.Integer({ minimum: 0 }),
  /** Pages that one sample goes over. */
  pages: Type.Integer({ minimum: 1 }),
  /** Faults of one operation, placement and way of waiting in a round. */
  faults: Type.Integer({ minimum: 1 }),
});

export const CostsSchema = record({
  schema: Type.Literal('minorfault/costs/1'),
  host: HostSchema,
  config: CostsConfigSchema,
  rows: Type.Array(CostRowSchema),
  wholePages: Type.Array(WholePageSchema),
  roundTrips: Type.Array(RoundTripSchema),
  /** What this host or kernel does not offer, and is therefore in no row. */
  missing: Type.Array(Type.String()),
});

export type Estimate = Readonly<Static<typeof EstimateSchema>>;
export type CostRow = Readonly<Static<typeof CostRowSchema>>;
export type WholePage = Readonly<Static<typeof WholePageSchema>>;
export type RoundTrip = Readonly<Static<typeof RoundTripSchema>>;
export type CostsConfig = Readonly<Static<typeof CostsConfigSchema>>;
export type Costs = Readonly<Omit<Static<typeof CostsSchema>, 'host'> & { host: Host }>;
export type KernelName = Static<typeof KernelName>;
export type Term = 'populate' | 'fill' | 'publish' | 'free';
