/**
 * Dead space: objects allocated and dropped at once, so that what is live lies among what is not, in the
 * proportion that `--live` asks for.
 */
import type { Mutator } from '../../heap/mutator.ts';

/** How much to drop. */
export interface Litter {
  /** Whether what is allocated next stays: a coin that says so of as much as `--live` asks for. */
  readonly stays: () => boolean;
  /** Bytes that may still be dropped. */
  budget: number;
  /** Allocates one object, drops it, and answers its size in bytes. A safepoint. */
  readonly dropOne: (m: Mutator) => number;
}

/** Drops as many as belong before one object that stays: with probability 1 − live one more, each time. */
export function dropLitter(m: Mutator, litter: Litter): void {
  while (litter.budget > 0 && !litter.stays()) {
    litter.budget -= litter.dropOne(m);
    m.safepoint();
  }
}
