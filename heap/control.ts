/** The control words of a heap: what its threads tell each other by, each alone in its cache line. */

/** Words of a cache line. Words by which threads meet are each alone in theirs. */
export const LINE_WORDS = 16;
const CONTROL_NAMES = [
  'mutatorLock', // two words: a reader-writer lock, held shared by every running mutator
  'top', // first page not handed out yet
  'requested', // number of the newest collection asked for
  'started', // number of the collection begun last
  'flipped', // number of the collection whose compaction pause ended last
  'finished', // number of the collection that ended last
  'freeAtFlip', // pages free right after the last flip
  'reason', // why the newest collection was asked for: REASON
  'startAt', // once pages up to this one are handed out, a collection is asked for
  'startReason', // and why: REASON
  'lastResort', // number of the newest collection that was asked for as the last resort
  'refused', // the errno for which the last collection was given up; 0: it was not
  'liveGranules', // granules that the collection before found live
  'nonMovingLock', // held while a place in the non-moving space is looked for
  'nonMovingTop', // its first page above all objects, counted from the heap's base
  'nonMovingKept', // the first page above all objects that the collection under way keeps
  'nonMovingUsed', // granules of it in use: found live by the last collection, or handed out since
  'nonMovingStartAt', // how many of them ask for a collection
  'nonMovingRun', // longest run of free granules that the last resort has left
  'nonMovingPageRun', // the same, of runs from a page's first granule on
  'nonMovingNext', // granule of it at which the search goes on
  'nonMovingSide', // which of the two bitmaps of what does not move says what is in use; the other one is being made
  'nonMovingLive', // granules of it that the collection before found live
  'allocatesMarked', // 1 from the beginning of marking to the flip: new objects that do not move are marked at once
  'markingIsLate', // 1 from the first round of precleaning to the end of marking (late-marking.ts)
  'largeLock', // the same words of the large-object space: what its two parts share …
  'largeUsed',
  'largeStartAt',
  'largeTop', // … of its part with references …
  'largeKept',
  'largeRun',
  'largeNext',
  'largeLive',
  'rawTop', // … and of its part for raw data
  'rawKept',
  'rawRun',
  'rawNext',
  'rawLive',
  'handshake', // number of the newest handshake asked for
  'handshakeNews', // raised when a mutator has passed it, or stopped running instead
] as const;

/** Index of each control word. */
export const CONTROL = Object.fromEntries(CONTROL_NAMES.map((name, i) => [name, i * LINE_WORDS])) as {
  readonly [name in (typeof CONTROL_NAMES)[number]]: number;
};
/** Why a collection was asked for. */
export const REASON = {
  /** Somebody asked. */
  explicit: 0,
  /** An allocation found no room, and waits. */
  allocation: 1,
  /** The rest of the heap is what mutators will want while a collection runs. */
  headroom: 2,
  /** The heap has grown to what its live objects allow it. */
  utilization: 3,
  /** The time has come. */
  periodic: 4,
  /** A collection has freed too little for an allocation that waits: now with the world stopped. */
  lastResort: 5,
} as const;
/** Words of all of them. */
export const CONTROL_WORDS = CONTROL_NAMES.length * LINE_WORDS;
