/** What `merge --json` writes: the cells of one sweep or of many results, each with its figures. */
import type { Static } from 'typebox';
import { CellSchema, ConfigSchema, HostSchema, RatioSchema } from '../results.ts';
import { Type } from '../typebox.ts';

const Count = Type.Integer({ minimum: 0 });
const MaybeRatio = Type.Union([RatioSchema, Type.Null()]);

/** One mode of a cell, on pages of one size. */
const ColumnSchema = Type.Object({
  mode: Type.String(),
  page: Count,
  invocations: Count,
  collections: Count,
  /** Medians over invocations of the medians within each (bench/metrics/copy-over-continue.ts). */
  medians: Type.Record(Type.String(), Type.Union([Type.Number(), Type.Null()])),
  /** Lower-bound overheads among all cells of the same work (bench/metrics/lbo.ts). */
  lbo: Type.Object({ wall: MaybeRatio, cpu: MaybeRatio }),
});

const MergedCellSchema = Type.Object({
  /** What tells it from the others. */
  name: Type.String(),
  axes: CellSchema.properties.axes,
  files: Type.Array(Type.String(), { minItems: 1 }),
  /** Of the first file. */
  config: ConfigSchema,
  /** Cells of the same number do the same work, whatever their heaps and modes: overheads are among these. */
  work: Count,
  columns: Type.Array(ColumnSchema),
  copyOverContinue: Type.Record(Type.String(), RatioSchema),
  /** What went wrong in any of its files. */
  failures: Type.Array(Type.String()),
});

export const MergedSchema = Type.Object({
  schema: Type.Literal('minorfault/merged/1'),
  groups: Type.Array(
    Type.Object({
      host: HostSchema,
      /** Of a sweep: how many of its cells there are here, and how many it has. */
      sweeps: Type.Array(Type.Object({ name: Type.String(), found: Count, cells: Count })),
      cells: Type.Array(MergedCellSchema),
    }),
  ),
});

export type Merged = Static<typeof MergedSchema>;
export type MergedGroup = Merged['groups'][number];
export type MergedCell = Static<typeof MergedCellSchema>;
export type MergedColumn = Static<typeof ColumnSchema>;
