/**
 * A sweep: a matrix of options, of which every combination is a cell. A cell compares the modes on one configuration, interleaved and
 * on one host, and has a file of results of its own: what is compared is never taken from two hosts or two hours.
 */
import type { Static } from 'typebox';
import { Type } from '../typebox.ts';

/** As the command line takes it; numbers and truths are written as such. */
const ValueSchema = Type.Union([Type.String({ minLength: 1 }), Type.Number(), Type.Boolean()]);

export const SweepSchema = Type.Object(
  {
    schema: Type.Literal('minorfault/sweep/1'),
    /** What it is called in its results. */
    name: Type.Optional(Type.String({ minLength: 1 })),
    /** Compared in every cell. */
    modes: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })),
    /** What is varied: by long option (`heap`, `gcThreads`), `workload`, or `set.` and a parameter of the workload. */
    matrix: Type.Record(Type.String(), Type.Array(ValueSchema, { minItems: 1 }), { minProperties: 1 }),
    /** The same in every cell, by the same names. */
    options: Type.Optional(Type.Record(Type.String(), ValueSchema)),
    /** Cells to leave out: those that have all of these values. */
    exclude: Type.Optional(
      Type.Array(Type.Record(Type.String(), ValueSchema, { minProperties: 1 }), { minItems: 1 }),
    ),
    /** Of the order of the cells; the cells' own seed is an option. */
    seed: Type.Optional(Type.Integer({ minimum: 0 })),
  },
  { additionalProperties: false },
);

export type Sweep = Static<typeof SweepSchema>;
export type SweepValue = Static<typeof ValueSchema>;
