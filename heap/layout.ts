/**
 * Every size and every table of the heap, computed in a chain: each table starts where the one before it ends, so
 * tables cannot overlap. All metadata lives in one piece of shared memory beside the heap, never registered.
 */
import { LOG_PAGE_WORDS, PAGE_BYTES } from '../uffd/kernel.ts';
import { CONTROL_WORDS, LINE_WORDS } from './control.ts';
import { type FixedSpaces, fixedSpaces, pageNumbers } from './fixed-spaces.ts';
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
  /** Capacity of the large-object space, which follows that: a multiple of the page size (default 0). */
  readonly largeBytes?: number;
  /** The page that its part for raw data begins with (default: the first one after all others). */
  readonly rawPage?: number;
  /** Objects of at least so many bytes go there, if there is one (default: {@link LARGE_OBJECT_BYTES}). */
  readonly largeObjectBytes?: number;
  /** How many mutators may be attached over the heap's life. */
  readonly mutators: number;
  /** Root slots of each mutator: named ones and its shadow stack together. */
  readonly rootSlots: number;
  /** Weak references, finalizers and ephemerons that each mutator can have at a time (default 0). */
  readonly weakHandles?: number;
  /** Size of a thread-local allocation buffer in pages. */
  readonly tlabPages: number;
}

/** An object of so many bytes is large: ART's threshold (art-cmc.md, 1.1). */
export const LARGE_OBJECT_BYTES = 12 * 1024;

export { CONTROL, LINE_WORDS, REASON } from './control.ts';

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
  /** Of what does not move and may hold references: pages [pages, watchedEnd). */
  readonly watchedEnd: number;
  /** Above all pages. */
  readonly endPage: number;
  /** {@link mostObjects} */
  readonly mostObjects: number;
  /** The non-moving space, the large-object space's part with references, and its part for raw data: may be empty. */
  readonly fixed: FixedSpaces;
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
   * Of each page that does not move: 0 if it reads as zeros, 1 from the first object on it until its memory is given back.
   */
  readonly everUsed: Uint8Array;
  /** For each heap page, the object that covers its first granule: the crossing map, kept by allocation. */
  readonly objectAtPage: Int32Array;
  /**
   * For each to-space page, the first live granule that lands on it (a granule of from-space). For a non-moving page,
   * the first word after the references of the live object that reaches onto it from below; 0 if there is none.
   */
  readonly firstGranule: Int32Array;
  /** For each to-space page, the from-space object which that granule belongs to. */
  readonly firstObject: Int32Array;
  /** For each to-space page, how that object goes on there (gc/page-layout). */
  readonly firstLayout: Int32Array;
  /** For each to-space page, its state (gc/page-state). */
  readonly pageStates: Int32Array;
}

function weakWords({ weakHandles = 0 }: HeapGeometry): number {
  return weakHandles === 0 ? 0 : WEAK_HEAD_WORDS + weakHandles * WEAK_ENTRY_WORDS;
}

function tablesOf(geometry: HeapGeometry): readonly Table[] {
  const { pinned, large, watched: pages, end } = pageNumbers(geometry);
  const granules = pages << LOG_PAGE_GRANULES;
  const useWords = (pinned << (LOG_PAGE_GRANULES - 5)) + 2 * Math.ceil(large / 32);
  const rows: readonly (readonly [string, number])[] = [
    ['control', CONTROL_WORDS],
    ['roots', geometry.mutators * (ROOT_COUNT_WORDS + geometry.rootSlots)],
    ['rootSnapshots', geometry.mutators * (ROOT_COUNT_WORDS + geometry.rootSlots)],
    ['weak', geometry.mutators * weakWords(geometry)],
    ['mutatorStates', geometry.mutators * LINE_WORDS],
    ['cards', pages * (CARDS_PER_PAGE / 4)],
    ['cardPages', 2 * Math.ceil(pages / 8)], // whole doubles
    ['markBits', end << (LOG_PAGE_GRANULES - LOG_CHUNK_GRANULES)],
    ['liveness', 2 * (granules >>> LOG_CHUNK_GRANULES)],
    ['fixedUse0', useWords],
    ['fixedUse1', useWords],
    ['everUsed', pinned + large === 0 ? 0 : Math.ceil(end / 4)],
    ['objectAtPage', end],
    ['firstGranule', pages + 1],
    ['firstObject', pages + 1],
    ['firstLayout', pages + 1],
    ['pageStates', pages],
  ];
  let offset = 0;
  return rows.map(([name, words]) => {
    const table = { name, words, offset };
    offset += (words + LINE_WORDS - 1) & -LINE_WORDS;
    return table;
  });
}

/** Gives shared memory, all zero: so many bytes, as words. */
export type Allocate = (bytes: number) => Int32Array;

export const allocateShared: Allocate = (bytes) => new Int32Array(new SharedArrayBuffer(bytes));

export function metadataBytes(geometry: HeapGeometry): number {
  const last = tablesOf(geometry).at(-1) as Table;
  return 4 * (last.offset + last.words + LINE_WORDS);
}

/** New metadata for a heap of this geometry, all zero: an empty heap. */
export function allocateMetadata(geometry: HeapGeometry, allocate: Allocate = allocateShared): Int32Array {
  return allocate(metadataBytes(geometry));
}

/** Most objects that there can be at a time. */
export function mostObjects(geometry: HeapGeometry): number {
  const { moving, pinned, large } = pageNumbers(geometry);
  return ((moving + pinned) << LOG_PAGE_GRANULES) + large;
}

/** The tables in metadata that {@link allocateMetadata} made for the same geometry. */
export function openTables(metadata: Int32Array, geometry: HeapGeometry): HeapTables {
  const view = Object.fromEntries(
    tablesOf(geometry).map((t) => [t.name, metadata.subarray(t.offset, t.offset + t.words)]),
  ) as Record<string, Int32Array>;
  const table = (name: string): Int32Array => view[name] as Int32Array;
  const rootWords = ROOT_COUNT_WORDS + geometry.rootSlots;
  const ofEachMutator = (name: string, words = rootWords): Int32Array[] =>
    Array.from({ length: geometry.mutators }, (_, i) => table(name).subarray(i * words, (i + 1) * words));
  const bytes = (name: string): Uint8Array => {
    const { buffer, byteOffset, byteLength } = table(name);
    return new Uint8Array(buffer, byteOffset, byteLength);
  };
  const { moving, watched, end } = pageNumbers(geometry);
  return {
    geometry,
    ...{ pages: moving, watchedEnd: watched, endPage: end },
    mostObjects: mostObjects(geometry),
    fixed: fixedSpaces(geometry, [table('fixedUse0'), table('fixedUse1')]),
    control: table('control'),
    roots: ofEachMutator('roots'),
    rootSnapshots: ofEachMutator('rootSnapshots'),
    weak: ofEachMutator('weak', weakWords(geometry)),
    mutatorStates: table('mutatorStates'),
    cards: bytes('cards'),
    cardPages: bytes('cardPages'),
    markBits: table('markBits'),
    liveness: table('liveness'),
    everUsed: bytes('everUsed'),
    objectAtPage: table('objectAtPage'),
    firstGranule: table('firstGranule'),
    firstObject: table('firstObject'),
    firstLayout: table('firstLayout'),
    pageStates: table('pageStates'),
  };
}

// A page is the same number of granules whether counted by bytes or by words.
if (1 << LOG_PAGE_GRANULES !== PAGE_BYTES / GRANULE_BYTES || 1 << LOG_PAGE_WORDS !== PAGE_BYTES / 4) {
  throw new RangeError('layout: page, word and granule sizes do not agree');
}
