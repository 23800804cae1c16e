/**
 * Every size and every table of the heap, computed in a chain: each table starts where the one before it ends, so
 * tables cannot overlap. All metadata lives in one SharedArrayBuffer beside the heap, never in registered memory.
 */
import { LOG_PAGE_WORDS, PAGE_BYTES } from '../uffd/kernel.ts';
import { GRANULE_BYTES, LOG_PAGE_GRANULES } from './object.ts';

/** Cards of a page (cards.ts). */
export const CARDS_PER_PAGE = 64;

/** Granules that share one word of a bitmap, and one entry of the offset vector: 256 bytes of heap. */
export const LOG_CHUNK_GRANULES = 5;

/** What the sizes follow from. */
export interface HeapGeometry {
  /** Capacity of the moving space in bytes: a multiple of the page size. */
  readonly heapBytes: number;
  /** Capacity of the non-moving space, which follows it: a multiple of the page size (default 0). */
  readonly nonMovingBytes?: number;
  /** How many mutators may be attached over the heap's life. */
  readonly mutators: number;
  /** Root slots of each mutator: named ones and its shadow stack together. */
  readonly rootSlots: number;
  /** Weak references, finalizers and ephemerons that each mutator can have at a time (default 0). */
  readonly weakHandles?: number;
  /** Size of a thread-local allocation buffer in pages. */
  readonly tlabPages: number;
}

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
  'nonMovingSide', // which of its two bitmaps says what is in use; the other one is being made
  'nonMovingLive', // granules of it that the collection before found live
  'allocatesMarked', // 1 from the beginning of marking to the flip: its new objects are marked at once
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
const CONTROL_WORDS = CONTROL_NAMES.length * LINE_WORDS;

/** Root slots of one mutator: word 0 counts the slots in use, the slots follow. */
export const ROOT_COUNT_WORDS = 1;

/** Words of a mutator's table of weak handles before its entries, and of each entry (weak.ts). */
export const WEAK_HEAD_WORDS = 4;
export const WEAK_ENTRY_WORDS = 4;

interface Table {
  readonly name: string;
  readonly words: number;
  readonly offset: number;
}

/** The tables of a heap: word views into its metadata. */
export interface HeapTables {
  readonly geometry: HeapGeometry;
  /** Of the moving space: pages [0, pages). */
  readonly pages: number;
  /** Of the non-moving space: pages [pages, endPage). */
  readonly endPage: number;
  readonly control: Int32Array;
  /** [count, slots…] of each mutator. */
  readonly roots: readonly Int32Array[];
  /** The table of weak handles of each mutator (weak.ts). */
  readonly weak: readonly Int32Array[];
  /** What `roots` held when each mutator passed the newest handshake. */
  readonly rootSnapshots: readonly Int32Array[];
  /** Of each mutator, whether it runs and which handshake it has passed (safepoint.ts). */
  readonly mutatorStates: Int32Array;
  /** The card table (cards.ts): a byte for each 64 bytes of heap, and one for each page that has a dirty card. */
  readonly cards: Uint8Array;
  readonly cardPages: Uint8Array;
  /** One bit a granule, set where a marked object starts. */
  readonly markBits: Int32Array;
  /**
   * Two words per chunk of 32 granules: [live bits: set for every granule of a marked object; live granules in all
   * chunks below]. Side by side, so that forwarding a reference touches one cache line.
   */
  readonly liveness: Int32Array;
  /**
   * Two bitmaps of the non-moving space, a bit a granule from its first: set for what is in use. Control word
   * nonMovingSide says which of them is true.
   */
  readonly nonMovingUse: readonly [Int32Array, Int32Array];
  /** For each heap page, the object that covers its first granule: the crossing map, kept by allocation. */
  readonly objectAtPage: Int32Array;
  /**
   * For each to-space page, the first live granule that lands on it (a granule of from-space). For a non-moving page,
   * the first word after the references of the live object that reaches onto it from below; 0 if there is none.
   */
  readonly firstGranule: Int32Array;
  /** For each to-space page, the from-space object which that granule belongs to. */
  readonly firstObject: Int32Array;
  /** For each to-space page, its state (gc/page-state). */
  readonly pageStates: Int32Array;
}

function weakWords({ weakHandles = 0 }: HeapGeometry): number {
  return weakHandles === 0 ? 0 : WEAK_HEAD_WORDS + weakHandles * WEAK_ENTRY_WORDS;
}

function tablesOf(geometry: HeapGeometry): readonly Table[] {
  const { heapBytes, nonMovingBytes = 0 } = geometry;
  const granules = (heapBytes + nonMovingBytes) / GRANULE_BYTES;
  const pages = (heapBytes + nonMovingBytes) / PAGE_BYTES;
  const nonMovingChunks = nonMovingBytes / GRANULE_BYTES / 32;
  const rows: readonly (readonly [string, number])[] = [
    ['control', CONTROL_WORDS],
    ['roots', geometry.mutators * (ROOT_COUNT_WORDS + geometry.rootSlots)],
    ['rootSnapshots', geometry.mutators * (ROOT_COUNT_WORDS + geometry.rootSlots)],
    ['weak', geometry.mutators * weakWords(geometry)],
    ['mutatorStates', geometry.mutators * LINE_WORDS],
    ['cards', pages * (CARDS_PER_PAGE / 4)],
    ['cardPages', 2 * Math.ceil(pages / 8)], // whole doubles
    ['markBits', granules >>> LOG_CHUNK_GRANULES],
    ['liveness', 2 * (granules >>> LOG_CHUNK_GRANULES)],
    ['nonMovingUse0', nonMovingChunks],
    ['nonMovingUse1', nonMovingChunks],
    ['objectAtPage', pages],
    ['firstGranule', pages + 1],
    ['firstObject', pages + 1],
    ['pageStates', pages],
  ];
  let offset = 0;
  return rows.map(([name, words]) => {
    const table = { name, words, offset };
    offset += (words + LINE_WORDS - 1) & -LINE_WORDS;
    return table;
  });
}

/** A new metadata buffer for a heap of this geometry, all zero: an empty heap. */
export function allocateMetadata(geometry: HeapGeometry): SharedArrayBuffer {
  const last = tablesOf(geometry).at(-1) as Table;
  return new SharedArrayBuffer(4 * (last.offset + last.words + LINE_WORDS));
}

/** The tables in a metadata buffer that {@link allocateMetadata} made for the same geometry. */
export function openTables(metadata: SharedArrayBuffer, geometry: HeapGeometry): HeapTables {
  const view = Object.fromEntries(
    tablesOf(geometry).map((t) => [t.name, new Int32Array(metadata, 4 * t.offset, t.words)]),
  ) as Record<string, Int32Array>;
  const table = (name: string): Int32Array => view[name] as Int32Array;
  const rootWords = ROOT_COUNT_WORDS + geometry.rootSlots;
  const ofEachMutator = (name: string, words = rootWords): Int32Array[] =>
    Array.from({ length: geometry.mutators }, (_, i) => table(name).subarray(i * words, (i + 1) * words));
  const bytes = (name: string): Uint8Array => {
    const { buffer, byteOffset, byteLength } = table(name);
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  return {
    geometry,
    pages: geometry.heapBytes / PAGE_BYTES,
    endPage: (geometry.heapBytes + (geometry.nonMovingBytes ?? 0)) / PAGE_BYTES,
    control: table('control'),
    roots: ofEachMutator('roots'),
    rootSnapshots: ofEachMutator('rootSnapshots'),
    weak: ofEachMutator('weak', weakWords(geometry)),
    mutatorStates: table('mutatorStates'),
    cards: bytes('cards'),
    cardPages: bytes('cardPages'),
    markBits: table('markBits'),
    liveness: table('liveness'),
    nonMovingUse: [table('nonMovingUse0'), table('nonMovingUse1')],
    objectAtPage: table('objectAtPage'),
    firstGranule: table('firstGranule'),
    firstObject: table('firstObject'),
    pageStates: table('pageStates'),
  };
}

// A page is the same number of granules whether counted by bytes or by words.
if (1 << LOG_PAGE_GRANULES !== PAGE_BYTES / GRANULE_BYTES || 1 << LOG_PAGE_WORDS !== PAGE_BYTES / 4) {
  throw new RangeError('layout: page, word and granule sizes do not agree');
}
