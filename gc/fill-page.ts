/**
 * Making one to-space page, from from-space and metadata alone: whoever needs the page first can do it, and no
 * other page is touched. Two passes, each a loop without surprises for the processor's branch predictor: first the
 * words are copied, in runs of live granules and with no regard to objects; then the objects that have come to lie
 * on the page are walked and their references forwarded, so that the look-ups, which miss the cache, overlap.
 *
 * The first and the last object may lie on the page in part (page-layout.ts).
 *
 * Two kinds of page: below the compacted end, live objects packed without gaps ("compacted"); above it, pages of
 * objects allocated since marking, which keep their gaps ("slid"). The lowest of the first kind may be what they were, and
 * are only updated (phases/dense-prefix.ts). And a third one in the non-moving space, whose
 * objects stay where they are and only what they refer to has moved: its references are forwarded in the page itself
 * where the mode can publish that, else in a copy of it. One that holds no object is made zero: somebody has allocated
 * there since the flip, and faults. Its memory may not even be there.
 *
 * The loops over words run in JavaScript (page-loops.ts), or compiled (compiled.ts) where all memory that they touch is
 * within reach of that.
 */
import { nextBit } from '../heap/bitmap.ts';
import type { HeapTables } from '../heap/layout.ts';
import { isKept } from '../heap/non-moving.ts';
import { fillerHeader, LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from '../heap/object.ts';
import { describeRef, HeapCorruptError, noObjectAt } from '../heap/verify.ts';
import { readObject } from '../heap/walk.ts';
import { PAGE_WORDS, type PageView } from '../uffd/kernel.ts';
import type { SlideBounds } from './forward.ts';
import { layoutOfSlid, type PageLayout } from './page-layout.ts';
import { makePageLoops } from './page-loops.ts';

// Copies of imported constants: V8 compiles a module's own constants in as numbers.
const LOG_GRANULES = LOG_PAGE_GRANULES;
const GRANULES = PAGE_GRANULES;
const WORDS = PAGE_WORDS;

/** What the pages of one collection are made from; one record a thread, renewed at each flip. */
export interface PageSources extends SlideBounds {
  from: PageView;
  liveGranules: number;
  compactedPages: number;
  /** Of these, the first so many are the old pages themselves: only their references are forwarded, in place. */
  prefixPages: number;
  /** Whether a page of the non-moving space is made where it is; if not, it is copied first. */
  readonly inPlace: boolean;
  /** Whether pages are made in ascending order, over what they are made from. */
  readonly inOrder: boolean;
  /** Whether from-space and the memory that pages are made in are within reach of compiled code. */
  compiled: boolean;
}

/** The loops over the words of a page that lies, or shall lie, at `words[base …]`. */
export interface PageLoops {
  /** Copies live granules in address order, from `first` on, to words [base, end); false if there are too few. */
  readonly copyLive: (from: PageView, first: Ref, words: Int32Array, base: number, end: number) => boolean;
  /**
   * Forwards the references of the objects that lie on words [base, end), of which the first goes on as `layout` says.
   * Answers SOUND, or which granule of these words begins what is no object.
   */
  readonly forwardReferences: (layout: PageLayout, words: Int32Array, base: number, end: number) => number;
  /**
   * Forwards the references on a page of the non-moving space: those of the marked objects that begin on it, and those of
   * the one that reaches onto it. What is not marked is dead, or was allocated after the flip: then the page was updated
   * before it was stored to. Answers SOUND, or a marked granule where no object begins.
   */
  readonly updateReferences: (page: number, words: Int32Array, base: number) => number;
}

export const SOUND = -1;

/** Fills `words[base … base + 1024)` with a to-space page. The words may hold anything before, unless it is in place. */
export type FillPage = (page: number, words: Int32Array, base: number) => void;

/**
 * A function that makes any to-space page of the collection that `sources` tells of when it is called.
 * @param compiled the loops for collections that can use them, if any can
 */
export function makeFillPage(
  tables: HeapTables,
  sources: Readonly<PageSources>,
  compiled: PageLoops | null = null,
): FillPage {
  const { firstGranule, firstObject, firstLayout } = tables;
  const plain = makePageLoops(tables, sources);
  const loops = () => (sources.compiled && compiled !== null ? compiled : plain);

  function compact(page: number, words: Int32Array, base: number): void {
    const { from, liveGranules } = sources;
    const { copyLive, forwardReferences } = loops();
    const granule = firstGranule[page] as number;
    const end = base + 2 * Math.min(GRANULES, liveGranules - (page << LOG_GRANULES));
    if (!copyLive(from, granule, words, base, end)) throw tooFewLive(granule);
    const broken = forwardReferences(firstLayout[page] as PageLayout, words, base, end);
    if (broken !== SOUND) throw noObject(liveGranule(granule, broken));
    fillTail(words, end, base + WORDS);
  }

  /** A page of the prefix, which lies where it lay: as {@link compact}, but for the copying. */
  function settle(page: number, words: Int32Array, base: number): void {
    const broken = loops().forwardReferences(firstLayout[page] as PageLayout, words, base, base + WORDS);
    if (broken !== SOUND) throw noObject((page << LOG_GRANULES) + broken);
  }

  function slide(page: number, words: Int32Array, base: number): void {
    const { from, blackSlide, inOrder } = sources;
    const granule = (page << LOG_GRANULES) + blackSlide;
    // The object was kept there by the flip; its layout too, where its header may be gone by now.
    const object = firstObject[page] as Ref;
    const layout = inOrder ? (firstLayout[page] as PageLayout) : layoutOfSlid(from, object, granule);
    if (layout === 0) return;
    copyPage(from, granule >>> LOG_GRANULES, words, base);
    const broken = loops().forwardReferences(layout, words, base, base + WORDS);
    if (broken !== SOUND) throw noObject(granule + broken);
  }

  function update(page: number, words: Int32Array, base: number): void {
    if (!isKept(tables, page)) {
      words.fill(0, base, base + WORDS);
      return;
    }
    if (!sources.inPlace) copyPage(sources.from, page, words, base);
    const broken = loops().updateReferences(page, words, base);
    if (broken !== SOUND) throw noObjectAt(broken, 0, 'while updating');
  }

  /** The live granule that is `n` live granules above `first`. */
  function liveGranule(first: number, n: number): number {
    let granule = first;
    for (let i = 0; i < n; i++) granule = nextBit(tables.liveness, 2, granule + 1, sources.blackBegin);
    return granule;
  }

  function noObject(object: Ref): HeapCorruptError {
    return noObjectAt(object, readObject(sources.from, object).granules, 'while compacting');
  }

  return (page, words, base) => {
    if (page < sources.prefixPages) settle(page, words, base);
    else if (page < sources.compactedPages) compact(page, words, base);
    else if (page < tables.pages) slide(page, words, base);
    else update(page, words, base);
  };
}

function copyPage(from: PageView, page: number, words: Int32Array, base: number): void {
  const at = from.readable(page);
  words.set(from.words.subarray(at, at + WORDS), base);
}

/** The bitmap has fewer live granules than the collection's plan counted: a damaged heap, or a damaged plan. */
function tooFewLive(first: Ref): HeapCorruptError {
  return new HeapCorruptError('while compacting', [
    `from ${describeRef(first)} on there are too few live granules to fill a page`,
  ]);
}

/** What the last compacted page has left is one filler, so that the heap parses on to the slid pages. */
function fillTail(words: Int32Array, from: number, to: number): void {
  if (from === to) return;
  words.fill(0, from, to);
  words.set(fillerHeader((to - from) >>> 1), from);
}
