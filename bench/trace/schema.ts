/**
 * The file of a timeline, as a schema and as the types that follow from it: what `--trace` writes of the Trace Event format
 * ("Trace Event Format", Google, 2016). Times are in µs from when the first heap was opened. Import the types alone where that is
 * enough (bench/results.ts).
 */
import type { Static, TProperties } from 'typebox';
import { ConfigSchema, type Fixed, HostSchema } from '../results.ts';
import { Type } from '../typebox.ts';

const Micros = Type.Number({ minimum: 0 });

/** An event of a thread; `tid` 0 is the process as a whole. */
function event<Properties extends TProperties>(properties: Properties) {
  return Type.Object({
    name: Type.String(),
    /** Which run, from 1. */
    pid: Type.Integer({ minimum: 1 }),
    tid: Type.Integer({ minimum: 0 }),
    ...properties,
  });
}

const NameSchema = event({
  ph: Type.Literal('M'),
  args: Type.Union([Type.Object({ name: Type.String() }), Type.Object({ sort_index: Type.Integer() })]),
});

/** What a thread was at. Two of a thread are apart, or one is within the other. */
const SliceSchema = event({
  ph: Type.Literal('X'),
  cat: Type.Literal('gc'),
  ts: Micros,
  dur: Micros,
  args: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
});

/** A moment: that something was refused. */
const MomentSchema = event({
  ph: Type.Literal('i'),
  cat: Type.Literal('gc'),
  ts: Micros,
  s: Type.Literal('t'),
  args: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()])),
});

const CounterSchema = event({
  ph: Type.Literal('C'),
  ts: Micros,
  args: Type.Record(Type.String(), Type.Number({ minimum: 0 })),
});

/** A stop of a flow, at or after the begin of the slice it is in: the first one, one between, the last one. */
const FlowSchema = event({
  ph: Type.Union([Type.Literal('s'), Type.Literal('t'), Type.Literal('f')]),
  cat: Type.Literal('gc'),
  id: Type.Integer({ minimum: 1 }),
  ts: Micros,
  /** Of the slice around it, not of the next one. */
  bp: Type.Optional(Type.Literal('e')),
});

export const TraceEventSchema = Type.Union([
  NameSchema,
  SliceSchema,
  MomentSchema,
  CounterSchema,
  FlowSchema,
]);

export const TraceSchema = Type.Object({
  displayTimeUnit: Type.Literal('ms'),
  otherData: Type.Object({
    schema: Type.Literal('minorfault/trace/1'),
    host: HostSchema,
    config: ConfigSchema,
  }),
  traceEvents: Type.Array(TraceEventSchema),
});

export type Trace = Fixed<Static<typeof TraceSchema>>;
export type TraceEvent = Readonly<Static<typeof TraceEventSchema>>;
export type TraceSlice = Readonly<Static<typeof SliceSchema>>;
export type TraceFlow = Readonly<Static<typeof FlowSchema>>;
