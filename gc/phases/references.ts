/**
 * Handles that do not keep objects alive (heap/weak.ts), in the marking pause, when marking is done: what ephemerons
 * keep is marked, and what that keeps; then the handles of what is not marked die. In proportion to the handles and to
 * what only ephemerons keep: whenever an object is marked, the ephemerons that wait for it are looked up (after the
 * linear algorithm of V8's marking; Barros and Ierusalimschy, JUCS 2008, on what the fixpoint costs). (ART reclaims concurrently and bars readers meanwhile; here the pause is the bar.)
 */
import { isSet } from '../../heap/bitmap.ts';
import type { HeapTables } from '../../heap/layout.ts';
import type { Ref } from '../../heap/object.ts';
import { clearDead, forEphemerons } from '../../heap/weak.ts';
import type { Marking } from './mark.ts';

/** How many handles were cleared, and how many tokens can now be polled. */
export interface DeadHandles {
  readonly cleared: number;
  readonly finalized: number;
}

export function processReferences(tables: HeapTables, marking: Marking): DeadHandles {
  const isAlive = (ref: Ref): boolean => isSet(tables.markBits, ref);
  /** Values that live once their key does, by key. */
  const waiting = new Map<Ref, Ref[]>();
  forEphemerons(tables, (key, value) => {
    if (value === 0 || isAlive(value)) return;
    if (isAlive(key)) marking.keep(value);
    else if (waiting.get(key)?.push(value) === undefined) waiting.set(key, [value]);
  });
  if (waiting.size === 0) marking.trace();
  else marking.traceTelling((object) => waiting.get(object)?.forEach(marking.keep));
  return clearDead(tables, isAlive);
}
