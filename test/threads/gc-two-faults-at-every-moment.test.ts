/**
 * Two threads sleep on one page, and their messages are answered at every pair of moments in the page's making: by
 * two fault threads, while a compactor works on it or not. Both read the right word; the page is made once.
 */
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { PAGE } from '../../dist/gc/page-state.js';
import {
  type Collection,
  type ConcurrentMode,
  flippedCollection,
  type Message,
} from '../gc/one-collection.ts';
import { fixture } from './gc-heaps.ts';

const MOMENTS = ['unclaimed', 'filling', 'made', 'publishing', 'published', 'over'] as const;
type Moment = (typeof MOMENTS)[number];
const BATCH = 4;

/** The second after the first, and what the first answer leaves possible: a page is made once, and by one thread. */
function canFollow(first: Moment, second: Moment): boolean {
  if (MOMENTS.indexOf(second) < MOMENTS.indexOf(first)) return false;
  return second !== 'made' || first === 'made';
}
const pairs = MOMENTS.flatMap((first) =>
  MOMENTS.filter((second) => canFollow(first, second)).map((second) => ({ first, second })),
);

/** Threads that sleep on the page, and their messages, read and not answered. */
async function sleepersOn(c: Collection, page: number) {
  const { address, value } = c.expected(page);
  const asleep = () => (c.kernel.fdinfo(c.uffd.fd) as { total: number }).total;
  const values = [0, 1].map(() => {
    const worker = new Worker(fixture('toucher'), { workerData: { kernel: c.kernel.handle(), address } });
    return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  });
  while (asleep() < values.length) await new Promise((resolve) => setImmediate(resolve));
  const messages = values.map(() => c.uffd.read() as Message);
  return { values: Promise.all(values), messages, value };
}

async function answerAt(mode: ConcurrentMode, moments: readonly Moment[]): Promise<void> {
  let due: { moment: Moment; message: Message }[] = [];
  let target = -1;
  const arrive = (moment: Moment) => {
    while (due[0]?.moment === moment) c.answer((due.shift() as { message: Message }).message);
  };
  const c = flippedCollection(mode, BATCH, {
    filling: (page) => {
      if (page === target) arrive('filling');
      // The target is the highest page of its batch, and so the first to be made.
      if (page === target - 1 && c.states[target] === PAGE.processed) arrive('made');
    },
    publishing: (first, pages) => {
      if (first <= target && target < first + pages) arrive('publishing');
    },
  });
  try {
    target = c.pages - 1 - BATCH;
    const { values, messages, value } = await sleepersOn(c, target);
    due = messages.map((message, i) => ({ message, moment: moments[i] as Moment }));
    arrive('unclaimed');
    c.compact(BATCH);
    arrive('published');
    c.end();
    arrive('over');
    expect(due).toEqual([]);
    expect(await values).toEqual([value, value]);
    expect(c.made).toEqual(Array(c.pages).fill(1));
    expect([...c.states.slice(0, c.pages)]).toEqual(Array(c.pages).fill(PAGE.published));
    c.verify();
  } finally {
    c.kernel.dispose();
  }
}

describe.each(['continue', 'copy'] as const)('%s', (mode) => {
  it.each(pairs)('$first, $second', async ({ first, second }) => {
    await answerAt(mode, [first, second]);
  });
});

describe('nothing is published before it is asked for, where that can be', () => {
  it('continue: pages that nobody touches stay unpublished, and are there after the end', async () => {
    const c = flippedCollection('continue', BATCH, {});
    c.compact(0);
    const states = [...c.states.slice(0, c.pages)];
    expect(states).toEqual(Array(c.pages).fill(PAGE.processed));
    const { values, messages, value } = await sleepersOn(c, 0);
    for (const message of messages) c.answer(message);
    expect(await values).toEqual([value, value]);
    c.end();
    c.verify();
    // The last page holds the last object's end only.
    for (let page = 0; page < c.pages - 1; page++) {
      const expected = c.expected(page);
      expect(c.kernel.load32(expected.address) | 0).toBe(expected.value);
    }
    c.kernel.dispose();
  });
});
