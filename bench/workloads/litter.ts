/**
 * Dead space: objects allocated and dropped at once, so that what is live lies among what is not, in the
 * proportion that `--live` asks for.
 */
import type { Mutator } from '../../heap/mutator.ts';
import type { Random } from './random.ts';

/** How much to drop: `live` of all that is allocated stays. */
export interface Litter {
  readonly live: number;
  readonly random: Random;
  /** Bytes that may still be dropped. */
  budget: number;
  /** Allocates one object, drops it, and answers its size in bytes. A safepoint. */
  readonly dropOne: (m: Mutator) => number;
}

/** Drops as many as belong before one object that stays: with probability 1 − live one more, each time. */
export function dropLitter(m: Mutator, litter: Litter): void {
  while (litter.budget > 0 && litter.random.float() >= litter.live) {
    litter.budget -= litter.dropOne(m);
    m.safepoint();
  }
}
