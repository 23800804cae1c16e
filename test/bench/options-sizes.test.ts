/** Sizes: every whole number of bytes can be said in any unit, and what is no size is refused with the reason. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parsePages, parseSize } from '../../dist/bench/sizes.js';

const UNITS = [
  ['', 1],
  ['KiB', 1024],
  ['MiB', 1024 * 1024],
  ['GiB', 1024 * 1024 * 1024],
] as const;

it('a number and a unit are the number times the unit', () => {
  fc.assert(
    fc.property(fc.nat(8_000_000), fc.constantFrom(...UNITS), (amount, [unit, bytes]) => {
      expect(parseSize(`${amount}${unit}`)).toBe(amount * bytes);
    }),
  );
});

it('quarters of a unit are whole bytes', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.constantFrom(...UNITS.slice(1)), (quarters, [unit, bytes]) => {
      expect(parseSize(`${quarters / 4}${unit}`)).toBe((quarters * bytes) / 4);
    }),
  );
});

it.each([
  ['', 'not a size'],
  ['64q', 'not a size'],
  ['64MB', 'not a size'],
  ['64mib', 'not a size'],
  ['MiB', 'not a size'],
  ['1e9', 'not a size'],
  ['0x10', 'not a size'],
  ['1.3', 'not a whole number of bytes'],
  ['99999999999GiB', 'not a whole number of bytes'],
  ['-1MiB', 'cannot be negative'],
])('%j: %s', (text, reason) => {
  expect(() => parseSize(text)).toThrow(`${text}: `);
  expect(() => parseSize(text)).toThrow(reason);
});

it('whole pages, and at least one', () => {
  fc.assert(
    fc.property(fc.nat(1 << 20), (bytes) => {
      const parse = () => parsePages(`${bytes}`, 4096);
      if (bytes > 0 && bytes % 4096 === 0) expect(parse()).toBe(bytes);
      else expect(parse).toThrow(bytes === 0 ? 'more than zero' : 'multiple of the page, 4096 bytes');
    }),
  );
});
