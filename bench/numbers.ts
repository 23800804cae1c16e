/** Numbers that the command line gives as texts. */
import { UsageError } from './errors.ts';

/** @throws UsageError unless the text is a whole number within the bounds */
export function integer(option: string, text: string, [least, most]: readonly [number, number]): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${option} ${text}: must be a whole number from ${least} to ${most}`);
}
