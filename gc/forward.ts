/**
 * Where an object goes (the Compressor's arithmetic; Kermany and Petrank, PLDI 2006): its new granule is the number
 * of live granules below it, which is a table look-up for its chunk of 32 granules plus the set bits below it in
 * the chunk's live word. Objects allocated after marking ("black") keep their order and slide by whole pages.
 *
 * Deviation from ART: chunks are 256 bytes, not 512, since a bitmap word of JavaScript has 32 bits.
 */
import { popcount } from '../heap/bitmap.ts';
import { LOG_CHUNK_GRANULES } from '../heap/layout.ts';
import type { Ref } from '../heap/object.ts';

// Copies of imported constants, for the hot loops: V8 compiles a module's own constants in as numbers.
const LOG_CHUNK = LOG_CHUNK_GRANULES;

/** Maps a reference into from-space to the same object's place in to-space. Null stays null. */
export type Forward = (ref: Ref) => Ref;

/** What changes from collection to collection. */
export interface SlideBounds {
  /** First granule of the objects allocated since marking. */
  blackBegin: Ref;
  /** Granules by which those move down. */
  blackSlide: number;
  /** First granule of the non-moving space: from here on all stays where it is. */
  readonly nonMoving: Ref;
}

/**
 * @param liveness the table of that name, with its prefix sums (phases/prepare)
 * @param bounds read at each call: one mapping serves all collections of its thread
 */
export function makeForward(liveness: Int32Array, bounds: Readonly<SlideBounds>): Forward {
  return (ref) => {
    if (ref >= bounds.blackBegin) return ref >= bounds.nonMoving ? ref : ref - bounds.blackSlide;
    const chunk = (ref >>> LOG_CHUNK) * 2;
    const below = (liveness[chunk] as number) & ((1 << (ref & 31)) - 1);
    return (liveness[chunk + 1] as number) + popcount(below);
  };
}
