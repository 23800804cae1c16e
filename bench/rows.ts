/** What rows of the table are made of: a figure of one mode's runs, and how it is written. */
import { maxOf, medianOf } from './metrics/summary.ts';
import type { Cycle, Run } from './results.ts';

export interface Row {
  readonly label: string;
  /** The figure of the runs of one mode; null if they have none. */
  readonly value: (runs: readonly Run[]) => number | null;
  readonly format: (value: number) => string;
}

/** Three digits or more: 0.0123, 1.23, 12.3, 123, 12,345. */
export function formatNumber(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return `${+value.toPrecision(3)}`;
}

export function row(label: string, value: Row['value'], format: Row['format'] = formatNumber): Row {
  return { label, value, format };
}

/** Median over all collections of the runs. A collection may give several values, or none. */
export function medianCycle(extract: (cycle: Cycle) => readonly number[]): Row['value'] {
  return (runs) => medianOf(runs.flatMap((run) => run.cycles).flatMap(extract));
}

export function longestCycle(extract: (cycle: Cycle) => readonly number[]): Row['value'] {
  return (runs) => maxOf(runs.flatMap((run) => run.cycles).flatMap(extract));
}

export function present(values: readonly (number | null)[]): readonly number[] {
  return values.filter((value) => value !== null);
}
