/**
 * Marking beside the mutators, by incremental update: sets the mark bit of every object reachable from a root.
 *
 *     mark      clean the cards; a handshake, which leaves snapshots of the roots; trace
 *     preclean  take the dirty cards; a handshake; trace from the roots and from the slots on those cards. Again,
 *               until they are few
 *     remark    the world stopped: the same once more, with nobody to dirty a card. If they are many all the same, or
 *               lead to many objects, it does a part, and so does a round of precleaning; then there is another pause.
 *               Since it cleans while nobody runs, a few such pauses get ahead of mutators that no round does
 *
 * Objects are allocated white, and from the first round of precleaning on marked (heap/late-marking.ts). Those on pages that were handed out since the handshake was asked for may not be
 * there to be read yet: marking stops short of them at `limit`. No reference to one is lost: its page was handed out
 * after the cards were cleaned and the limit was read, in that order; its card is dirty when they are taken next.
 *
 * Objects of the non-moving space that are allocated meanwhile are marked at once (heap/non-moving.ts).
 *
 * Invariant at the end: a root or a reference of a marked object is null, or refers to a marked object (I1).
 *
 * After ART's MarkingPhase and MarkingPause (art-cmc.md, 2.1 and 2.2; the order of cards and handshake, 8.5).
 */
import { isSet, precedingBit } from '../../heap/bitmap.ts';
import { LOG_CARD_GRANULES, makeCardTaker } from '../../heap/cards.ts';
import { beginLateMarking, endLateMarking } from '../../heap/late-marking.ts';
import { CARDS_PER_PAGE, type HeapTables } from '../../heap/layout.ts';
import { beginMarkingNew } from '../../heap/non-moving.ts';
import { GRANULE_WORDS, LOG_PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import { awaitHandshake, requestHandshake } from '../../heap/safepoint.ts';
import { topPage } from '../../heap/spaces.ts';
import { readObject, readWord } from '../../heap/walk.ts';
import type { PageView } from '../../uffd/kernel.ts';
import type { Compiled } from '../compiled.ts';
import { forgetScanned, type MarkPool, openPool, scanned } from '../mark-pool.ts';
import { makeTracer, NO_LIMIT, NO_SPACE } from '../trace.ts';

/** A round of precleaning that leaves no more dirty cards than this is the last: the pause is quicker than a round. */
const FEW_CARDS = 100;
/**
 * How long rounds may take together, in ms, that find no fewer cards than one before: mutators may dirty them as fast
 * as they are cleaned, or pass a handshake seldom.
 */
const MOST_IN_VAIN_MS = 20;
/** As long as a round takes, in ms, that is not held up. */
const QUICK_ROUND_MS = 0.5;
/** How long rounds in vain may take together, in ms, if none of them is quick. */
const MOST_AWAITING_A_QUICK_ROUND_MS = 40;
/** With fewer cards than this the collector is done before its helpers are awake. */
const MANY_CARDS = 2000;

/** References found on cards, at the most, before they are visited. */
const FOUND = 1 << 14;
const CARD_WORDS = GRANULE_WORDS << LOG_CARD_GRANULES;
/** Of the mark bits of a card: all lie in one word. */
const CARD_MASK = (1 << (1 << LOG_CARD_GRANULES)) - 1;

/** Marking, as the collector thread does it, step by step. */
export interface Marking {
  /** Begins, in the space where objects are now: forgets the stores up to now, and asks for a handshake. */
  readonly begin: (livingSpace: PageView) => number;
  /** Takes dirty cards, some `most` at the most, and asks for a handshake. */
  readonly takeCards: (most?: number) => number;
  /** Dirty cards that were taken last. */
  readonly taken: () => number;
  /**
   * The handshake of `begin` or `takeCards` was passed, or the world was stopped for `finish`: pushes what the snapshots
   * and the cards taken refer to.
   */
  readonly pushFound: () => void;
  /** Marks what was pushed and what that leads to, `most` objects at the most; false if there are more. */
  readonly trace: (most?: number) => boolean;
  /** The same to the end, telling each object before it is scanned. */
  readonly traceTelling: (tell: (object: Ref) => void) => void;
  /** The same to the end, with helpers. */
  readonly traceTogether: (helpers: Helpers) => void;
  /** Marks an object that ephemerons keep, and pushes it. */
  readonly keep: (object: Ref) => void;
  /**
   * The world stopped: marks from all roots and from all dirty cards, and is done. Or, if more cards than `most` are
   * dirty, or more objects are to be scanned, does so many and answers false: with the mutators running again it goes on
   * with `trace`.
   */
  readonly finish: (most?: number) => boolean;
  /** Objects that were scanned since `begin`. */
  readonly objects: () => number;
  /** Whether it traces by compiled loops in that space. */
  readonly isCompiledIn: (space: PageView) => boolean;
}

/** Threads that trace beside the collector: how many, what starts them (traceTogether of each), and awaits them. */
export interface Helpers {
  readonly count: number;
  readonly start: () => void;
  readonly join: () => void;
}

/** One a collector, for all its collections. The nil object at granule 0 is always live: reference 0 stays null. */
export function makeMarking(
  tables: HeapTables,
  pool: MarkPool,
  alone: boolean,
  compiled: Compiled | null = null,
): Marking {
  const { markBits, objectAtPage } = tables;
  const tracer = makeTracer(tables, pool, alone, compiled);
  const { visit, trace } = tracer;
  const cards = makeCardTaker(tables);
  const found = new Int32Array(FOUND);
  let foundCount = 0;
  let space = NO_SPACE;
  let limit = 0;
  let taken = 0;

  function visitRoots(rootSets: readonly Int32Array[]): void {
    for (const roots of rootSets) {
      const count = roots[0] as number;
      for (let i = 1; i <= count; i++) visit(roots[i] as number);
    }
  }

  /** Finds what is in a card's slots that belong to marked objects. Others are read if their objects are marked later. */
  function findOn(card: number): void {
    const first = card << LOG_CARD_GRANULES;
    const end = first + (1 << LOG_CARD_GRANULES);
    const before = reachingIn(card, first);
    if (before >= 0) findIn(before, first, end);
    const marked = ((markBits[first >>> 5] as number) >>> (first & 31)) & CARD_MASK;
    for (let bits = marked; bits !== 0; bits &= bits - 1)
      findIn(first + 31 - Math.clz32(bits & -bits), first, end);
  }

  /** The marked object below the card that is the nearest, if it is not too far to reach onto it; else −1. */
  function reachingIn(card: number, first: Ref): Ref {
    const page = Math.floor(card / CARDS_PER_PAGE);
    const nearest = precedingBit(markBits, first - 1, page << LOG_PAGE_GRANULES);
    if (nearest >= 0) return nearest;
    // Nothing marked begins on the page below the card: what reaches in reaches onto the page.
    const crossing = objectAtPage[page] as Ref;
    return crossing < first && isSet(markBits, crossing) ? crossing : -1;
  }

  /** What the object's slots in granules [first, end) refer to is found. */
  function findIn(object: Ref, first: Ref, end: Ref): void {
    const { firstReference, references } = readObject(space, object);
    const last = Math.min(firstReference + references, end * GRANULE_WORDS);
    for (let word = Math.max(firstReference, first * GRANULE_WORDS); word < last; word++)
      found[foundCount++] = readWord(space, word);
  }

  /** Most of it is marked. A loop of nothing else lets the look-ups, which miss the cache, overlap. */
  function visitFound(): void {
    for (let i = 0; i < foundCount; i++) visit(found[i] as Ref);
    foundCount = 0;
  }

  function readBelow(granule: number): void {
    limit = granule;
    tracer.begin(space, limit);
  }

  /** Asks for a handshake, after which all objects on the pages that are handed out now can be read. */
  function requestReading(): number {
    readBelow(topPage(tables) << LOG_PAGE_GRANULES);
    return requestHandshake(tables);
  }

  function push(rootSets: readonly Int32Array[]): void {
    visit(0);
    visitRoots(rootSets);
    pushCards();
  }

  /** What the cards taken refer to. */
  function pushCards(): void {
    if (tracer.visitCards(cards.taken, taken)) return;
    for (let i = 0; i < taken; i++) {
      findOn(cards.taken[i] as number);
      if (foundCount > FOUND - CARD_WORDS) visitFound();
    }
    visitFound();
  }

  return {
    begin(livingSpace) {
      space = livingSpace;
      taken = 0;
      forgetScanned(pool);
      cards.clean();
      beginMarkingNew(tables); // after that: what it stores is on dirty cards
      return requestReading();
    },
    takeCards(most) {
      taken = cards.take(topPage(tables), most);
      beginLateMarking(tables);
      return requestReading();
    },
    taken: () => taken,
    keep: visit,
    pushFound: () => push(tables.rootSnapshots),
    trace,
    traceTelling: tracer.traceTelling,
    traceTogether({ count, start, join }) {
      openPool(pool, 1 + count, limit);
      start();
      tracer.traceTogether();
      join();
    },
    finish(most = NO_LIMIT) {
      const handedOut = topPage(tables);
      taken = cards.take(handedOut, most);
      if (cards.tookAll()) {
        readBelow(NO_LIMIT); // a reference past the heap is not passed over now
        push(tables.roots);
        if (trace(most)) {
          endLateMarking(tables);
          return true;
        }
      }
      readBelow(handedOut << LOG_PAGE_GRANULES); // all of that can be read, the world being stopped
      if (!cards.tookAll()) {
        pushCards();
        trace(most);
      }
      return false;
    },
    objects: () => scanned(pool),
    isCompiledIn: tracer.isCompiledIn,
  };
}

/** Marks what is reachable when it begins, and part of what becomes so. */
export function markBesideMutators(
  tables: HeapTables,
  marking: Marking,
  livingSpace: PageView,
  helpers: Helpers,
): void {
  awaitHandshake(tables, marking.begin(livingSpace));
  marking.pushFound();
  if (helpers.count > 0) marking.traceTogether(helpers);
  else marking.trace();
}

/** With what was found on the cards taken last. */
function markFound(marking: Marking, helpers: Helpers): void {
  marking.pushFound();
  if (helpers.count > 0 && marking.taken() >= MANY_CARDS) marking.traceTogether(helpers);
  else marking.trace();
}

/**
 * After a pause that was not the last: what it left to trace, and some `most` of the cards that are dirty now. Answers how many
 * cards both have taken. A round that took all would leave as many dirty as before, where mutators are as quick as it is.
 */
export function precleanAgain(tables: HeapTables, marking: Marking, helpers: Helpers, most: number): number {
  const taken = marking.taken();
  marking.trace();
  awaitHandshake(tables, marking.takeCards(most));
  markFound(marking, helpers);
  return taken + marking.taken();
}

/**
 * Looks again at slots that were stored to meanwhile, so that the pause has little to do. Answers how many cards.
 *
 * What the pause finds was dirtied since the last round took the cards. So no slow round is the last, be it that the
 * collector had no processor for a while: mutators that had one may have dirtied thousands.
 */
export function preclean(tables: HeapTables, marking: Marking, helpers: Helpers): number {
  let cards = 0;
  let fewest = Infinity;
  let inVainMs = 0;
  for (;;) {
    const began = performance.now();
    awaitHandshake(tables, marking.takeCards());
    markFound(marking, helpers);
    const ms = performance.now() - began;
    cards += marking.taken();
    if (marking.taken() >= fewest) inVainMs += ms;
    fewest = Math.min(fewest, marking.taken());
    const patienceMs = ms <= QUICK_ROUND_MS ? MOST_IN_VAIN_MS : MOST_AWAITING_A_QUICK_ROUND_MS;
    if ((fewest <= FEW_CARDS && ms <= QUICK_ROUND_MS) || inVainMs >= patienceMs) return cards;
  }
}
