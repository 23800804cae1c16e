/**
 * A collection keeps what was allocated beside it, garbage or not. So the heap is full only if a second one frees
 * too little as well. The collector here only says what it found.
 */
import { Worker } from 'node:worker_threads';
import { afterEach, expect, it } from 'vitest';
import { CONTROL } from '../../dist/heap/layout.js';
import { newestAt } from '../../dist/heap/requests.js';
import { setTopPage, topPage } from '../../dist/heap/spaces.js';
import { arrayHeap } from './array-heap.ts';

const PAGES = 32;
const workers: Worker[] = [];
afterEach(() => Promise.all(workers.splice(0).map((worker) => worker.terminate())));

const collector = `
  import { workerData } from 'node:worker_threads';
  const { control, freed, at, CONTROL, base } = workerData;
  const { awaitStage, reachStage } = await import(new URL('requests.js', base));
  for (let number = 1; ; number++) {
    awaitStage(control, 'requested', number);
    reachStage(control, 'started', number);
    const free = freed[number - 1] ?? 0;
    Atomics.store(control, CONTROL.top, at - free);
    Atomics.store(control, CONTROL.freeAtFlip, free);
    reachStage(control, 'flipped', number);
    reachStage(control, 'finished', number);
  }
`;

/** A full heap of which collection n frees so many pages. */
function fullHeap(freed: readonly number[]) {
  const heap = arrayHeap(PAGES, { roots: 1 });
  setTopPage(heap.tables, PAGES);
  const base = new URL('../../dist/heap/', import.meta.url).href;
  const workerData = { control: heap.tables.control, freed, at: PAGES, CONTROL, base };
  const entry = new URL(`data:text/javascript,${encodeURIComponent(collector)}`);
  workers.push(new Worker(entry, { workerData }));
  return { ...heap, collections: () => newestAt(heap.tables.control, 'flipped') };
}

it('nothing is free after two', () => {
  const { mutator, collections } = fullHeap([0, 0, 32]);
  expect(() => mutator.allocObject(0, 100)).toThrow(
    /^out of memory: the heap is 128 KiB, .* asked for 408 bytes/,
  );
  expect(collections()).toBe(2);
});

it('the second one frees enough', () => {
  const { mutator, collections, tables } = fullHeap([0, 5]);
  mutator.allocObject(0, 100);
  expect(collections()).toBe(2);
  expect(topPage(tables)).toBe(PAGES - 5 + 1);
});

it('both free something, and less than a large object needs', () => {
  const { mutator, collections } = fullHeap([3, 4, 32]);
  expect(() => mutator.allocObject(0, 5 * 1024)).toThrow(/out of memory/);
  expect(collections()).toBe(2);
  mutator.allocObject(0, 1000);
});
