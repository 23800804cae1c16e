/**
 * The ratio of two medians, with a 95 % interval by hierarchical bootstrap.
 *
 * Samples have two levels: invocations, and the values within one (a value per collection or per mutator, or one
 * for the invocation). The statistic of a side is the median over its invocations of the median within each.
 * A resample draws invocations with replacement, and within each drawn invocation its values with replacement,
 * for both sides independently; the interval is the 2.5 % and 97.5 % quantiles of the resampled ratios.
 *
 * Where each invocation has values of both sides (`pairedRatio`), what it does to both of them cancels out: the statistic is
 * the median over invocations of the ratio within each, and a resample draws invocations once, for both sides.
 *
 * - `ratio` is null if a side has no value, or the denominator is 0.
 * - `low95` and `high95` are null with it, and where a side has fewer than two values in all: one value says
 *   nothing of how it varies. With one invocation of several collections the interval exists, and tells of the
 *   variation within that invocation alone.
 */
import { quantileSorted } from 'simple-statistics';
import type { Ratio } from '../results.ts';
import { below, type Random, seededRandom } from './random.ts';
import { medianOf } from './summary.ts';

/** Values of one metric in one mode: those of each invocation. */
export type Samples = readonly (readonly number[])[];

const RESAMPLES = 4000;

/** Median over invocations of the median within each; null of no values. Invocations without values do not count. */
export function medianOfMedians(samples: Samples): number | null {
  return medianOf(samples.map(medianOf).filter((value) => value !== null));
}

/** Whether a ratio tells of a difference: its interval leaves out 1. Without an interval it tells of none. */
export function isDifference({ low95, high95 }: Ratio): boolean {
  return low95 !== null && high95 !== null && (low95 > 1 || high95 < 1);
}

/** The ratio of the medians of two sides, and its interval. */
export function ratioOfMedians(over: Samples, under: Samples, seed: number): Ratio {
  const numerator = over.filter((values) => values.length > 0);
  const denominator = under.filter((values) => values.length > 0);
  const random = seededRandom(seed);
  return withInterval(
    quotient(medianOfMedians(numerator), medianOfMedians(denominator)),
    [numerator, denominator],
    () =>
      quotient(medianOfMedians(resample(numerator, random)), medianOfMedians(resample(denominator, random))),
  );
}

/**
 * The ratio of two sides that were measured in the same invocations: `over[i]` and `under[i]` are of one, and neither is empty.
 * @throws RangeError if they are not of as many invocations, or one of them is empty
 */
export function pairedRatio(over: Samples, under: Samples, seed: number): Ratio {
  if (over.length !== under.length) throw new RangeError(`${over.length} invocations beside ${under.length}`);
  const pairs = over.map((values, i): Pair => [values, under[i] as readonly number[]]);
  if (pairs.some((sides) => sides.some(({ length }) => length === 0)))
    throw new RangeError('an invocation has no values of one side');
  const random = seededRandom(seed);
  return withInterval(medianRatio(pairs), [over, under], () =>
    medianRatio(drawn(pairs, random).map(([a, b]): Pair => [drawn(a, random), drawn(b, random)])),
  );
}

type Pair = readonly [over: readonly number[], under: readonly number[]];

function medianRatio(pairs: readonly Pair[]): number | null {
  const ratios = pairs.map(([over, under]) => quotient(medianOf(over), medianOf(under)));
  return medianOf(ratios.filter((ratio) => ratio !== null));
}

/** With the interval that resamples draw, where there is one. A resample whose denominator is 0 has no ratio and is left out. */
function withInterval(ratio: number | null, sides: readonly Samples[], draw: () => number | null): Ratio {
  const none = { ratio, low95: null, high95: null };
  if (ratio === null || sides.some((side) => side.flat().length < 2)) return none;
  const ratios = Array.from({ length: RESAMPLES }, draw).filter((one) => one !== null);
  if (ratios.length === 0) return none;
  ratios.sort((a, b) => a - b);
  return { ratio, low95: quantileSorted(ratios, 0.025), high95: quantileSorted(ratios, 0.975) };
}

function resample(samples: Samples, random: Random): number[][] {
  return drawn(samples, random).map((values) => drawn(values, random));
}

/** As many items as there are, drawn with replacement. */
function drawn<Item>(items: readonly Item[], random: Random): Item[] {
  return items.map(() => items[below(random, items.length)] as Item);
}

function quotient(numerator: number | null, denominator: number | null): number | null {
  return numerator === null || denominator === null || denominator === 0 ? null : numerator / denominator;
}
