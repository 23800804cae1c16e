/**
 * What mutators do for a marking that is nearly done. From the first round of precleaning on, each begins at a handshake to
 * allocate its new objects marked, and to dirty no card for a reference to an object that is marked already. Hardly anything is
 * unmarked by then, so hardly a card becomes dirty, however fast they store: the rounds come to an end, and the pause is short.
 * (Without this they are a race of the collector against the mutators, which it loses on a large heap.)
 *
 * Sound as the card table is (cards.ts): a reference of a marked object is to a marked one, or on a dirty card. A new object is
 * marked before anybody can refer to it, on a page that marking does not look at yet (gc/phases/mark.ts); and no mark bit is
 * cleared while this lasts. What dies meanwhile among the new ones is kept until the next collection.
 *
 * After the insertion barrier of Dijkstra et al., "On-the-fly garbage collection: an exercise in cooperation" (CACM 1978), whose
 * mutators mark what they store, and allocate black.
 */
import { fetchOr, loadAcquire, storeRelease } from '../uffd/sync.ts';
import { isSet } from './bitmap.ts';
import { type Barrier, makeBarrier } from './cards.ts';
import { CONTROL, type HeapTables } from './layout.ts';
import type { Ref } from './object.ts';

/** One mutator's part. */
export interface LateMarking {
  /** At a handshake, and when it begins to run: sees whether marking is so far. */
  readonly look: () => void;
  /** A new object of the moving space has its header, and nobody refers to it. */
  readonly noteNew: (object: Ref) => void;
  /** The post-write barrier. */
  readonly barrier: Barrier;
}

export function makeLateMarking(tables: HeapTables): LateMarking {
  const { control, markBits } = tables;
  const dirty = makeBarrier(tables);
  let isLate = false;
  return {
    look: () => {
      isLate = loadAcquire(control, CONTROL.markingIsLate) === 1;
    },
    // Atomically: the collector looks at this word only later, but a safepoint may be on the way.
    noteNew: (object) => {
      if (isLate) fetchOr(markBits, object >>> 5, 1 << (object & 31));
    },
    barrier: (word, value) => {
      if (!isLate || !isSet(markBits, value)) dirty(word, value);
    },
  };
}

/** The collector is about to ask for a handshake of precleaning. */
export function beginLateMarking({ control }: HeapTables): void {
  storeRelease(control, CONTROL.markingIsLate, 1);
}

/** Marking is done, the world stopped. */
export function endLateMarking({ control }: HeapTables): void {
  storeRelease(control, CONTROL.markingIsLate, 0);
}
