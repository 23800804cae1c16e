/**
 * The inner loops, compiled (wasm/): for heaps whose tables and pages lie in linear memory (uffd/linear.ts). What they do
 * is what page-loops.ts does; JavaScript has no 64-bit words, no vectors and no population count, and checks bounds.
 */
import { readFileSync } from 'node:fs';
import { type Allocate, allocateShared, type HeapTables } from '../heap/layout.ts';
import { nonMovingBegin } from '../heap/non-moving.ts';
import type { KernelLinear } from '../uffd/kernel.ts';
import { instantiate } from '../uffd/linear.ts';
import type { PageLoops } from './fill-page.ts';
import type { SlideBounds } from './forward.ts';

/** What wasm/index.ts exports. Addresses are bytes of linear memory; as numbers they may be negative (32 bits). */
interface Exports {
  useTables(
    markBits: number,
    liveness: number,
    firstGranule: number,
    firstObject: number,
    objectAtPage: number,
    chunks: number,
    livenessChunks: number,
    nonMoving: number,
  ): void;
  useBounds(blackBegin: number, blackSlide: number): void;
  setLiveBits(space: number, chunks: number): number;
  placeLive(first: number, end: number, before: number, firstPage: number): number;
  copyLive(from: number, first: number, out: number, end: number): number;
  forwardReferences(layout: number, begin: number, end: number): number;
  updatePage(page: number, at: number): number;
  useSpace(space: number, limit: number, alone: boolean): void;
  scan(stack: number, depth: number, most: number, entries: number, round: number): number;
  findOnCards(cards: number, count: number, found: number): number;
  visitFound(found: number, count: number, stack: number, depth: number): number;
  lastScanned(): number;
  lastBrokenObject(): number;
  lastBrokenReference(): number;
}

/** How a heap's inner loops run: compiled (WebAssembly), those of marking alone compiled, or in JavaScript. */
export type Loops = 'wasm' | 'marking' | 'js';

/** The compiled loops of one thread. */
export interface Compiled {
  readonly pages: PageLoops;
  /** The linear memory's buffer: memory that compiled code reaches is over it. */
  readonly buffer: SharedArrayBuffer;
  /** A collection begins, of these bounds, whose from-space lies there. */
  readonly begin: (bounds: Readonly<SlideBounds>, from: number) => void;
  readonly trace: TraceLoops;
  readonly liveness: LivenessLoops;
  /** Words of linear memory, for what compiled code shall reach; plain shared words if there is no room. */
  readonly allocate: Allocate;
}

/** The loop of marking. */
export type TraceLoops = Pick<
  Exports,
  | 'useSpace'
  | 'scan'
  | 'findOnCards'
  | 'visitFound'
  | 'lastScanned'
  | 'lastBrokenObject'
  | 'lastBrokenReference'
>;

/** The loops over the tables of what is live. */
export type LivenessLoops = Pick<Exports, 'setLiveBits' | 'placeLive'>;

/** The loops for a heap whose tables lie in linear memory. */
export function openCompiled(
  { memory, allocate }: Pick<KernelLinear, 'memory' | 'allocate'>,
  tables: HeapTables,
): Compiled {
  const exports = instantiate<Exports>(readFileSync(new URL('./collector.wasm', import.meta.url)), memory);
  const { markBits, liveness, firstGranule, firstObject, objectAtPage } = tables;
  const all = [markBits, liveness, firstGranule, firstObject, objectAtPage];
  exports.useTables(
    ...(all.map(({ byteOffset }) => byteOffset) as [number, number, number, number, number]),
    markBits.length,
    liveness.length / 2,
    nonMovingBegin(tables),
  );
  return {
    buffer: memory.buffer,
    ...compiledPages(exports),
    trace: exports,
    liveness: exports,
    allocate: (bytes) => allocate(bytes) ?? allocateShared(bytes),
  };
}

function compiledPages({
  useBounds,
  copyLive,
  forwardReferences,
  updatePage,
}: Exports): Pick<Compiled, 'begin' | 'pages'> {
  let space = 0; // where from-space begins
  const place = (words: Int32Array, word: number) => words.byteOffset + 4 * word;
  return {
    begin({ blackBegin, blackSlide }, from) {
      space = from;
      useBounds(blackBegin, blackSlide);
    },
    pages: {
      copyLive: (_from, first, words, base, end) =>
        copyLive(space, first, place(words, base), place(words, end)) !== 0,
      forwardReferences: (layout, words, base, end) =>
        forwardReferences(layout, place(words, base), place(words, end)),
      updateReferences: (page, words, base) => updatePage(page, place(words, base)),
    },
  };
}
