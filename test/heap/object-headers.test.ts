/** Headers give back what was put in them, up to the borders of both forms. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arrayHeader,
  FILLER_SHAPE,
  fillerHeader,
  fitsRecord,
  granulesFor,
  headerWords,
  isArrayForm,
  isFiller,
  MAX_RECORD_GRANULES,
  MAX_RECORD_REFERENCES,
  MAX_SHAPES,
  recordGranules,
  recordHeader,
  recordReferences,
  shapeOf,
} from '../../dist/heap/object.js';

const anyShape = fc.integer({ min: 0, max: MAX_SHAPES });

describe('the record form', () => {
  it('keeps shape, references and size apart', () => {
    const references = fc.integer({ min: 0, max: MAX_RECORD_REFERENCES });
    const granules = fc.integer({ min: 1, max: MAX_RECORD_GRANULES });
    fc.assert(
      fc.property(anyShape, references, granules, (shape, refs, size) => {
        const header = recordHeader(shape, refs, size);
        expect([shapeOf(header), recordReferences(header), recordGranules(header)]).toEqual([
          shape,
          refs,
          size,
        ]);
        expect([isArrayForm(header), headerWords(header)]).toEqual([false, 1]);
        expect(header).not.toBe(0);
      }),
    );
  });

  it('ends at 1023 references and at 8191 granules', () => {
    expect([MAX_RECORD_REFERENCES, MAX_RECORD_GRANULES, MAX_SHAPES]).toEqual([1023, 8191, 255]);
    expect(fitsRecord(1023, 0)).toBe(true);
    expect(fitsRecord(1024, 0)).toBe(false);
    const most = 2 * MAX_RECORD_GRANULES - 1; // words beside the header
    expect(fitsRecord(0, most)).toBe(true);
    expect(fitsRecord(0, most + 1)).toBe(false);
    expect(fitsRecord(1023, most - 1023)).toBe(true);
    expect(fitsRecord(1023, most - 1022)).toBe(false);
  });

  it('takes nothing that its fields cannot hold, however large', () => {
    const count = fc.oneof(fc.nat(20_000), fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 33, 2 ** 52));
    fc.assert(
      fc.property(count, count, (references, words) => {
        const fits = references <= 1023 && Math.ceil((1 + references + words) / 2) <= 8191;
        expect(fitsRecord(references, words)).toBe(fits);
      }),
    );
  });
});

describe('the array form', () => {
  it('keeps the shape, and says what it is', () => {
    for (let shape = 0; shape <= MAX_SHAPES; shape++) {
      const header = arrayHeader(shape);
      expect([shapeOf(header), isArrayForm(header), headerWords(header)]).toEqual([shape, true, 4]);
    }
  });
});

describe('filler', () => {
  it('has the shape of filler and no references, in the form that holds its size', () => {
    const granules = fc.oneof(fc.constantFrom(1, 2, 8191, 8192), fc.integer({ min: 1, max: 2 ** 20 }));
    fc.assert(
      fc.property(granules, (size) => {
        const words = fillerHeader(size);
        const header = words[0] as number;
        expect([shapeOf(header), isFiller(header)]).toEqual([FILLER_SHAPE, true]);
        expect(isArrayForm(header)).toBe(size > 8191);
        expect(isArrayForm(header) ? words[1] : recordGranules(header)).toBe(size);
        expect(isArrayForm(header) ? words[2] : recordReferences(header)).toBe(0);
        expect(words.length).toBeLessThanOrEqual(2 * size);
      }),
    );
  });
});

it('granulesFor rounds words up to granules', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 30), (words) => {
      expect(granulesFor(words)).toBe(Math.ceil(words / 2));
    }),
  );
});
