/** A ring without details: what is told of each page, call and stall is left out, what is told once a collection is there. */
import { expect, it } from 'vitest';
import { createRing, EVENT, openReader, openWriter } from '../../dist/gc/events.js';

function toldWith(detailed: boolean): readonly number[] {
  const ring = createRing(0n, 64, detailed);
  const writer = openWriter(ring);
  for (const kind of Object.values(EVENT)) writer.emit(kind, 1, 1);
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
  expect(toldWith(false)).toEqual(all.filter((kind) => !details.includes(kind)));
});
