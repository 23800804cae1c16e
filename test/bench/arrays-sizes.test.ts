/** Sizes of arrays: laid out to the byte, distributed as documented, and at the edges of pages. */
import { describe, expect, it } from 'vitest';
import {
  boundedPareto,
  bytesOf,
  isRaw,
  layoutOf,
  type Sizes,
} from '../../dist/bench/workloads/arrays-sizes.js';
import { objectBytes } from '../../dist/bench/workloads/room.js';
import { fitsRecord } from '../../dist/heap/object.js';

const PAGE = 4096;
const SIZES: Sizes = { salt: 7, smallest: 256, largest: 1 << 20, alpha: 1, edges: 0.5, raw: 0.5 };
const MANY = 50_000;

function sizesOf(change: Partial<Sizes> = {}): readonly number[] {
  const sizes = { ...SIZES, ...change };
  return Array.from({ length: MANY }, (_, array) => bytesOf(sizes, array));
}

describe.each([true, false])('a layout (raw: %s)', (raw) => {
  it('takes the bytes it is for, its elements begin behind its header, and it has both kinds of words', () => {
    for (let bytes = 16; bytes < 70_000; bytes += 8) {
      // A raw record of 64 KiB is a word too large, and an array that small is a record.
      const expected = raw && bytes === 65_536 ? 65_544 : bytes;
      const { references, dataWords, length, first } = layoutOf(bytes, raw);
      expect(objectBytes(references, dataWords), `${bytes}`).toBe(expected);
      expect(first).toBe(fitsRecord(references, dataWords) ? 1 : 4);
      expect(4 * (first + references + dataWords)).toBe(expected);
      expect(length).toBe(raw ? dataWords : references);
      expect([references > 0, dataWords > 0]).toEqual([!raw, true]);
    }
  });
});

describe('sizes', () => {
  it('are whole granules within their bounds', () => {
    for (const bytes of sizesOf({ edges: 1, largest: 5 * PAGE })) {
      expect(bytes % 8).toBe(0);
      expect(bytes).toBeGreaterThanOrEqual(256);
      expect(bytes).toBeLessThanOrEqual(5 * PAGE);
    }
  });

  it('have as many bytes in each octave with alpha 1, and as many arrays with alpha 0', () => {
    for (const [alpha, weight] of [
      [1, (bytes: number) => bytes],
      [0, () => 1],
    ] as const) {
      const octaves = Array(6).fill(0);
      for (const bytes of sizesOf({ alpha, edges: 0, smallest: 1024, largest: 65_536 }))
        octaves[Math.floor(Math.log2(bytes / 1024))] += weight(bytes);
      const mean = octaves.reduce((sum, octave) => sum + octave, 0) / 6;
      for (const octave of octaves) expect(Math.abs(octave / mean - 1)).toBeLessThan(0.1);
    }
  });

  it('are the bounds at the ends of the distribution', () => {
    for (const alpha of [0, 0.5, 1, 2.5]) {
      expect(boundedPareto(256, 1 << 20, alpha, 0)).toBeCloseTo(256);
      expect(boundedPareto(256, 1 << 20, alpha, 1) / (1 << 20)).toBeCloseTo(1);
    }
  });

  it('of pages are whole pages, a granule less or one more, in equal parts', () => {
    const counts = new Map<number, number>();
    for (const bytes of sizesOf({ edges: 1 })) {
      const beside = bytes - Math.round(bytes / PAGE) * PAGE;
      if (bytes > PAGE / 2) counts.set(beside, (counts.get(beside) ?? 0) + 1);
    }
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual([-8, 0, 8]);
    const [less = 0, same = 0, more = 0] = [-8, 0, 8].map((beside) => counts.get(beside));
    expect(Math.min(less, same, more) / Math.max(less, same, more)).toBeGreaterThan(0.85);
    const exact = sizesOf().filter((bytes) => bytes === PAGE).length;
    expect(exact).toBeGreaterThan(100);
  });

  it('the part that is raw is as large as asked for', () => {
    for (const raw of [0, 0.25, 1]) {
      let count = 0;
      for (let array = 0; array < MANY; array++) if (isRaw({ ...SIZES, raw }, array)) count++;
      expect(Math.abs(count / MANY - raw)).toBeLessThan(0.01);
    }
  });
});
