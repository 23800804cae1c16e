/**
 * Numbers for the identifiers of a .hprof: 0, 1, 2, … in the order in which they were added. An identifier is an
 * address of 4 or 8 bytes; it is kept as two 32-bit words, so that all 64 bits count and none is boxed.
 *
 * Open addressing with linear probing: 8 bytes for each identifier, and 5 to 11 for its place in the table, before
 * what growing leaves behind.
 */
import { randomInt } from 'node:crypto';
import type { DumpMemory } from './dump-memory.ts';

export interface IdTable {
  readonly size: number;
  /** The new number of an identifier; ABSENT if it has one already. */
  add(hi: number, lo: number): number;
  /** The number of an identifier; ABSENT if it has none. */
  find(hi: number, lo: number): number;
  /** Whether number n is this identifier's. */
  is(n: number, hi: number, lo: number): boolean;
}

export const ABSENT = -1;

const SMALLEST_LOG2 = 4;
/** Of a table's places, at most 3 of 4 are taken. */
const LOAD = 3 / 4;

/** The bits of an address that choose among the 64 places of its block; a block is of objects at multiples of 8. */
const WITHIN_BLOCK = 0x1f8;

/**
 * Who writes a file must not be able to choose identifiers that meet in one place of the table: each lookup would go
 * through all of them. So where a block begins depends on numbers that no file knows. Nothing that is read depends on it.
 */
const [LO, HI, MIXED] = [secret(), secret(), secret()] as const;

function secret(): number {
  return randomInt(2 ** 31) * 2 + 1;
}

export function createIdTable(memory: DumpMemory): IdTable {
  let size = 0;
  let ids = memory.words(0); // lo and hi of each: side by side, since a lookup that misses the cache wants both
  let log2Places = SMALLEST_LOG2;
  let places = memory.words(1 << log2Places); // number + 1; 0 is free

  /** Objects that are neighbours in the heap are neighbours here: lookups find them in the processor's cache. */
  function placeOf(hi: number, lo: number): number {
    const block = lo & ~WITHIN_BLOCK;
    const mixed = Math.imul(block ^ (block >>> 15), LO) + Math.imul(hi ^ (hi >>> 15), HI);
    const first = Math.imul(mixed ^ (mixed >>> 16), MIXED) >>> (32 - log2Places);
    return (first + ((lo & WITHIN_BLOCK) >>> 3)) & (places.length - 1);
  }

  /** Where the identifier is, or the free place where it would be. */
  function probe(hi: number, lo: number): number {
    const mask = places.length - 1;
    let place = placeOf(hi, lo);
    for (;;) {
      const n = places[place] as number;
      if (n === 0 || (ids[2 * n - 2] === lo && ids[2 * n - 1] === hi)) return place;
      place = (place + 1) & mask;
    }
  }

  /** All identifiers differ, so that none need be looked at but the one that wants a place. */
  function enlarge(): void {
    log2Places++;
    places = memory.words(2 ** log2Places);
    const mask = places.length - 1;
    for (let n = 1; n <= size; n++) {
      let place = placeOf(ids[2 * n - 1] as number, ids[2 * n - 2] as number);
      while (places[place] !== 0) place = (place + 1) & mask;
      places[place] = n;
    }
  }

  function add(hi: number, lo: number): number {
    if (size >= places.length * LOAD) enlarge();
    const place = probe(hi, lo);
    if (places[place] !== 0) return ABSENT;
    ids = memory.grown(ids, 2 * size + 2);
    ids[2 * size] = lo;
    ids[2 * size + 1] = hi;
    places[place] = ++size;
    return size - 1;
  }

  return {
    add,
    find: (hi, lo) => (places[probe(hi, lo)] as number) - 1,
    is: (n, hi, lo) => n < size && ids[2 * n] === lo && ids[2 * n + 1] === hi,
    get size() {
      return size;
    },
  };
}

/** An identifier as errors show it. */
export function shownId(hi: number, lo: number): string {
  return hi === 0 ? `0x${lo.toString(16)}` : `0x${hi.toString(16)}${lo.toString(16).padStart(8, '0')}`;
}
