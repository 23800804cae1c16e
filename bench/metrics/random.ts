/** Seeded randomness for the order of runs and for resampling: the same seed gives the same numbers anywhere. */

/** A uniform number in [0, 1). */
export type Random = () => number;

/** Mulberry32: 32 bits of state, good enough for resampling and shuffling. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A uniform integer in [0, limit). */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** The items in a random order (Fisher–Yates). */
export function shuffled<Item>(items: readonly Item[], random: Random): Item[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = below(random, i + 1);
    [order[i], order[j]] = [order[j] as Item, order[i] as Item];
  }
  return order;
}
