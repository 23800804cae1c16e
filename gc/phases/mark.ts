/**
 * Marking beside the mutators, by incremental update: sets the mark bit of every object reachable from a root, and
 * the live bits of all its granules.
 *
 *     mark      clean the cards; a handshake, which leaves snapshots of the roots; trace
 *     preclean  take the dirty cards; a handshake; trace from the roots and from the slots on those cards. Again,
 *               until they are few
 *     remark    the world stopped: the same once more, with nobody to dirty a card
 *
 * Objects are allocated white. Those on pages that were handed out since the handshake was asked for may not be
 * there to be read yet: marking stops short of them at `limit`. No reference to one is lost: it was stored after the
 * handshake was asked for, and so after the cards were taken; its card is dirty when they are taken next.
 *
 * Invariant at the end: a root or a reference of a marked object is null, or refers to a marked object (I1).
 *
 * After ART's MarkingPhase and MarkingPause (art-cmc.md, 2.1 and 2.2; the order of cards and handshake, 8.5).
 */
import { precedingBit, setBits } from '../../heap/bitmap.ts';
import { cleanCards, LOG_CARD_GRANULES, takeDirtyCards } from '../../heap/cards.ts';
import { CARDS_PER_PAGE, type HeapTables } from '../../heap/layout.ts';
import {
  GRANULE_BYTES,
  GRANULE_WORDS,
  LOG_PAGE_GRANULES,
  PAGE_GRANULES,
  RECORD_HEADER_WORDS,
  type Ref,
  recordGranules,
  recordReferences,
} from '../../heap/object.ts';
import { awaitHandshake, requestHandshake } from '../../heap/safepoint.ts';
import { topPage } from '../../heap/spaces.ts';
import { noObjectAt, outsideHeap } from '../../heap/verify.ts';
import { readObject, readWord } from '../../heap/walk.ts';
import { PAGE_WORDS, type PageView } from '../../uffd/kernel.ts';

// Copies of imported constants, for the hot loops: V8 compiles a module's own constants in as numbers.
const LOG_GRANULES = LOG_PAGE_GRANULES;
const GRANULES = PAGE_GRANULES;
const HEADER = RECORD_HEADER_WORDS;
const WORDS = PAGE_WORDS;

const NO_LIMIT = 0x7fff_ffff;
const NO_SPACE: PageView = { words: new Int32Array(0), readable: () => 0, writable: () => 0 };

/** A round of precleaning that leaves no more dirty cards than this is the last: the pause is quicker than a round. */
const FEW_CARDS = 100;
/** Rounds at the most, since mutators may dirty cards as fast as they are cleaned. */
const MOST_ROUNDS = 16;

/** What marking found. */
export interface MarkResult {
  readonly objects: number;
  readonly granules: number;
  /** Cards that were dirty when the world had stopped. */
  readonly cards: number;
}

/** Room for every object that a heap of so many bytes can hold. */
export function allocateMarkStack(heapBytes: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer((heapBytes / GRANULE_BYTES) * 4));
}

/** Marking, as the collector thread does it, step by step. */
export interface Marking {
  /** Begins, in the space where objects are now: forgets the stores up to now, and asks for a handshake. */
  readonly begin: (livingSpace: PageView) => number;
  /** Takes the dirty cards, and asks for a handshake. */
  readonly takeCards: () => number;
  /** Dirty cards that were taken last. */
  readonly taken: () => number;
  /** The handshake of `begin` or `takeCards` was passed: pushes what the snapshots and the cards taken refer to. */
  readonly pushFound: () => void;
  /** Marks what was pushed and what that leads to, `most` objects at the most; false if there are more. */
  readonly trace: (most?: number) => boolean;
  /** The world stopped: marks from all roots and from all dirty cards. Answers all that was found since `begin`. */
  readonly finish: () => MarkResult;
}

/** One a collector, for all its collections. The nil object at granule 0 is always live: reference 0 stays null. */
export function makeMarking(tables: HeapTables, stack: Int32Array): Marking {
  const { markBits, liveness, objectAtPage } = tables;
  const cards = new Int32Array(tables.cards.length);
  let space: PageView = NO_SPACE;
  let taken = 0;
  let depth = 0;
  let objects = 0;
  let granulesLive = 0;
  /** First granule of what cannot be read yet. */
  let limit = 0;

  function visit(ref: Ref): void {
    if (ref >= limit) return;
    const word = markBits[ref >>> 5];
    if (word === undefined) throw outsideHeap(ref, 'while marking');
    const bit = 1 << (ref & 31);
    if ((word & bit) !== 0) return;
    markBits[ref >>> 5] = word | bit;
    stack[depth++] = ref;
  }

  function setLive(object: Ref, granules: number): void {
    if (granules <= 0) throw noObjectAt(object, granules, 'while marking');
    objects++;
    granulesLive += granules;
    setBits(liveness, 2, object, object + granules);
  }

  /** The common case: a record whose references lie on the page it begins on. */
  function scan(object: Ref): void {
    const { words } = space;
    const at = (object & (GRANULES - 1)) * 2;
    const base = space.readable(object >>> LOG_GRANULES) + at;
    const header = words[base] as number;
    const references = recordReferences(header);
    if (header < 0 || at + HEADER + references > WORDS) {
      scanSlowly(object);
      return;
    }
    setLive(object, recordGranules(header));
    for (let i = 0; i < references; i++) {
      const ref = words[base + HEADER + i] as number;
      if (ref !== 0) visit(ref);
    }
  }

  function scanSlowly(object: Ref): void {
    const { granules, firstReference, references } = readObject(space, object);
    setLive(object, granules);
    visitSlots(firstReference, firstReference + references);
  }

  function visitSlots(first: number, end: number): void {
    for (let word = first; word < end; word++) {
      const ref = readWord(space, word);
      if (ref !== 0) visit(ref);
    }
  }

  function visitRoots(rootSets: readonly Int32Array[]): void {
    for (const roots of rootSets) {
      const count = roots[0] as number;
      for (let i = 1; i <= count; i++) visit(roots[i] as number);
    }
  }

  function isMarked(object: Ref): boolean {
    return (((markBits[object >>> 5] as number) >>> (object & 31)) & 1) === 1;
  }

  /** The slots on a card that belong to marked objects. Others are read if their objects are marked later. */
  function visitCard(card: number): void {
    const first = card << LOG_CARD_GRANULES;
    const end = first + (1 << LOG_CARD_GRANULES);
    const before = reachingIn(card, first);
    if (before >= 0) visitSlotsOf(before, first, end);
    for (let word = first >>> 5; word < end >>> 5; word++) {
      for (let bits = markBits[word] as number; bits !== 0; bits &= bits - 1)
        visitSlotsOf(word * 32 + 31 - Math.clz32(bits & -bits), first, end);
    }
  }

  /** The marked object below the card that is the nearest, if it is not too far to reach onto it; else −1. */
  function reachingIn(card: number, first: Ref): Ref {
    const page = Math.floor(card / CARDS_PER_PAGE);
    const nearest = precedingBit(markBits, first - 1, page << LOG_GRANULES);
    if (nearest >= 0) return nearest;
    // Nothing marked begins on the page below the card: what reaches in reaches onto the page.
    const crossing = objectAtPage[page] as Ref;
    return crossing < first && isMarked(crossing) ? crossing : -1;
  }

  function visitSlotsOf(object: Ref, first: Ref, end: Ref): void {
    const { firstReference, references } = readObject(space, object);
    visitSlots(
      Math.max(firstReference, first * GRANULE_WORDS),
      Math.min(firstReference + references, end * GRANULE_WORDS),
    );
  }

  /** Asks for a handshake, after which all objects below the limit can be read. */
  function requestReading(): number {
    limit = topPage(tables) << LOG_GRANULES;
    return requestHandshake(tables);
  }

  function push(rootSets: readonly Int32Array[]): void {
    visitRoots(rootSets);
    for (let i = 0; i < taken; i++) visitCard(cards[i] as number);
  }

  function trace(most = NO_LIMIT): boolean {
    for (let left = most; depth > 0; left--) {
      if (left === 0) return false;
      scan(stack[--depth] as number);
    }
    return true;
  }

  return {
    begin(livingSpace) {
      space = livingSpace;
      [taken, depth, objects, granulesLive] = [0, 0, 0, 0];
      cleanCards(tables);
      const number = requestReading();
      visit(0);
      return number;
    },
    takeCards() {
      taken = takeDirtyCards(tables, topPage(tables), cards);
      return requestReading();
    },
    taken: () => taken,
    pushFound: () => push(tables.rootSnapshots),
    trace,
    finish() {
      taken = takeDirtyCards(tables, topPage(tables), cards);
      limit = NO_LIMIT; // a reference past the heap is not passed over now
      push(tables.roots);
      trace();
      return { objects, granules: granulesLive, cards: taken };
    },
  };
}

/** Marks what is reachable when it begins, and part of what becomes so. */
export function markBesideMutators(tables: HeapTables, marking: Marking, livingSpace: PageView): void {
  awaitHandshake(tables, marking.begin(livingSpace));
  marking.pushFound();
  marking.trace();
}

/** Looks again at slots that were stored to meanwhile, so that there is little to do in the pause. Answers how many cards. */
export function preclean(tables: HeapTables, marking: Marking): number {
  let cards = 0;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    awaitHandshake(tables, marking.takeCards());
    marking.pushFound();
    marking.trace();
    cards += marking.taken();
    if (marking.taken() <= FEW_CARDS) break;
  }
  return cards;
}
