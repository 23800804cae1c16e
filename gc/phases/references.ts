/**
 * Handles that do not keep objects alive (heap/weak.ts), in the marking pause, when marking is done: what ephemerons
 * keep is marked, until nothing more is; then the handles of what is not marked die. In proportion to the handles and
 * to what ephemerons keep. (ART reclaims concurrently and bars readers meanwhile; here the pause is the bar.)
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
  for (let isMore = true; isMore; ) {
    isMore = false;
    forEphemerons(tables, isAlive, (value) => {
      if (value === 0 || isAlive(value)) return;
      marking.keep(value);
      isMore = true;
    });
    marking.trace();
  }
  return clearDead(tables, isAlive);
}
