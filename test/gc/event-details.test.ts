/** A ring without details, or with those of some collections: what is told of each page, call and stall is left out, what is told once a collection is there. */
import { expect, it } from 'vitest';
import { createRing, type Details, EVENT, openReader, openWriter } from '../../dist/gc/events.js';

function toldWith(details: Details, cycle = 1): readonly number[] {
  const ring = createRing(0n, 64, details);
  const writer = openWriter(ring);
  for (const kind of Object.values(EVENT)) writer.emit(kind, 1, cycle);
  const kinds: number[] = [];
  openReader(ring).drain(({ kind }) => kinds.push(kind));
  return kinds;
}

it('all is told, or all but that', () => {
  const all = Object.values(EVENT);
  const { filled, published, ioctl, fault, stall, wait, updated, publishedNonMoving, claimed } = EVENT;
  const details: readonly number[] = [
    ...[filled, published, ioctl, fault, stall, wait],
    ...[updated, publishedNonMoving, claimed],
  ];
  expect(toldWith(true)).toEqual(all);
  const others = all.filter((kind) => !details.includes(kind));
  expect(toldWith(false)).toEqual(others);
  // Of four that follow each other two, an odd and an even one.
  const told = [1, 2, 3, 4, 5, 6, 7].filter((cycle) => toldWith('half', cycle).length === all.length);
  expect(told).toEqual([2, 3, 6, 7]);
  expect(toldWith('half', 4)).toEqual(others);
});

it('that pages are published is told of the moment when the call ended that did it', () => {
  const ring = createRing(process.hrtime.bigint(), 64);
  const writer = openWriter(ring);
  const later = performance.now() + 1000;
  writer.emitAt(later, EVENT.ioctl, 1, 1, 4, 10);
  writer.emit(EVENT.published, 4, 1, 0, 12);
  writer.emit(EVENT.published, 4, 1, 0, 16); // by no call that was told
  writer.emitAt(later, EVENT.ioctl, 1, 1, 4, 10);
  writer.emit(EVENT.filled, 4, 1, 0, 20, 4);
  const times: number[] = [];
  openReader(ring).drain(({ timeMs }) => times.push(timeMs));
  const [call = NaN, published, other = NaN, , filled = NaN] = times;
  expect(published).toBe(call);
  expect(other).toBeLessThan(call - 500);
  expect(filled).toBeLessThan(call - 500);
});
