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
  function next(): number {
    const out = (a + b + round) | 0;
    round = (round + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return out >>> 0;
  }
  for (let i = 0; i < WARM_UP; i++) next();
  const float = () => next() / TWO_32;
  return { next, float, below: (n) => Math.floor(float() * n) };
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
