/**
 * Every move of the page-state table is made by some collection: with faults that come before a page is made, while
 * it is, and after. A move that no thread makes any more has no place in the table, nor in the diagram.
 */
import { expect, it, vi } from 'vitest';
import { LEGAL_MOVES, PAGE } from '../../dist/gc/page-state.js';
import { UFFD_EVENT_PAGEFAULT } from '../../dist/uffd/abi.js';
import { ENOMEM } from '../../dist/uffd/errno.js';
import { flippedCollection, type Message } from './one-collection.ts';

const NAMES = Object.keys(PAGE);
const made = new Set<string>();
let states: Int32Array | null = null;

type Swap = (words: Int32Array, at: number, from: number, to: number) => number;

// A move is a compare-and-swap of a page's state.
const compareExchange: Swap = Atomics.compareExchange;
vi.spyOn(Atomics as { compareExchange: Swap }, 'compareExchange').mockImplementation(
  (words, at, from, to) => {
    const found = compareExchange(words, at, from, to);
    const isState = words.buffer === states?.buffer && words.byteOffset === states.byteOffset;
    if (isState && found === from) made.add(`${NAMES[from]} → ${NAMES[to]}`);
    return found;
  },
);

const BATCH = 4;
type When = 'before' | 'while it is made' | 'once it is made' | 'never';

/** A collection in which a fault on one page, the highest of its batch, comes then. */
function collectWithFault(mode: 'continue' | 'copy' | 'stw', batch: number, when: When): void {
  let due = when !== 'never';
  let target = -1;
  const answer = () => {
    due = false;
    c.answer({ event: UFFD_EVENT_PAGEFAULT, flags: 0, address: c.heap + target * 4096 } as Message);
  };
  const c = flippedCollection(mode, BATCH, {
    filling: (page) => {
      if (due && when === 'while it is made' && page === target) answer();
      if (due && when === 'once it is made' && page === target - 1) answer();
    },
  });
  target = c.pages - 1;
  states = c.states;
  if (when === 'before') answer();
  c.compact(batch);
  expect(due).toBe(false);
  const left = [...c.states.slice(0, c.pages)].filter((state) => state !== PAGE.published);
  if (batch > 0) expect(left).toEqual([]);
  c.kernel.dispose();
}

/** A collection in which no page can be published: the end of the watch maps them all. */
function collectRefused(): void {
  const c = flippedCollection('continue', BATCH, { publishing: () => ({ done: 0, errno: ENOMEM }) });
  states = c.states;
  c.compact(BATCH);
  expect([...c.states.slice(0, c.pages)].every((state) => state === PAGE.processed)).toBe(true);
  c.end();
  c.verify();
  c.kernel.dispose();
}

it('each of them, and nothing else', () => {
  for (const mode of ['continue', 'copy'] as const) {
    for (const when of ['before', 'while it is made', 'once it is made', 'never'] as const) {
      collectWithFault(mode, BATCH, when);
    }
  }
  collectWithFault('continue', 0, 'never');
  collectWithFault('stw', BATCH, 'never');
  collectRefused();
  expect([...made].sort()).toEqual(LEGAL_MOVES.map(([from, to]) => `${from} → ${to}`).sort());
});
