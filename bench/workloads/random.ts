/**
 * Seeded random numbers: the same seed gives the same sequence on every machine, thread and Node. (V8 computes
 * log, exp and expm1 itself, by fdlibm, so the Zipf samples do not depend on the C library either.)
 */

/** A sequence of random numbers (sfc32, by Chris Doty-Humphrey: 128 bits of state, passes PractRand). */
export interface Random {
  /** An integer from 0 to 2³² − 1. */
  readonly next: () => number;
  /** An integer from 0 to n − 1, for n ≤ 2³². Its bias is below n / 2³². */
  readonly below: (n: number) => number;
  /** A number from 0 to below 1, a multiple of 2⁻³². */
  readonly float: () => number;
  /** A coin that falls on its head with that probability: whether it did. One number each time. */
  readonly coin: (probability: number) => () => boolean;
}

const TWO_32 = 2 ** 32;
const GOLDEN = 0x9e3779b9;
/** Outputs that sfc32 needs before its state has mixed. */
const WARM_UP = 12;

/** A bijection of 32-bit integers in which every input bit changes about half the output bits (Murmur3's finalizer). */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** One 32-bit hash (signed) of integers in order. */
export function hash32(...values: readonly number[]): number {
  return values.reduce((hash, value) => mix32((hash + GOLDEN) ^ mix32(value)), 0);
}

/** The sequence that belongs to these seeds, in this order. */
export function createRandom(...seeds: readonly number[]): Random {
  let counter = hash32(...seeds);
  const seeded = () => {
    counter = (counter + GOLDEN) | 0; // splitmix32
    return mix32(counter);
  };
  let a = seeded();
  let b = seeded();
  let c = seeded();
  let round = 1;
  // Signed, and so what a function can answer without allocating: a number above 2³¹ or a fraction lies in V8's own heap
  // where it is not compiled into its caller, and the collection of that heap would be taken for a stall of ours.
  function step(): number {
    const out = (a + b + round) | 0;
    round = (round + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return out;
  }
  for (let i = 0; i < WARM_UP; i++) step();
  return {
    next: () => step() >>> 0,
    below: (n) => Math.floor(((step() >>> 0) / TWO_32) * n),
    float: () => (step() >>> 0) / TWO_32,
    coin: (probability) => () => (step() >>> 0) / TWO_32 < probability,
  };
}

/** Puts the numbers into a random order (Fisher and Yates). */
export function shuffle(numbers: Uint32Array, random: Random): void {
  for (let last = numbers.length - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const moved = numbers[last] as number;
    numbers[last] = numbers[other] as number;
    numbers[other] = moved;
  }
}
