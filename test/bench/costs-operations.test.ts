/**
 * Each operation of `costs` does what its row says: on sim, where every frame is counted, what is `fresh` takes a frame
 * a page and frees it, and what is `recycled` takes none; in any order, and twice in a row.
 */
import { afterAll, expect, it } from 'vitest';
import type { Operation } from '../../dist/bench/costs/operation.js';
import { OPERATIONS } from '../../dist/bench/costs/operations.js';
import { openStage } from '../../dist/bench/costs/stage.js';
import { WHOLE_PAGES } from '../../dist/bench/costs/whole-pages.js';
import { seededRandom, shuffled } from '../../dist/bench/metrics/random.js';

const PAGES = 64;
const stage = openStage('sim', PAGES);
afterAll(() => stage.kernel.dispose());

/** Pages by which the machine's memory grows in one run. */
function growth(
  operation: (typeof OPERATIONS)[number] | (typeof WHOLE_PAGES)[number],
  batch: number,
): number {
  const { prepare, run } = operation.steps(stage);
  prepare();
  const before = stage.kernel.memory().bytes;
  run(batch);
  return (stage.kernel.memory().bytes - before) / 4096;
}

/** Which of the operations allocate, by what they are and not by what they are called. */
function expectedGrowth({ operation, destination, term }: Operation): number {
  if (destination !== 'fresh') return 0;
  if (term === 'populate' || operation === 'UFFDIO_COPY') return PAGES;
  return term === 'free' ? -PAGES : 0;
}

const offered = OPERATIONS.filter(({ features }) => (features & ~stage.features) === 0n);
const order = shuffled([...offered, ...offered], seededRandom(3));
const nameOf = ({
  operation,
  memory,
  destination,
  variant,
}: Omit<Operation, 'term' | 'features' | 'steps'>) =>
  [operation, memory, destination, variant].filter((part) => part !== null).join(' ');

it.each(order.map((operation) => [nameOf(operation), operation] as const))('%s', (_, operation) => {
  for (const batch of [1, 16, PAGES]) expect(growth(operation, batch)).toBe(expectedGrowth(operation));
});

/** A whole fresh page takes a frame and frees one; a recycled one does neither. */
it.each(WHOLE_PAGES.map((whole) => [nameOf(whole), whole] as const))('a whole page by %s', (_, whole) => {
  for (const batch of [1, 16, PAGES]) expect(growth(whole, batch)).toBe(0);
});

it.each(WHOLE_PAGES.map((whole) => [nameOf(whole), whole] as const))(
  '%s publishes from-space',
  (_, whole) => {
    const { prepare, run } = whole.steps(stage);
    const shared = whole.memory === 'shmem';
    const heap = shared ? stage.heap : whole.destination === 'fresh' ? stage.privateHeap : stage.pooledHeap;
    const from = shared ? stage.fromShared : stage.from;
    prepare();
    for (let page = 0; page < PAGES; page++) stage.kernel.store32(from.addr + page * 4096 + 8, 1000 + page);
    run(16);
    for (let page = 0; page < PAGES; page++) {
      expect(stage.kernel.load32(heap + page * 4096 + 8), `page ${page}`).toBe(1000 + page);
    }
  },
);
