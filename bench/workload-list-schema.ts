/** What `workloads --json` writes, as a schema and as the types that follow from it. Fields are the contract's, and more. */
import type { Static } from 'typebox';
import { Type } from './typebox.ts';

/** A parameter that `--set name=value` sets. Sizes are in bytes here; `--set` takes 4MiB, too. */
export const ParameterSchema = Type.Object({
  summary: Type.String(),
  type: Type.Union([
    Type.Literal('integer'),
    Type.Literal('number'),
    Type.Literal('size'),
    Type.Literal('path'),
  ]),
  /** The value unless it is set. Null: it follows from other options. An empty path: no file. */
  default: Type.Union([Type.Number(), Type.String(), Type.Null()]),
  /** What the default follows from, in words. */
  derived: Type.Optional(Type.String()),
  /** The least and the most that are taken. */
  min: Type.Optional(Type.Number()),
  max: Type.Optional(Type.Number()),
});

export const WorkloadListSchema = Type.Object({
  schema: Type.Literal('minorfault/workloads/1'),
  workloads: Type.Array(
    Type.Object({
      name: Type.String(),
      summary: Type.String(),
      parameters: Type.Record(Type.String(), ParameterSchema),
    }),
  ),
});

export type WorkloadList = Static<typeof WorkloadListSchema>;
export type ListedWorkload = WorkloadList['workloads'][number];
