/** Mutators that look at objects of one page right after each flip: the page is made once, whoever comes first. */
import { expect, it } from 'vitest';
import { MIB, runProgram, sharedWords } from './gc-heaps.ts';

const ROUNDS = 15;

it.each([
  ['continue', 1],
  ['continue', 2],
  ['copy', 1],
  ['copy', 2],
] as const)('%s, with %i fault threads', async (mode, faultThreads) => {
  const options = { mode, faultThreads, heapBytes: 8 * MIB, mutators: 2, verify: false, densePrefix: null };
  const { results, cycles } = await runProgram('samePage', options, {
    words: sharedWords(),
    threads: 2,
    rounds: ROUNDS,
  });
  expect(results).toEqual(Array(2).fill({ wrong: 0, page: 0 }));
  // Only that page is touched while it is watched: at most one page a collection is made for a fault.
  for (const { pages } of cycles.slice(1, ROUNDS)) expect(pages.filledByFault).toBeLessThanOrEqual(1);
});
