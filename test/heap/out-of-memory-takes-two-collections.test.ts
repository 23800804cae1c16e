/**
 * A collection keeps what died and what was allocated beside it. So the heap is full only if a second one frees too
 * little as well, the last resort, with the world stopped. The collector here only says what it found.
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
  const { control, last, freed, at, CONTROL, base } = workerData;
  const { awaitStage, isLastResort, reachStage } = await import(new URL('requests.js', base));
  for (let number = 1; ; number++) {
    awaitStage(control, 'requested', number);
    reachStage(control, 'started', number);
    if (isLastResort(control, number)) Atomics.store(last, 0, number);
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
  const last = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { control: heap.tables.control, last, freed, at: PAGES, CONTROL, base };
  const entry = new URL(`data:text/javascript,${encodeURIComponent(collector)}`);
  workers.push(new Worker(entry, { workerData }));
  return {
    ...heap,
    collections: () => newestAt(heap.tables.control, 'flipped'),
    lastResort: () => Atomics.load(last, 0),
  };
}

it('nothing is free after two', () => {
  const { mutator, collections, lastResort } = fullHeap([0, 0, 32]);
  expect(() => mutator.allocObject(0, 100)).toThrow(
    /^out of memory: the heap is 128 KiB, .* asked for 408 bytes/,
  );
  expect([collections(), lastResort()]).toEqual([2, 2]);
});

it('the first one frees enough: none is the last resort', () => {
  const { mutator, collections, lastResort } = fullHeap([5]);
  mutator.allocObject(0, 100);
  expect([collections(), lastResort()]).toEqual([1, 0]);
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
