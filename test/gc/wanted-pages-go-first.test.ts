/**
 * A page that a mutator waits for is published as soon as it can be, whatever its compactor is doing: not when its
 * batch is done. Faults here are messages from nobody; what counts is the order of making and publishing.
 */
import { expect, it } from 'vitest';
import { PAGE } from '../../dist/gc/page-state.js';
import { UFFD_EVENT_PAGEFAULT } from '../../dist/uffd/abi.js';
import { type Collection, type ConcurrentMode, flippedCollection, type Message } from './one-collection.ts';

const BATCH = 4;

/** What is done with the topmost batch, t its highest page; `at` is told of each step before it is done. */
function stepsOf(
  mode: ConcurrentMode,
  at: (step: string, faultOn: (page: string) => void) => void,
): string[] {
  const steps: string[] = [];
  let top = -1;
  const nameOf = (page: number) => (page === top ? 't' : `t${page - top}`);
  const faultOn = (page: string) => {
    const number = top + Number(page.slice(1));
    c.answer({ event: UFFD_EVENT_PAGEFAULT, flags: 0, address: c.heap + number * 4096 } as Message);
  };
  const step = (what: string, first: number, pages = 1) => {
    if (top - first >= BATCH) return;
    const line = `${what} ${nameOf(first)}${pages > 1 ? `+${pages}` : ''}`;
    steps.push(line);
    at(line, faultOn);
  };
  const c: Collection = flippedCollection(mode, BATCH, {
    filling: (page) => step('make', page),
    publishing: (first, pages) => {
      step('publish', first, pages);
      return undefined;
    },
  });
  top = c.pages - 1;
  at('begin', faultOn);
  c.compact(BATCH);
  c.end();
  c.verify();
  expect([...c.states.slice(0, c.pages)]).toEqual(Array(c.pages).fill(PAGE.published));
  expect(c.made).toEqual(Array(c.pages).fill(1));
  c.kernel.dispose();
  return steps;
}

it.each(['continue', 'copy'] as const)('%s: nobody waits, and the batch is one call', (mode) => {
  expect(stepsOf(mode, () => {})).toEqual(['make t', 'make t-1', 'make t-2', 'make t-3', 'publish t-3+4']);
});

it.each(['continue', 'copy'] as const)(
  '%s: wanted while it is made, published before the next is made',
  (mode) => {
    const steps = stepsOf(mode, (step, faultOn) => step === 'make t-1' && faultOn('t-1'));
    expect(steps).toEqual(['make t', 'make t-1', 'publish t-1+2', 'make t-2', 'make t-3', 'publish t-3+2']);
  },
);

it('copy: wanted once it is made, published after the page that is being made', () => {
  const steps = stepsOf('copy', (step, faultOn) => step === 'make t-1' && faultOn('t'));
  expect(steps).toEqual(['make t', 'make t-1', 'publish t', 'make t-2', 'make t-3', 'publish t-3+3']);
});

it('continue: wanted once it is made, published at once by the fault thread', () => {
  const steps = stepsOf('continue', (step, faultOn) => step === 'make t-1' && faultOn('t'));
  expect(steps).toEqual(['make t', 'make t-1', 'publish t', 'make t-2', 'make t-3', 'publish t-3+3']);
});

it('copy: wanted while the batch is being published, around a page that a fault thread made', () => {
  const steps = stepsOf('copy', (step, faultOn) => {
    if (step === 'begin') faultOn('t-2');
    if (step === 'publish t-3') faultOn('t-1');
  });
  expect(steps).toEqual([
    ...['make t-2', 'publish t-2'],
    ...['make t', 'make t-1', 'make t-3', 'publish t-3', 'publish t-1+2'],
  ]);
});
