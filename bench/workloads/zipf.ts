/**
 * Ranks by Zipf's law, without a table: rejection-inversion (W. Hörmann, G. Derflinger, "Rejection-inversion to
 * generate variates from monotone discrete distributions", 1996), in the form of Apache Commons RNG.
 */
import type { Random } from './random.ts';

/** Below this, the quotients are replaced by the first terms of their series. */
const SMALL = 1e-8;

/** log(1 + x) / x, continued at 0. */
function logQuotient(x: number): number {
  return Math.abs(x) > SMALL ? Math.log1p(x) / x : 1 - x * (1 / 2 - x * (1 / 3 - x / 4));
}

/** (exp(x) − 1) / x, continued at 0. */
function expQuotient(x: number): number {
  return Math.abs(x) > SMALL ? Math.expm1(x) / x : 1 + (x / 2) * (1 + (x / 3) * (1 + x / 4));
}

/** Samples of ranks 1…n, rank k with a probability proportional to k^−skew. skew 0 is uniform. */
export function createZipf(n: number, skew: number, random: Random): () => number {
  const density = (x: number) => Math.exp(-skew * Math.log(x));
  const integral = (x: number) => expQuotient((1 - skew) * Math.log(x)) * Math.log(x);
  const inverse = (y: number) => Math.exp(logQuotient(Math.max(-1, y * (1 - skew))) * y);

  const low = integral(1.5) - 1;
  const high = integral(n + 0.5);
  const alwaysAccepted = 2 - inverse(integral(2.5) - density(2));

  return function sample(): number {
    for (;;) {
      const y = high + random.float() * (low - high);
      const x = inverse(y);
      const rank = Math.min(n, Math.max(1, Math.round(x)));
      if (rank - x <= alwaysAccepted || y >= integral(rank + 0.5) - density(rank)) return rank;
    }
  };
}
