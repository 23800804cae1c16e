/** The bit arithmetic agrees with a list of booleans. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  bitRange,
  clearRun,
  lowestBit,
  nextBit,
  nthBit,
  popcount,
  precedingBit,
  setBits,
} from '../../dist/heap/bitmap.js';

const WORDS = 5;
const BITS = 32 * WORDS;

const anyWord = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 1, 1 << 31, 0x7fffffff));
const anyBitmap = fc.array(anyWord, { minLength: WORDS, maxLength: WORDS });

const bitsOf = (word: number): number[] => [...Array(32).keys()].filter((i) => ((word >>> i) & 1) === 1);

function bitsOfMap(words: ArrayLike<number>, stride: number): number[] {
  const all = [];
  for (let bit = 0; bit < BITS; bit++) {
    if ((((words[(bit >>> 5) * stride] as number) >>> (bit & 31)) & 1) === 1) all.push(bit);
  }
  return all;
}

/** The words with other words between them, as in the liveness table. */
function strided(words: readonly number[], stride: number, between: number): Int32Array {
  const map = new Int32Array(words.length * stride).fill(between);
  for (const [i, word] of words.entries()) map[i * stride] = word;
  return map;
}

it('popcount counts the set bits', () => {
  fc.assert(
    fc.property(anyWord, (word) => {
      expect(popcount(word)).toBe(bitsOf(word).length);
    }),
  );
});

it('lowestBit and nthBit find the set bits in order', () => {
  const some = anyWord.filter((word) => word !== 0);
  fc.assert(
    fc.property(some, (word) => {
      expect(bitsOf(word).map((_, n) => nthBit(word, n))).toEqual(bitsOf(word));
      expect(lowestBit(word)).toBe(bitsOf(word)[0]);
    }),
  );
});

it('bitRange sets exactly [from, to)', () => {
  for (let from = 0; from < 32; from++) {
    for (let to = from + 1; to <= 32; to++) {
      expect(bitsOf(bitRange(from, to))).toEqual([...Array(to - from).keys()].map((i) => from + i));
    }
  }
});

it('setBits adds exactly [from, to), at any stride, and leaves the words between alone', () => {
  const range = fc.tuple(fc.nat(BITS - 1), fc.nat(BITS)).filter(([from, to]) => from < to);
  fc.assert(
    fc.property(anyBitmap, range, fc.integer({ min: 1, max: 3 }), (words, [from, to], stride) => {
      const map = strided(words, stride, 77);
      const before = new Set(bitsOfMap(map, stride));
      setBits(map, stride, from, to);
      const wanted = [...Array(BITS).keys()].filter((bit) => before.has(bit) || (bit >= from && bit < to));
      expect(bitsOfMap(map, stride)).toEqual(wanted);
      expect([...map].filter((word, i) => i % stride !== 0 && word !== 77)).toEqual([]);
    }),
  );
});

it('precedingBit finds the highest set bit at or below, or −1', () => {
  fc.assert(
    fc.property(fc.oneof(anyBitmap, sparse()), fc.nat(BITS - 1), (words, bit) => {
      const below = bitsOfMap(words, 1).filter((other) => other <= bit);
      expect(precedingBit(Int32Array.from(words), bit)).toBe(below.at(-1) ?? -1);
    }),
  );
});

it('nextBit finds the lowest set bit at or above and below the limit, or the limit', () => {
  const stride = fc.integer({ min: 1, max: 2 });
  fc.assert(
    fc.property(
      fc.oneof(anyBitmap, sparse()),
      stride,
      fc.nat(BITS),
      fc.nat(BITS),
      (words, by, bit, limit) => {
        const map = strided(words, by, -1);
        const above = bitsOfMap(map, by).filter((other) => other >= bit && other < limit);
        expect(nextBit(map, by, bit, limit)).toBe(above[0] ?? limit);
      },
    ),
  );
});

/** Bitmaps with one bit at most: long ways to go. */
function sparse(): fc.Arbitrary<number[]> {
  return fc.tuple(fc.nat(WORDS - 1), fc.nat(31), fc.boolean()).map(([word, bit, set]) => {
    const words = Array(WORDS).fill(0);
    if (set) words[word] = 1 << bit;
    return words;
  });
}

it('a run of clear bits is the first that is long enough and aligned', () => {
  const words = fc.array(fc.oneof(fc.constant(0), fc.constant(-1), fc.integer()), {
    minLength: 4,
    maxLength: 4,
  });
  const within = fc.integer({ min: 0, max: 128 });
  fc.assert(
    fc.property(
      words,
      within,
      within,
      fc.integer({ min: 1, max: 80 }),
      fc.constantFrom(1, 2, 16, 64),
      (all, from, end, count, align) => {
        const bitmap = Int32Array.from(all);
        const isClear = (bit: number) => (((bitmap[bit >>> 5] as number) >>> (bit & 31)) & 1) === 0;
        const starts = Array.from({ length: 129 }, (_, bit) => bit).filter(
          (bit) =>
            bit >= from &&
            bit % align === 0 &&
            bit + count <= end &&
            Array.from({ length: count }, (_, i) => bit + i).every(isClear),
        );
        expect(clearRun(bitmap, from, end, count, align)).toBe(starts[0] ?? -1);
      },
    ),
  );
});
