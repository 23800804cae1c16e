/**
 * What in the surroundings of a run may be in its figures, said plainly: each threshold is where a reader who compares two modes
 * could be misled.
 */
import { type Column, columnsOf, nameOf, runsIn } from './columns.ts';
import { formatNumber } from './figures.ts';
import { maxOf, medianOf } from './metrics/summary.ts';
import type { Ratio, Results, Run } from './results.ts';

/**
 * Half a processor taken, over the last minute: less is what is left of the build that one has just waited for, which after a
 * minute is e⁻¹ of it.
 */
const BUSY_LOAD = 0.5;
/** From here on at least half of what the longest 1 % of the stalls take is what an idle thread waits for as well. */
const LATE_PART = 0.5;
/** Of our collections' time that V8's own took: more is as much as differences between modes that are worth telling. */
const ENGINE_PART = 0.05;
/** High end of an interval over its low end: twice, and of "half as long again" and "two thirds" neither is ruled out. */
const WIDE = 2;

/** One line of all that there is to say, or nothing. */
export function noiseOf(results: Results): string | null {
  const said = [load, late, engine, wide].map((look) => look(results)).filter((text) => text !== null);
  return said.length === 0 ? null : `Noise: ${said.join('; ')}`;
}

/** Others were at work before the run began, and so many threads as the run has need what they had. */
function load({ host, config }: Results): string | null {
  const [lastMinute = 0] = host.loadAverage;
  const ours = Math.min(host.cores, config.mutators + config.gcThreads);
  if (lastMinute < BUSY_LOAD || lastMinute + ours <= host.cores) return null;
  return `the load was ${formatNumber(lastMinute)} before it began, on ${host.cores} processors`;
}

/** What an idle thread of another process waited for beside what mutators did, in the mode where it is the most of it. */
function late({ config, runs }: Results): string | null {
  // What is true of the 99th percentile need not be told of the longest one as well.
  for (const which of ['p99', 'max'] as const) {
    const [worst] = columnsOf(config)
      .map((column) => ({ name: nameOf(column, config), ...latenessIn(runsIn(runs, column), which) }))
      .filter(({ idle, stalls }) => stalls > 0 && idle >= LATE_PART * stalls)
      .sort((a, b) => b.idle / b.stalls - a.idle / a.stalls);
    if (worst === undefined) continue;
    const [idle, stalls] = [worst.idle, worst.stalls].map(formatNumber);
    return `an idle thread woke up ${idle} µs late (${which}), beside stalls of ${stalls} (${worst.name})`;
  }
  return null;
}

const OVER_RUNS = { p99: medianOf, max: maxOf } as const;

/** Of each run the mutator that fared worst; in µs, and 0 where there was none. */
function latenessIn(runs: readonly Run[], which: keyof typeof OVER_RUNS): { idle: number; stalls: number } {
  const over = (values: readonly (number | null | undefined)[]) =>
    OVER_RUNS[which](values.filter((us) => us !== null && us !== undefined)) ?? 0;
  return {
    idle: over(runs.map(({ hiccupsUs }) => hiccupsUs?.[which])),
    stalls: over(runs.map(({ mutators }) => maxOf(mutators.map(({ stallsUs }) => stallsUs[which] ?? 0)))),
  };
}

/** V8's own collections within ours, in the mode that had most of them. */
function engine({ config, runs }: Results): string | null {
  const partIn = (column: Column) => {
    const of = runsIn(runs, column);
    const ours = of.flatMap(({ cycles }) => cycles).reduce((sum, { totalMs }) => sum + totalMs, 0);
    return ours === 0 ? 0 : of.reduce((sum, { v8 }) => sum + v8.overlapMs, 0) / ours;
  };
  const parts = columnsOf(config).map((column) => ({ column, part: partIn(column) }));
  const [most] = parts.filter(({ part }) => part > ENGINE_PART).sort((a, b) => b.part - a.part);
  if (most === undefined) return null;
  return `V8's own collections took ${formatNumber(100 * most.part)} % of the time of ours (${nameOf(most.column, config)})`;
}

/** Intervals that rule out next to nothing. */
function wide({ summary }: Results): string | null {
  const metrics = Object.entries(summary.copyOverContinue).filter(([, ratio]) => saysNothing(ratio));
  if (metrics.length === 0) return null;
  return `the intervals of ${metrics.map(([name]) => name).join(', ')} are so wide that they say nothing: more --invocations make them narrower`;
}

function saysNothing({ low95, high95 }: Ratio): boolean {
  return low95 !== null && high95 !== null && low95 < 1 && high95 > 1 && high95 > WIDE * low95;
}
