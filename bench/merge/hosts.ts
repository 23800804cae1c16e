/** Whether results come from the same host, with the same versions: what is measured on two is not compared as if it were one. */
import { isDeepStrictEqual } from 'node:util';
import type { Host } from '../results.ts';

/** What is another from one minute to the next. */
const PASSING = new Set(['loadAverage']);

/** The first fact in which two hosts differ, by name; null if they are the same. */
export function differenceOf(one: Host, other: Host): string | null {
  const [a, b] = [one, other] as unknown as Record<string, unknown>[];
  const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  return [...names].find((name) => !PASSING.has(name) && !isDeepStrictEqual(a?.[name], b?.[name])) ?? null;
}
