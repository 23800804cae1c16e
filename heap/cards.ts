/**
 * The card table: one byte for each 64 bytes of the heap, set by the mutators' post-write barrier where a reference
 * slot was stored to, and one for each page that has a dirty card. Marking beside mutators is sound because of it
 * (incremental update): a reference that marking has missed was stored after marking had looked at its slot, so its card
 * is dirty, and is looked at again.
 *
 * The order that makes it so: (1) dirty cards are taken, and cleaned; (2) every mutator passes a handshake
 * (safepoint.ts); (3) the slots on the cards taken are read. A store that is not seen in (3) came after its
 * mutator's handshake, and so did its barrier, which is after (1): the card is dirty again (art-cmc.md, 8.5).
 *
 * The barrier's two bytes may become visible in either order. So the cards of a page that was taken are looked at once
 * more the next time: what was on its way then is there after the handshake between.
 *
 * The bytes are stored and loaded plainly, so cleaning ends with a fence: a clean byte that was still on its way while
 * the collector goes on could cover a dirty one, stored by a mutator after what the collector has read since.
 *
 * Why so small: at 1 GiB a card of 512 bytes cost 1.3 to 3 µs to look at in the marking pause, since the mark bit of
 * each of its slots misses the cache; and with a byte a page the table need not be swept.
 */
import { fence } from '../uffd/sync.ts';
import { CARDS_PER_PAGE, CONTROL, type HeapTables } from './layout.ts';
import { nonMovingTop } from './non-moving.ts';
import type { Ref } from './object.ts';

/** log2 of the granules of heap that share a card. */
export const LOG_CARD_GRANULES = 3;
const LOG_CARD_WORDS = 4;
const LOG_PAGE_WORDS = 10;
const CLEAN = 0;
const DIRTY = 1;

/** The post-write barrier: word `word`, from the heap's base, is a reference slot, and `value` has been stored to it. */
export type Barrier = (word: number, value: Ref) => void;

export function makeBarrier({ cards, cardPages }: HeapTables): Barrier {
  return (word) => {
    cards[word >>> LOG_CARD_WORDS] = DIRTY;
    cardPages[word >>> LOG_PAGE_WORDS] = DIRTY;
  };
}

/** Whether the card of word `word` is dirty. */
export function isDirty({ cards }: HeapTables, word: number): boolean {
  return cards[word >>> LOG_CARD_WORDS] !== CLEAN;
}

/** The collector's side of the card table. */
export interface CardTaker {
  /** Forgets all stores up to now: marking begins, and has looked at no slot. */
  readonly clean: () => void;
  /**
   * Takes dirty cards of pages [0, pages) and of the non-moving space, and cleans them: all of a page or none, and no further
   * page once there are `most`. Answers how many.
   */
  readonly take: (pages: number, most?: number) => number;
  /** Whether that left none, but what was stored meanwhile. */
  readonly tookAll: () => boolean;
  /** The numbers of those that were taken last. */
  readonly taken: Int32Array;
}

export function makeCardTaker(tables: HeapTables): CardTaker {
  const { cards, cardPages, control } = tables;
  // As doubles, eight bytes at a time: no bit pattern of dirty bytes is a zero.
  const eightPages = new Float64Array(cardPages.buffer, cardPages.byteOffset, cardPages.length >>> 3);
  const eightCards = new Float64Array(cards.buffer, cards.byteOffset, cards.length >>> 3);
  const taken = new Int32Array(cards.length);
  const lists = [new Int32Array(tables.watchedEnd), new Int32Array(tables.watchedEnd)] as const;
  let newest: 0 | 1 = 0; // which of the lists has the pages that were taken last
  let listed = 0;
  let count = 0;
  let isEnough = false;

  /** Takes the dirty ones of pages [first, end), while that is not enough. */
  function takePages(first: number, end: number, each: (page: number) => boolean): void {
    const into = lists[newest];
    for (let eight = first >>> 3; eight < end / 8 && !isEnough; eight++) {
      if (eightPages[eight] === 0) continue;
      for (let page = Math.max(first, eight * 8); page < Math.min(end, eight * 8 + 8) && !isEnough; page++) {
        if (cardPages[page] === CLEAN) continue;
        cardPages[page] = CLEAN;
        into[listed++] = page;
        isEnough = each(page);
      }
    }
  }

  function takeCards(page: number): void {
    const first = (page * CARDS_PER_PAGE) / 8;
    for (let eight = first; eight < first + CARDS_PER_PAGE / 8; eight++)
      if (eightCards[eight] !== 0) takeEight(eight * 8);
  }

  function takeEight(first: number): void {
    for (let card = first; card < first + 8; card++) {
      if (cards[card] === CLEAN) continue;
      cards[card] = CLEAN;
      taken[count++] = card;
    }
  }

  /** After the mutators' work between two collections that may be every card there is. */
  function cleanCards(page: number): boolean {
    const first = (page * CARDS_PER_PAGE) / 8;
    for (let eight = first; eight < first + CARDS_PER_PAGE / 8; eight++) eightCards[eight] = 0;
    return false;
  }

  /** Has `each` take the cards of the pages that were taken before, and of dirty ones, which it takes, until that is enough. */
  function takeAll(pages: number, each: (page: number) => boolean): void {
    const [before, again] = [lists[newest], listed];
    newest = newest === 0 ? 1 : 0;
    listed = 0;
    isEnough = false;
    for (let i = 0; i < again; i++) each(before[i] as number);
    takePages(0, pages, each);
    takePages(tables.pages, nonMovingTop(tables), each);
    fence(control, CONTROL.handshake);
  }

  return {
    clean: () => takeAll(tables.pages, cleanCards),
    take(pages, most = Infinity) {
      count = 0;
      takeAll(pages, (page) => {
        takeCards(page);
        return count >= most;
      });
      return count;
    },
    tookAll: () => !isEnough,
    taken,
  };
}
