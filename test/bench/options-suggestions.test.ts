/** "Did you mean": the distance agrees with its definition, and only what is near is suggested. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { editDistance, suggestion } from '../../dist/bench/suggest.js';

/** The definition, without memory. */
function slowDistance(from: string, to: string): number {
  if (from === '' || to === '') return Math.max(from.length, to.length);
  const rest = slowDistance(from.slice(1), to.slice(1));
  if (from[0] === to[0]) return rest;
  return 1 + Math.min(rest, slowDistance(from.slice(1), to), slowDistance(from, to.slice(1)));
}

it('counts insertions, deletions and replacements', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 5 });
  fc.assert(
    fc.property(word, word, (from, to) => {
      expect(editDistance(from, to)).toBe(slowDistance(from, to));
    }),
  );
});

it('suggests the nearest, and nothing that is far', () => {
  expect(suggestion('cpy', ['continue', 'copy', 'stw'])).toBe(' (did you mean copy?)');
  expect(suggestion('nothing', ['continue', 'copy', 'stw'])).toBe('');
});
