/** The card table: what was stored to is taken once, wherever it is, and in whatever order its two bytes arrive. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isDirty, makeBarrier, makeCardTaker } from '../../dist/heap/cards.js';
import { allocateMetadata, CONTROL, openTables } from '../../dist/heap/layout.js';
import { openNonMoving } from '../../dist/heap/non-moving.js';

const PAGES = 21; // not a multiple of eight
const NON_MOVING = 5;
const CARD_WORDS = 16;

function cardTable() {
  const geometry = {
    heapBytes: PAGES * 4096,
    nonMovingBytes: NON_MOVING * 4096,
    mutators: 1,
    rootSlots: 1,
    tlabPages: 8,
  };
  const tables = openTables(allocateMetadata(geometry), geometry);
  openNonMoving(tables);
  tables.control[CONTROL.nonMovingTop] = tables.endPage;
  const cards = makeCardTaker(tables);
  const take = (pages = PAGES, most?: number) =>
    [...cards.taken.subarray(0, cards.take(pages, most))].sort((a, b) => a - b);
  const barrier = makeBarrier(tables);
  return {
    tables,
    store: (word: number) => barrier(word, 0),
    clean: cards.clean,
    tookAll: cards.tookAll,
    take,
  };
}

it('any stores: their cards are taken, each once, and are clean', () => {
  const words = fc.array(fc.integer({ min: 0, max: (PAGES + NON_MOVING) * 1024 - 1 }), { maxLength: 200 });
  fc.assert(
    fc.property(words, words, (first, second) => {
      const { tables, store, take } = cardTable();
      for (const round of [first, second]) {
        for (const word of round) store(word);
        expect(round.every((word) => isDirty(tables, word))).toBe(true);
        const wanted = new Set(round.map((word) => Math.floor(word / CARD_WORDS)));
        expect(take()).toEqual([...wanted].sort((a, b) => a - b));
        expect(round.some((word) => isDirty(tables, word))).toBe(false);
      }
      expect(take()).toEqual([]);
    }),
  );
});

it('pages that are not asked for keep theirs', () => {
  const { store, take } = cardTable();
  for (const page of [3, 4, 20, PAGES + 1]) store(page * 1024);
  expect(take(4)).toEqual([3, PAGES + 1].map((page) => page * 64));
  expect(take()).toEqual([4, 20].map((page) => page * 64));
});

it('some are taken, whole pages of them, and the rest the next time', () => {
  const { store, take, tookAll } = cardTable();
  const words = [3 * 1024, 3 * 1024 + 100, 7 * 1024, 20 * 1024, (PAGES + 1) * 1024];
  for (const word of words) store(word);
  expect([take(PAGES, 1), tookAll()]).toEqual([[192, 198], false]);
  expect([take(PAGES, 2), tookAll()]).toEqual([[448, 1280], false]);
  store(3 * 1024);
  expect([take(PAGES, 3), tookAll()]).toEqual([[192, (PAGES + 1) * 64], true]);
  expect([take(PAGES, 0), tookAll()]).toEqual([[], true]);
});

it('a card that becomes visible after its page is found the next time', () => {
  const { tables, take } = cardTable();
  tables.cardPages[7] = 1;
  expect(take()).toEqual([]);
  tables.cards[7 * 64 + 5] = 1;
  expect(take()).toEqual([7 * 64 + 5]);
});

it('a card that becomes visible before its page is found when that has come', () => {
  const { tables, take } = cardTable();
  tables.cards[7 * 64 + 5] = 1;
  expect(take()).toEqual([]);
  tables.cardPages[7] = 1;
  expect(take()).toEqual([7 * 64 + 5]);
});

it('cleaning forgets all stores', () => {
  const { store, clean, take } = cardTable();
  for (const page of [0, 20, PAGES + 4]) store(page * 1024 + 77);
  clean();
  expect(take()).toEqual([]);
});
