/** A page's state changes along the moves of the table, and along no other. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  advance,
  IllegalMoveError,
  LEGAL_MOVES,
  PAGE,
  type PageStateName,
  resetStates,
  stateOf,
  tryAdvance,
} from '../../dist/gc/page-state.js';

const NAMES = Object.keys(PAGE) as PageStateName[];
const arrow = (from: string, to: string) => `${from} → ${to}`;
const legal = new Set(LEGAL_MOVES.map(([from, to]) => arrow(from, to)));
const every = NAMES.flatMap((from) => NAMES.map((to) => ({ from, to, move: arrow(from, to) })));
const statesWith = (page: number, state: number) => {
  const states = new Int32Array(new SharedArrayBuffer(4 * 8));
  states[page] = state;
  return states;
};

describe.each(every)('$move', ({ from, to, move }) => {
  if (legal.has(move)) {
    it('is made, and says so', () => {
      const states = statesWith(5, PAGE[from]);
      expect(tryAdvance(states, 5, PAGE[from], PAGE[to])).toBe(true);
      expect(stateOf(states, 5)).toBe(PAGE[to]);
      expect([...states].filter((state, page) => page !== 5 && state !== 0)).toEqual([]);
      const again = statesWith(5, PAGE[from]);
      advance(again, 5, PAGE[from], PAGE[to]);
      expect(stateOf(again, 5)).toBe(PAGE[to]);
    });

    it('is lost to whoever changed the page first, and changes nothing', () => {
      for (const found of NAMES.filter((name) => name !== from)) {
        const states = statesWith(2, PAGE[found]);
        expect(tryAdvance(states, 2, PAGE[from], PAGE[to])).toBe(false);
        expect(stateOf(states, 2)).toBe(PAGE[found]);
        expect(() => advance(states, 2, PAGE[from], PAGE[to])).toThrow(
          `page 2: ${move}: the page is ${found}`,
        );
        expect(stateOf(states, 2)).toBe(PAGE[found]);
      }
    });
  } else {
    it('is refused, whatever the page is', () => {
      for (const found of NAMES) {
        const states = statesWith(1, PAGE[found]);
        for (const change of [tryAdvance, advance]) {
          expect(() => change(states, 1, PAGE[from], PAGE[to])).toThrow(IllegalMoveError);
        }
        expect(() => advance(states, 1, PAGE[from], PAGE[to])).toThrow('the table has no such move');
        expect(stateOf(states, 1)).toBe(PAGE[found]);
      }
    });
  }
});

it('an illegal move has a code, and names the page and the move', () => {
  const states = statesWith(0, PAGE.published);
  const error = catchError(() => advance(states, 7, PAGE.published, PAGE.unprocessed));
  expect(error).toMatchObject({ name: 'IllegalMoveError', code: 'ILLEGAL_PAGE_STATE' });
  expect(error.message).toMatch(/page 7: published → unprocessed/);
});

it('the table in the header of page-state.ts lists the legal moves, each once', () => {
  const source = readFileSync(new URL('../../gc/page-state.ts', import.meta.url), 'utf8');
  const rows = [...source.matchAll(/^ \* \| (\w+) → (\w+) \|/gm)].map(([, from, to]) =>
    arrow(from ?? '', to ?? ''),
  );
  expect([...rows].sort()).toEqual([...legal].sort());
});

it('no page gets back to unprocessed but by the reset between two collections', () => {
  expect(LEGAL_MOVES.filter(([, to]) => to === 'unprocessed')).toEqual([]);
  const states = new Int32Array([6, 5, 4, 3]);
  resetStates(states, 3);
  expect([...states]).toEqual([0, 0, 0, 3]);
});

it('every state but the first is entered, and every state but the last is left', () => {
  expect(new Set(LEGAL_MOVES.map(([, to]) => to))).toEqual(new Set(NAMES.filter((n) => n !== 'unprocessed')));
  expect(new Set(LEGAL_MOVES.map(([from]) => from))).toEqual(new Set(NAMES.filter((n) => n !== 'published')));
});

function catchError(run: () => void): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}
