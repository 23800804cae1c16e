/**
 * The card table: one byte for each 512 bytes of the heap, set by the mutators' post-write barrier where a reference
 * slot was stored to. Marking beside mutators is sound because of it (incremental update): a reference that marking
 * has missed was stored after marking had looked at its slot, so its card is dirty, and is looked at again.
 *
 * The order that makes it so: (1) dirty cards are taken, and cleaned; (2) every mutator passes a handshake
 * (safepoint.ts); (3) the slots on the cards taken are read. A store that is not seen in (3) came after its
 * mutator's handshake, and so did its barrier, which is after (1): the card is dirty again (art-cmc.md, 8.5).
 *
 * The bytes are stored and loaded plainly, so cleaning ends with a fence: a clean byte that was still on its way while
 * the collector goes on could cover a dirty one, stored by a mutator after what the collector has read since.
 */
import { fence } from '../uffd/sync.ts';
import { CARDS_PER_PAGE, CONTROL, type HeapTables } from './layout.ts';
import { nonMovingTop } from './non-moving.ts';

/** log2 of the granules of heap that share a card. */
export const LOG_CARD_GRANULES = 6;
const LOG_CARD_WORDS = 7;
const CLEAN = 0;
const DIRTY = 1;

/** The post-write barrier: word `word`, from the heap's base, is a reference slot and has been stored to. */
export type Barrier = (word: number) => void;

export function makeBarrier({ cards }: HeapTables): Barrier {
  return (word) => {
    cards[word >>> LOG_CARD_WORDS] = DIRTY;
  };
}

/** Whether the card of word `word` is dirty. */
export function isDirty({ cards }: HeapTables, word: number): boolean {
  return cards[word >>> LOG_CARD_WORDS] !== CLEAN;
}

/** Forgets all stores up to now: marking begins, and has looked at no slot. */
export function cleanCards({ cards, control }: HeapTables): void {
  cards.fill(CLEAN);
  fence(control, CONTROL.handshake);
}

/**
 * Takes the dirty cards of pages [0, pages) and of the non-moving space: cleans them, and puts their numbers into
 * `into`. Answers how many.
 */
export function takeDirtyCards(tables: HeapTables, pages: number, into: Int32Array): number {
  const taken = takeRange(tables.cards, { first: 0, end: pages }, into, 0);
  const all = takeRange(tables.cards, { first: tables.pages, end: nonMovingTop(tables) }, into, taken);
  fence(tables.control, CONTROL.handshake);
  return all;
}

function takeRange(
  cards: Uint8Array,
  { first, end }: { readonly first: number; readonly end: number },
  into: Int32Array,
  before: number,
): number {
  const cardsOfPage = new Float64Array(cards.buffer, cards.byteOffset, end);
  let taken = before;
  for (let page = first; page < end; page++) {
    if (cardsOfPage[page] === 0) continue; // no bit pattern of dirty bytes is a zero
    for (let card = page * CARDS_PER_PAGE; card < (page + 1) * CARDS_PER_PAGE; card++) {
      if (cards[card] === CLEAN) continue;
      cards[card] = CLEAN;
      into[taken++] = card;
    }
  }
  return taken;
}
