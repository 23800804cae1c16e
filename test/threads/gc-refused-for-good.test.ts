/**
 * Once its flip is past the kernel refuses a collection what it needs: memory, or a call for good. Whatever it comes to, no
 * mutator reads what is not there, and every thread ends.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { ModeName, Refusal } from '../../dist/gc/index.js';
import { TRIES, TRIES_STOPPED } from '../../dist/gc/patience.js';
import { REHEARSALS_BEFORE_PAUSE } from '../../dist/gc/rehearsal.js';
import { ENOMEM } from '../../dist/uffd/errno.js';
import { expectEveryPageOnce, fixture, KERNEL, MIB, rejection, turnAbout } from './gc-heaps.ts';
import { PAUSED, RESTING, until, walkOn, withWitnesses } from './gc-witnesses.ts';
import { workersLeft } from './worker-watch.ts';

afterEach(() => expect(workersLeft()).toBe(0));

const DEFERRING = ['continue', 'continue-warm'] as const;

describe.each(DEFERRING)('%s: CONTINUE is refused for good', (mode) => {
  it('the end of the watch maps what is made', async () => {
    const refuse = [{ call: 'UFFDIO_CONTINUE', errno: ENOMEM } as const];
    await withWitnesses({ mode, refuse }, async (heap, words) => {
      for (let i = 0; i < 3; i++) {
        const record = await heap.collect();
        expectEveryPageOnce(record, mode);
        expect(record.pages.untouched).toBe(record.pages.compacted + record.pages.slid);
        expect(record.refused.ENOMEM).toBeGreaterThanOrEqual(TRIES);
        await walkOn(words);
      }
      expect(heap.givenUp).toEqual([]);
    });
  });
});

describe('old pages that the kernel does not let go of', () => {
  it('continue: the next collection is given up for them, and one later gives them back', async () => {
    const refuse = [{ call: 'fallocate', errno: ENOMEM, times: 2 * TRIES } as const];
    await withWitnesses({ mode: 'continue', refuse }, async (heap, words) => {
      expectEveryPageOnce(await heap.collect(), 'continue');
      await walkOn(words);
      expect(await rejection(heap.collect())).toMatchObject({ syscall: 'fallocate', heap: 'intact' });
      await walkOn(words);
      for (let i = 0; i < 2; i++) expectEveryPageOnce(await heap.collect(), 'continue');
      await walkOn(words);
    });
  });

  it.each([
    ['copy', 'they are mapped over', TRIES],
    ['stw', 'the next collection gives them back', TRIES_STOPPED],
  ] as const)('%s: %s', async (mode, _what, times) => {
    const refuse = [{ call: 'madvise', errno: ENOMEM, times } as const];
    await withWitnesses({ mode, refuse }, async (heap, words) => {
      const before = heap.memory().bytes;
      for (let i = 0; i < 2; i++) expectEveryPageOnce(await heap.collect(), mode);
      await walkOn(words);
      expect(heap.memory().bytes).toBeLessThan(before);
    });
  });

  it('stw: refused for good, they are zeroed: what is allocated there holds nothing of theirs', async () => {
    const refuse = [{ call: 'madvise', errno: ENOMEM } as const];
    const options = { mode: 'stw', refuse, heapBytes: MIB, nonMovingBytes: MIB } as const;
    await withWitnesses(
      options,
      async (heap, words) => {
        while (heap.cycles.length < 10) await Promise.race([walkOn(words), heap.failure]);
        expect(heap.cycles.every(({ refused }) => (refused.ENOMEM ?? 0) >= TRIES_STOPPED)).toBe(true);
        expect(heap.givenUp).toEqual([]);
      },
      { litter: 200 },
    );
  });
});

// The real kernel has no errno for it: refusals.ts.
describe.runIf(KERNEL === 'sim')('physical memory is full', () => {
  it.each([
    ['continue', 'from-space is given back page by page'],
    ['copy', 'from-space is given back page by page'],
    ['stw', 'objects slide in place, and nothing is needed'],
  ] as const)('%s: %s', async (mode, _what) => {
    // One thread that makes pages, from the top down: several could each wait for what the others have taken.
    const options = { mode, mutators: 3, heapBytes: 4 * MIB, batch: 4, gcThreads: 1, densePrefix: null };
    await withWitnesses(
      options,
      async (heap, words) => {
        await heap.collect(); // who is stopped from now on has all the memory that it needs
        const { result } = await heap.spawn(fixture('hog'), { leave: 12 }).done;
        expect(result).toBeGreaterThan(500);
        // Pages that mutators want, anywhere, need memory before from-space can be given back: here nobody wants any.
        Atomics.store(words, PAUSED, 1);
        await until(words, RESTING, 2);
        const record = await heap.collect();
        Atomics.store(words, PAUSED, 0);
        Atomics.notify(words, PAUSED);
        expectEveryPageOnce(record, mode);
        expect(record.pages.compacted + record.pages.slid).toBeGreaterThan(2 * 12);
        if (mode === 'stw') expect(record.refused).toEqual({});
        else expect(record.refused.ENOMEM).toBeGreaterThan(0);
        await walkOn(words);
      },
      { length: 4000 },
    );
  });
});

/** What is needed after the flip, by the call: a refusal is the heap's end. (The first calls may be the rehearsals'.) */
const NEEDED: readonly (readonly [ModeName, Refusal['call'], number])[] = [
  ['copy', 'UFFDIO_COPY', 2],
  ['move', 'UFFDIO_MOVE', 2],
  ['continue', 'populate', 5],
  ['copy', 'populate', 5],
  ['stw', 'populate', 0],
  ['stw', 'populate', 5],
  ['continue', 'UFFDIO_UNREGISTER', REHEARSALS_BEFORE_PAUSE],
  ['copy', 'UFFDIO_UNREGISTER', REHEARSALS_BEFORE_PAUSE],
];

describe('what is needed after the flip is refused for good', () => {
  it.each(turnAbout(NEEDED))(
    '%s: %s, after %i: the run ends, and nobody reads a page that is not there',
    async (mode, call, after) => {
      const refuse = [{ call, errno: ENOMEM, after } as const];
      await withWitnesses({ mode, refuse, batch: 2 }, async (heap, _words, done) => {
        const error = await rejection(heap.collect());
        expect(error).toMatchObject({ code: 'THREAD_DIED' });
        expect(error.cause).toMatchObject({ code: 'KERNEL_REFUSED', errno: -ENOMEM, heap: 'lost' });
        expect(error.message).toMatch(
          /^(collector|compactor 1|fault [01]) failed: .*ENOMEM, .*; the compaction cannot be finished, and the heap is lost; use a smaller/,
        );
        expect(await rejection(done)).toBe(error);
        expect(await rejection(heap.failure)).toBe(error);
      });
    },
  );
});
