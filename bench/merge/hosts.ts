/** Whether results come from the same host, with the same versions: what is measured on two is not compared as if it were one. */
import { isDeepStrictEqual } from 'node:util';
import type { Host } from '../results.ts';

/** What is another from one minute to the next: by name, and of what is in one. */
const PASSING = new Set(['loadAverage', 'uptimeSeconds']);
const PASSING_PART = 'free';

/** The first fact in which two hosts differ, by name; null if they are the same. */
export function differenceOf(one: Host, other: Host): string | null {
  const [a, b] = [one, other].map(lasting) as Record<string, unknown>[];
  const names = new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})]);
  return [...names].find((name) => !isDeepStrictEqual(a?.[name], b?.[name])) ?? null;
}

/** Without what passes, as how much memory is free. */
function lasting(host: Host): Record<string, unknown> {
  const facts = Object.entries(host).filter(([name]) => !PASSING.has(name));
  return Object.fromEntries(facts.map(([name, value]) => [name, lastingParts(value)]));
}

function lastingParts(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([part]) => !part.startsWith(PASSING_PART)));
}
