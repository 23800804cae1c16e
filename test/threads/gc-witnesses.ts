/** Mutators that walk what they have built while the kernel refuses a collection what it needs: they see what is wrong. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Heap, HeapOptions } from '../../dist/gc/index.js';
import { ALL_MODES, fixture, KERNEL, MIB, sharedWords, withHeap } from './gc-heaps.ts';

/** Words in which they and the test meet (fixtures/witness.mjs). */
const [BUILT, WRONG, WALKS] = [0, 1, 2];
export const [PAUSED, RESTING] = [3, 4];
const FOR_EVER = 1e9;

/**
 * A heap in which two mutators walk the lists that they have built, and the kernel refuses. They allocate nothing more,
 * so that no collection begins by itself; unless `litter` says how many objects they make with each walk.
 */
export async function withWitnesses(
  options: Partial<HeapOptions>,
  use: (heap: Heap, words: Int32Array, done: Promise<unknown[]>) => Promise<void>,
  { litter = 0, length = 1200 } = {},
): Promise<void> {
  const words = sharedWords();
  // On sim who makes a page is told by the same words: one thread of each kind will do where a test does not say.
  const threads = KERNEL === 'linux' || ALL_MODES ? 2 : 1;
  await withHeap(
    {
      ...{ heapBytes: 2 * MIB, mutators: 2, verify: 'phases', gcThreads: threads, faultThreads: threads },
      ...options,
    },
    async (heap) => {
      const data = { length, words, walks: FOR_EVER, litter, pins: (options.nonMovingBytes ?? 0) > 0 };
      const done = Promise.all([0, 1].map(() => heap.spawn(fixture('witness'), data).done));
      done.catch(() => {});
      await Promise.race([until(words, BUILT, 2), heap.failure]);
      await use(heap, words, done);
    },
  );
  expect(words[WRONG]).toBe(0);
}

export async function until(words: Int32Array, index: number, value: number): Promise<void> {
  while (Atomics.load(words, index) < value) await sleep(1);
}

/** The mutators have walked all of their lists, each of them some times more. */
export async function walkOn(words: Int32Array): Promise<void> {
  await until(words, WALKS, Atomics.load(words, WALKS) + 4);
}
