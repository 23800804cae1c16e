/**
 * The objects of `random-graph`: 8 to 64 bytes, 0 to 3 references, at least one data word. Size and references
 * follow from the object's index, so that a replacement is as large as what it replaces.
 */
import { GRANULE_WORDS, RECORD_HEADER_WORDS } from '../../heap/object.ts';
import { mix32 } from './random.ts';

/** Mean size, for sizing the graph: 1 to 8 granules, all equally likely. */
export const MEAN_BYTES = 36;
export const MAX_BYTES = 64;
const MAX_REFERENCES = 3;

/** What turns indices into words that differ from graph to graph. */
export type Salt = number;

/** Size of the object in granules: 1 to 8. */
export function granulesOf(salt: Salt, index: number): number {
  return 1 + (mix32(index ^ salt) & 7);
}

/** Number of its references: equally likely 0 to 3, or as many as leave room for a data word. */
export function referencesOf(salt: Salt, index: number): number {
  const room = granulesOf(salt, index) * GRANULE_WORDS - RECORD_HEADER_WORDS - 1;
  return (mix32(index ^ salt) >>> 3) % (Math.min(MAX_REFERENCES, room) + 1);
}

/** Number of its data words. The first holds the index, disguised by the salt. */
export function dataWordsOf(salt: Salt, index: number): number {
  return granulesOf(salt, index) * GRANULE_WORDS - RECORD_HEADER_WORDS - referencesOf(salt, index);
}

/** Whether it lies in the non-moving space, when that part of all objects does. */
export function isNonMoving(salt: Salt, index: number, part: number): boolean {
  return mix32(~index ^ salt) >>> 0 < part * 2 ** 32;
}
