/** Allocation asks for a collection once the heap has grown to where it should begin, once, and does not wait. */
import { expect, it } from 'vitest';
import { CONTROL, REASON } from '../../dist/heap/layout.js';
import { newestAt, reachStage } from '../../dist/heap/requests.js';
import { topPage } from '../../dist/heap/spaces.js';
import { arrayHeap } from './array-heap.ts';

const PAGES = 64;
const OBJECT = { references: 0, words: 1000 }; // a page, and no other fits beside it

function heapThatStartsAt(page: number) {
  const heap = arrayHeap(PAGES);
  const { control } = heap.tables;
  control[CONTROL.startAt] = page;
  control[CONTROL.startReason] = REASON.utilization;
  const allocateUpTo = (top: number) => {
    while (topPage(heap.tables) < top) heap.mutator.allocObject(OBJECT.references, OBJECT.words);
  };
  return { control, allocateUpTo, requested: () => newestAt(control, 'requested') };
}

it('at that page and not before', () => {
  const { control, allocateUpTo, requested } = heapThatStartsAt(25);
  allocateUpTo(24); // buffers are of 8 pages, from page 1 on
  expect(requested()).toBe(1);
  expect(control[CONTROL.reason]).toBe(REASON.utilization);
});

it.each([26, 33])('not before page %i', (page) => {
  const { allocateUpTo, requested } = heapThatStartsAt(page);
  allocateUpTo(25);
  expect(requested()).toBe(0);
  allocateUpTo(33);
  expect(requested()).toBe(1);
});

it('once, until that one is finished', () => {
  const { control, allocateUpTo, requested } = heapThatStartsAt(2);
  allocateUpTo(20);
  expect(requested()).toBe(1);
  for (const stage of ['started', 'flipped'] as const) reachStage(control, stage, 1);
  allocateUpTo(40);
  expect(requested()).toBe(1);
  reachStage(control, 'finished', 1);
  allocateUpTo(60);
  expect(requested()).toBe(2);
});
