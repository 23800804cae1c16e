/** Bits in 32-bit words: counting them, setting runs of them, finding the n-th and the nearest, and room among them. */
import { fetchOr, type SharedWords } from '../uffd/sync.ts';

/** Number of set bits. */
export function popcount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Whether a bit is set, of a bitmap whose words lie `stride` apart. */
export function isSet(bitmap: Int32Array, bit: number, stride = 1): boolean {
  return (((bitmap[(bit >>> 5) * stride] as number) >>> (bit & 31)) & 1) === 1;
}

/** Position of the lowest set bit of a word that is not 0. */
export function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

/** Position of the n-th set bit (from 0, lowest first); the word has more than n of them. */
export function nthBit(word: number, n: number): number {
  let left = word;
  for (let i = 0; i < n; i++) left &= left - 1;
  return lowestBit(left);
}

/** A word with bits [from, to) set, 0 ≤ from < to ≤ 32. */
export function bitRange(from: number, to: number): number {
  return (-1 << from) & (-1 >>> (32 - to));
}

/** Sets bits [from, to) of a bitmap whose words lie `stride` apart. */
export function setBits(bitmap: Int32Array, stride: number, from: number, to: number): void {
  let word = from >>> 5;
  const last = (to - 1) >>> 5;
  if (word === last) {
    bitmap[word * stride] = (bitmap[word * stride] as number) | bitRange(from & 31, ((to - 1) & 31) + 1);
    return;
  }
  bitmap[word * stride] = (bitmap[word * stride] as number) | bitRange(from & 31, 32);
  for (word++; word < last; word++) bitmap[word * stride] = -1;
  bitmap[last * stride] = (bitmap[last * stride] as number) | bitRange(0, ((to - 1) & 31) + 1);
}

/** The same, while other threads set bits of these words too. */
export function setBitsTogether(bitmap: SharedWords, stride: number, from: number, to: number): void {
  for (let bit = from; bit < to; bit = (bit & -32) + 32) {
    const end = Math.min(to, (bit & -32) + 32);
    fetchOr(bitmap, (bit >>> 5) * stride, bitRange(bit & 31, ((end - 1) & 31) + 1));
  }
}

/** The first of `count` clear bits in a row, a multiple of `align`, in [from, end) of a bitmap; −1 if there are none. */
export function clearRun(bitmap: Int32Array, from: number, end: number, count: number, align = 1): number {
  for (let start = alignUp(nextClear(bitmap, from, end), align); start + count <= end; ) {
    const stop = nextBit(bitmap, 1, start, start + count);
    if (stop === start + count) return start;
    start = alignUp(nextClear(bitmap, stop, end), align);
  }
  return -1;
}

/** The lowest clear bit at or above `bit` and below `limit`; else `limit`. */
export function nextClear(bitmap: Int32Array, bit: number, limit: number): number {
  if (bit >= limit) return limit;
  let word = bit >>> 5;
  let bits = ~(bitmap[word] as number) & (-1 << (bit & 31));
  while (bits === 0) {
    if (++word * 32 >= limit) return limit;
    bits = ~(bitmap[word] as number);
  }
  return Math.min(limit, word * 32 + lowestBit(bits));
}

function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}

/** The highest set bit in [lowest, bit], or −1; `lowest` is a multiple of 32. */
export function precedingBit(bitmap: Int32Array, bit: number, lowest = 0): number {
  if (bit < lowest) return -1;
  let word = bit >>> 5;
  let bits = (bitmap[word] as number) & (-1 >>> (31 - (bit & 31)));
  while (bits === 0) {
    if (--word < lowest >>> 5) return -1;
    bits = bitmap[word] as number;
  }
  return word * 32 + 31 - Math.clz32(bits);
}

/** The lowest set bit at or above `bit` and below `limit`, in a bitmap whose words lie `stride` apart; else `limit`. */
export function nextBit(bitmap: Int32Array, stride: number, bit: number, limit: number): number {
  if (bit >= limit) return limit;
  let word = bit >>> 5;
  let bits = (bitmap[word * stride] as number) & (-1 << (bit & 31));
  while (bits === 0) {
    if (++word * 32 >= limit) return limit;
    bits = bitmap[word * stride] as number;
  }
  return Math.min(limit, word * 32 + lowestBit(bits));
}
