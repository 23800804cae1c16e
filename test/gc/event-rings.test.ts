/** A ring of events hands over what was told, in order; what finds it full is counted. Also where its counts wrap round. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createRing, EVENT, openReader, openWriter } from '../../dist/gc/events.js';

const CAPACITY = 8;

/** A ring that has been used so often. */
function usedRing(times: number) {
  const ring = createRing(0n, CAPACITY);
  new Int32Array(ring.shared, 0, 2).fill(times);
  return { writer: openWriter(ring), reader: openReader(ring) };
}

const steps = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 60 });

it.each([0, 2 ** 31 - 30, -30])('used %i times before', (times) => {
  fc.assert(
    fc.property(steps, (bursts) => {
      const { writer, reader } = usedRing(times);
      let [told, lost] = [0, 0];
      for (const burst of bursts) {
        const kept = Math.min(burst, CAPACITY);
        const expected = Array.from({ length: kept }, (_, i) => [told + i, 7, 1, 2, 3]);
        for (let i = 0; i < burst; i++) writer.emit(EVENT.ioctl, told + i, 7, 1, 2, 3);
        told += burst;
        lost += burst - kept;
        const drained: number[][] = [];
        reader.drain(({ a, cycle, b, c, d }) => drained.push([a, cycle, b, c, d]));
        expect(drained).toEqual(expected);
        expect(reader.lost()).toBe(lost);
      }
    }),
  );
});
