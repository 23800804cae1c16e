/**
 * What an object looks like: a header, then its reference slots, then raw data. The layout is in the object's own
 * header, so that a page can be compacted without reading any other object.
 *
 * Units: a *word* is 32 bits, a *granule* 8 bytes. A reference is the number of the granule its object starts at,
 * counted from the heap's base; 0 is null (granule 0 holds the nil object, which nothing refers to).
 *
 *     record form (one header word, everything up to 64 KiB and 1023 references)
 *       31   30      23 22        13 12           0
 *       0  | shape    | references | size, granules |
 *     array form (four header words)
 *       1  | shape    | 0                           |  size, granules  |  references  |  0
 *
 * A header word of 0 is no object. Shape 0 is filler: dead space that keeps the heap parseable.
 */

/** A reference: granules from the heap's base; 0 is null. */
export type Ref = number;

export const GRANULE_BYTES = 8;
export const GRANULE_WORDS = 2;
/** log2 of the granules in a page. */
export const LOG_PAGE_GRANULES = 9;
export const PAGE_GRANULES = 1 << LOG_PAGE_GRANULES;

const LOG_REFERENCES = 13;
const LOG_SHAPE = 23;
const SIZE_MASK = (1 << LOG_REFERENCES) - 1;
const REFERENCES_MASK = (1 << (LOG_SHAPE - LOG_REFERENCES)) - 1;
const SHAPE_MASK = 0xff;
const ARRAY_FORM = 1 << 31;

/** Words before the first reference slot, in the record form. */
export const RECORD_HEADER_WORDS = 1;
/** Words before the first reference slot, in the array form. */
export const ARRAY_HEADER_WORDS = 4;
/** Where the array form keeps its size (granules) and its number of references: words from its start. */
export const ARRAY_SIZE_WORD = 1;
export const ARRAY_REFERENCES_WORD = 2;

/** The shape of dead space. */
export const FILLER_SHAPE = 0;
export const MAX_SHAPES = SHAPE_MASK;
export const MAX_RECORD_GRANULES = SIZE_MASK;
export const MAX_RECORD_REFERENCES = REFERENCES_MASK;

/** Granules for an object of so many words, header included. */
export function granulesFor(words: number): number {
  return (words + 1) >>> 1;
}

/** Whether an object fits the record form. */
export function fitsRecord(references: number, dataWords: number): boolean {
  // Compared in words: granulesFor is 32-bit arithmetic, which a huge object would wrap round.
  const words = RECORD_HEADER_WORDS + references + dataWords;
  return words <= MAX_RECORD_GRANULES * GRANULE_WORDS && references <= MAX_RECORD_REFERENCES;
}

/** The header word of a record. */
export function recordHeader(shape: number, references: number, granules: number): number {
  return (shape << LOG_SHAPE) | (references << LOG_REFERENCES) | granules;
}

/** The first header word of an array; size and references follow in words of their own. */
export function arrayHeader(shape: number): number {
  return ARRAY_FORM | (shape << LOG_SHAPE);
}

export function isArrayForm(header: number): boolean {
  return header < 0;
}

export function headerWords(header: number): number {
  return header < 0 ? ARRAY_HEADER_WORDS : RECORD_HEADER_WORDS;
}

/** Size of a record in granules, from its header. */
export function recordGranules(header: number): number {
  return header & SIZE_MASK;
}

/** Number of reference slots of a record, from its header. */
export function recordReferences(header: number): number {
  return (header >>> LOG_REFERENCES) & REFERENCES_MASK;
}

export function shapeOf(header: number): number {
  return (header >>> LOG_SHAPE) & SHAPE_MASK;
}

/** Whether the header is dead space's. (The nil object at granule 0 has it too; nothing refers to that.) */
export function isFiller(header: number): boolean {
  return shapeOf(header) === FILLER_SHAPE;
}

/** The header words of a filler over so many granules (≥ 1). */
export function fillerHeader(granules: number): readonly number[] {
  if (granules <= MAX_RECORD_GRANULES) return [recordHeader(FILLER_SHAPE, 0, granules)];
  return [arrayHeader(FILLER_SHAPE), granules, 0, 0];
}
