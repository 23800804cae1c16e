/**
 * Tracing, by one marker or by several at once: marks what is reachable from the objects pushed. Of several markers
 * the one that sets an object's mark bit, by an atomic operation, pushes it: each object is pushed once. One marker
 * alone spares that, which costs a tenth of marking; but not in the non-moving space, where mutators mark new objects.
 */
import { LOG_CARD_GRANULES } from '../heap/cards.ts';
import { allocateShared, type HeapTables } from '../heap/layout.ts';
import { nonMovingBegin } from '../heap/non-moving.ts';
import {
  GRANULE_WORDS,
  LOG_PAGE_GRANULES,
  PAGE_GRANULES,
  RECORD_HEADER_WORDS,
  type Ref,
  recordGranules,
  recordReferences,
} from '../heap/object.ts';
import { noObjectAt, outsideHeap } from '../heap/verify.ts';
import { readObject, readWord } from '../heap/walk.ts';
import { PAGE_WORDS, type PageView } from '../uffd/kernel.ts';
import { fetchOr, storeRelaxed } from '../uffd/sync.ts';
import type { Compiled } from './compiled.ts';
import { addScanned, give, isPoolWanted, type MarkPool, take } from './mark-pool.ts';

// Copies of imported constants, for the hot loops: V8 compiles a module's own constants in as numbers.
const LOG_GRANULES = LOG_PAGE_GRANULES;
const GRANULES = PAGE_GRANULES;
const HEADER = RECORD_HEADER_WORDS;
const WORDS = PAGE_WORDS;
export const NO_SPACE: PageView = {
  words: new Int32Array(0),
  readable: () => 0,
  writable: () => 0,
  updatable: () => 0,
};

export const NO_LIMIT = 0x7fff_ffff;
/** Objects scanned between two looks at the pool. */
const SCANS_A_LOOK = 512;
/** Objects in a round of the compiled loop, room for them before the stack, and above it for what they refer to. */
const ROUND = 256;
const ROUND_WORDS = 2 * ROUND;
const SPARE_WORDS = 64 * ROUND;
/** Cards that are looked at by one call, and the most slots on them: none has more slots than words. */
const CARDS_A_CALL = 256;
const FOUND_WORDS = CARDS_A_CALL * (GRANULE_WORDS << LOG_CARD_GRANULES);

/** Of the memory that a tracer of so many objects has for itself. It takes memory where it is written. */
export function tracerBytes(mostObjects: number): number {
  return 4 * (ROUND_WORDS + CARDS_A_CALL + FOUND_WORDS + mostObjects + SPARE_WORDS);
}

/** One thread's part in marking. One a thread, for all collections. */
export interface Tracer {
  /** Whether its loops run compiled on objects in that space. */
  readonly isCompiledIn: (space: PageView) => boolean;
  /** From now on objects are read in that space, of the moving ones those below that granule. */
  readonly begin: (livingSpace: PageView, limit: number) => void;
  /** Marks an object and pushes it, unless it is marked or past the limit. 0 is null: the nil object. */
  readonly visit: (object: Ref) => void;
  /**
   * Visits what slots on the first `count` of those cards refer to, of marked objects; false where that has to be done in
   * JavaScript.
   */
  readonly visitCards: (cards: Int32Array, count: number) => boolean;
  /** Scans what was pushed and what that leads to, `most` objects at the most; false if there are more. */
  readonly trace: (most?: number) => boolean;
  /** The same to the end, by one marker alone, which calls `tell` with each object before it scans that. */
  readonly traceTelling: (tell: (object: Ref) => void) => void;
  /** The same to the end, together with all other markers of the pool. */
  readonly traceTogether: () => void;
}

/** @param alone whether no other marker ever traces in this heap */
export function makeTracer(
  tables: HeapTables,
  pool: MarkPool,
  alone: boolean,
  compiled: Compiled | null = null,
): Tracer {
  const { markBits } = tables;
  const nonMoving = nonMovingBegin(tables);
  // Room for every object of the heap, since each is pushed once.
  const room = (compiled?.allocate ?? allocateShared)(tracerBytes(tables.mostObjects));
  const someCards = room.subarray(ROUND_WORDS, ROUND_WORDS + CARDS_A_CALL);
  const found = room.subarray(ROUND_WORDS + CARDS_A_CALL);
  const stack = found.subarray(FOUND_WORDS);
  const isReachable = stack.buffer === compiled?.buffer;
  let usesCompiled = false;
  let space = NO_SPACE;
  let limit = 0;
  let depth = 0;
  let objects = 0;

  function visit(ref: Ref): void {
    if (ref >= limit && ref < nonMoving) return;
    const word = markBits[ref >>> 5];
    if (word === undefined) throw outsideHeap(ref, 'while marking');
    const bit = 1 << (ref & 31);
    if ((word & bit) !== 0) return;
    if (alone && ref < nonMoving) storeRelaxed(markBits, ref >>> 5, word | bit);
    else if ((fetchOr(markBits, ref >>> 5, bit) & bit) !== 0) return;
    stack[depth++] = ref;
  }

  function visitSlots(first: number, end: number): void {
    for (let word = first; word < end; word++) {
      const ref = readWord(space, word);
      if (ref !== 0) visit(ref);
    }
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
    if (recordGranules(header) === 0) throw noObjectAt(object, 0, 'while marking');
    for (let i = 0; i < references; i++) {
      const ref = words[base + HEADER + i] as number;
      if (ref !== 0) visit(ref);
    }
  }

  function scanSlowly(object: Ref): void {
    const { granules, firstReference, references } = readObject(space, object);
    if (granules <= 0) throw noObjectAt(object, granules, 'while marking');
    visitSlots(firstReference, firstReference + references);
  }

  function scanSome(most: number): boolean {
    if (usesCompiled) return scanCompiled(most);
    let left = most;
    for (; depth > 0 && left > 0; left--) scan(stack[--depth] as number);
    objects += most - left;
    return depth === 0;
  }

  function scanCompiled(most: number): boolean {
    const { scan, lastScanned, lastBrokenObject, lastBrokenReference } = compiled!.trace;
    const left = scan(stack.byteOffset, depth, most, room.byteOffset, ROUND);
    if (left < 0) {
      const [object, ref] = [lastBrokenObject(), lastBrokenReference()];
      throw ref === 0 ? noObjectAt(object, 0, 'while marking') : outsideHeap(ref, 'while marking');
    }
    depth = left;
    objects += lastScanned();
    return depth === 0;
  }

  function visitCards(cards: Int32Array, count: number): boolean {
    if (!usesCompiled) return false;
    const { findOnCards, visitFound, lastBrokenReference } = compiled!.trace;
    for (let at = 0; at < count; at += CARDS_A_CALL) {
      const some = Math.min(CARDS_A_CALL, count - at);
      someCards.set(cards.subarray(at, at + some));
      const references = findOnCards(someCards.byteOffset, some, found.byteOffset);
      const left = visitFound(found.byteOffset, references, stack.byteOffset, depth);
      if (left < 0) throw outsideHeap(lastBrokenReference(), 'while marking');
      depth = left;
    }
    return true;
  }

  function tellScanned(): void {
    addScanned(pool, objects);
    objects = 0;
  }

  const isCompiledIn = ({ linear }: PageView): boolean => isReachable && linear !== undefined;

  return {
    isCompiledIn,
    begin(livingSpace, below) {
      space = livingSpace;
      limit = below;
      usesCompiled = isCompiledIn(space);
      if (usesCompiled) compiled?.trace.useSpace(space.linear as number, limit, alone);
    },
    visit,
    visitCards,
    trace(most = NO_LIMIT) {
      const isAll = scanSome(most);
      tellScanned();
      return isAll;
    },
    traceTelling(tell) {
      while (depth > 0) {
        const object = stack[--depth] as Ref;
        tell(object);
        scan(object);
        objects++;
      }
      tellScanned();
    },
    traceTogether() {
      do {
        while (!scanSome(SCANS_A_LOOK)) if (isPoolWanted(pool)) depth = give(pool, stack, depth);
        depth = take(pool, stack);
      } while (depth > 0);
      tellScanned();
    },
  };
}
