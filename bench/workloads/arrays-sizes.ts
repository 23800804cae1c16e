/**
 * How large the arrays of `arrays` are, and how they are laid out. Size and kind follow from an array's number, so that a
 * replacement is as large as what it replaces.
 *
 * Sizes have a bounded Pareto distribution B(smallest, largest, α), as jobs and files on servers are said to have with α of
 * 1.0 to 1.3 (Crovella and Bestavros, 1997; Harchol-Balter, Crovella and Murta, 1999, take 1.1); others find files rather
 * log-normal (Downey, 2001). With α = 1, the default, all octaves of sizes hold the same number of bytes; with α = 0 the
 * same number of arrays (log-uniform). Part of those of a page and more (`edges`) are then moved to the nearest number of
 * whole pages, or to one granule above or below, equally likely: where mistakes of one are.
 */
import {
  ARRAY_HEADER_WORDS,
  fitsRecord,
  GRANULE_BYTES,
  MAX_RECORD_GRANULES,
  MAX_RECORD_REFERENCES,
  RECORD_HEADER_WORDS,
} from '../../heap/object.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { mix32 } from './random.ts';

const WORD_BYTES = 4;
/** The least data words that an object without references cannot have as a record. */
const LEAST_ARRAY_DATA = MAX_RECORD_GRANULES * 2 - RECORD_HEADER_WORDS + 1;

/** Sizes in bytes, header included. */
export interface Sizes {
  readonly salt: number;
  readonly smallest: number;
  readonly largest: number;
  readonly alpha: number;
  readonly edges: number;
  /** The part that has no references. */
  readonly raw: number;
}

/** How an array is laid out. */
export interface ArrayLayout {
  readonly references: number;
  readonly dataWords: number;
  /** Its elements: references, or data words. */
  readonly length: number;
  /** Where they begin: words from its start. */
  readonly first: number;
}

/** A number from 0 to below 1 that follows from salt and array; `what` says of which choice. */
function chance({ salt }: Sizes, array: number, what: number): number {
  return (mix32(mix32(array ^ salt) + what) >>> 0) / 2 ** 32;
}

export function isRaw(sizes: Sizes, array: number): boolean {
  return chance(sizes, array, 1) < sizes.raw;
}

/** Size of that array, in whole granules. */
export function bytesOf(sizes: Sizes, array: number): number {
  const { smallest, largest, alpha, edges } = sizes;
  const bytes = boundedPareto(smallest, largest, alpha, chance(sizes, array, 2));
  const pages = Math.round(bytes / PAGE_BYTES);
  if (pages === 0 || chance(sizes, array, 3) >= edges) return wholeGranules(bytes);
  const beside = Math.floor(3 * chance(sizes, array, 4)) - 1;
  return Math.max(smallest, Math.min(largest, pages * PAGE_BYTES + beside * GRANULE_BYTES));
}

/** The inverse of the distribution's function: uniform `u` from 0 to 1 becomes a size. */
export function boundedPareto(smallest: number, largest: number, alpha: number, u: number): number {
  // By exp and log, which are the same in every V8; its powers are not.
  const spread = Math.log(largest / smallest);
  if (alpha === 0) return smallest * Math.exp(u * spread);
  return smallest * Math.exp(-Math.log(1 - u * (1 - Math.exp(-alpha * spread))) / alpha);
}

function wholeGranules(bytes: number): number {
  return Math.floor(bytes / GRANULE_BYTES) * GRANULE_BYTES;
}

/**
 * An array of so many bytes. Those with references have a data word, at least one, for their tag. An array without
 * references of 64 KiB is a granule larger: as a record it is too large, and in array form it would be a record.
 */
export function layoutOf(bytes: number, raw: boolean): ArrayLayout {
  const words = bytes / WORD_BYTES;
  const ofRecord = words - RECORD_HEADER_WORDS;
  const ofArray = words - ARRAY_HEADER_WORDS;
  if (raw) {
    const dataWords = fitsRecord(0, ofRecord) ? ofRecord : Math.max(ofArray, LEAST_ARRAY_DATA);
    return laidOut(0, dataWords);
  }
  if (fitsRecord(ofRecord - 1, 1)) return laidOut(ofRecord - 1, 1);
  if (ofArray - 1 > MAX_RECORD_REFERENCES) return laidOut(ofArray - 1, 1);
  return laidOut(MAX_RECORD_REFERENCES, ofRecord - MAX_RECORD_REFERENCES);
}

function laidOut(references: number, dataWords: number): ArrayLayout {
  const first = fitsRecord(references, dataWords) ? RECORD_HEADER_WORDS : ARRAY_HEADER_WORDS;
  return { references, dataWords, length: references === 0 ? dataWords : references, first };
}
