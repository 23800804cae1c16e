/**
 * The kernel refuses a collection what it needs, for a while or up to its flip: at every kind of call, in every mode. It is
 * asked again, or the collection is given up; no mutator reads what is not there, and every thread ends.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { ModeName, Refusal } from '../../dist/gc/index.js';
import { RefusedError } from '../../dist/gc/index.js';
import { TRIES, TRIES_STOPPED } from '../../dist/gc/patience.js';
import { REHEARSALS_BEFORE_PAUSE } from '../../dist/gc/rehearsal.js';
import { EAGAIN, ENOMEM, ENOSPC } from '../../dist/uffd/errno.js';
import {
  asksForMoves,
  expectEveryPageOnce,
  fixture,
  MIB,
  MODE_NAMES,
  rejection,
  turnAbout,
  withHeap,
} from './gc-heaps.ts';
import { walkOn, withWitnesses } from './gc-witnesses.ts';
import { workersLeft } from './worker-watch.ts';

afterEach(() => expect(workersLeft()).toBe(0));

const CONCURRENT = ['continue', 'continue-warm', 'copy', 'move'] as const;
const PUBLISHING = {
  continue: 'UFFDIO_CONTINUE',
  'continue-warm': 'UFFDIO_CONTINUE',
  copy: 'UFFDIO_COPY',
  move: 'UFFDIO_MOVE',
} as const;

describe.each(MODE_NAMES)('%s: refused for a while', (mode) => {
  it('every call: it is made again, and the collections come to their end', async () => {
    const errnos = [ENOMEM, EAGAIN, ENOSPC];
    const calls = CALLS.filter((call) => isUsed(mode, call));
    const times = TRIES_STOPPED - 1;
    const refuse = calls.map((call, i) => ({ call, errno: errnos[i % 3] as number, times }));
    await withWitnesses({ mode, refuse }, async (heap, words) => {
      for (let i = 0; i < 3; i++) expectEveryPageOnce(await heap.collect(), mode);
      await walkOn(words);
      const refused = heap.cycles.flatMap(({ refused }) => Object.values(refused)).reduce((a, b) => a + b, 0);
      expect(refused).toBe(times * calls.length);
      expect(heap.givenUp).toEqual([]);
    });
  });
});

const CALLS = [
  ...([
    'mmap',
    'mremap',
    'UFFDIO_REGISTER',
    'UFFDIO_UNREGISTER',
    'fallocate',
    'madvise',
    'populate',
  ] as const),
  ...(['UFFDIO_CONTINUE', 'UFFDIO_COPY', 'UFFDIO_MOVE'] as const),
];

/** Whether collections of a mode make the call at all. */
function isUsed(mode: ModeName, call: Refusal['call']): boolean {
  switch (call) {
    case 'fallocate':
      return mode === 'continue';
    case 'madvise':
      return mode === 'copy' || mode === 'stw';
    case 'mremap':
      return mode !== 'stw' && asksForMoves(mode);
    case 'mmap': // stw changes no mapping
    case 'UFFDIO_REGISTER':
    case 'UFFDIO_UNREGISTER':
      return mode !== 'stw';
    case 'UFFDIO_CONTINUE':
    case 'UFFDIO_COPY':
    case 'UFFDIO_MOVE':
      return mode !== 'stw' && PUBLISHING[mode] === call;
    default:
      return true;
  }
}

describe.each(CONCURRENT)('%s: publishing stops half way', (mode) => {
  it('EAGAIN: what is done counts, and the rest is asked for', async () => {
    const refuse = [{ call: PUBLISHING[mode], errno: EAGAIN, pages: 1 }];
    await withWitnesses(
      { mode, refuse, batch: 64 },
      async (heap, words) => {
        const record = await heap.collect();
        expectEveryPageOnce(record, mode);
        const { calls, pages } = record.ioctls[PUBLISHING[mode]] as { calls: number; pages: number };
        expect(pages).toBe(record.pages.publishedByCollector + record.pages.publishedByFault);
        expect([calls, pages > 2 * TRIES]).toEqual([pages, true]);
        await walkOn(words);
      },
      { length: 6000 },
    );
  });
});

/** What is refused after how many calls (the first are the rehearsals'), and how large the non-moving space is. */
const AT_FLIP: readonly (readonly [ModeName, Refusal['call'], number, number])[] = [
  ['continue', 'mremap', 0, 0],
  ['continue', 'mmap', 0, 0],
  ['continue', 'UFFDIO_REGISTER', 0, 0],
  ['continue', 'mremap', REHEARSALS_BEFORE_PAUSE, 0],
  ['continue', 'mmap', REHEARSALS_BEFORE_PAUSE, 0],
  ['continue', 'UFFDIO_REGISTER', REHEARSALS_BEFORE_PAUSE, 0],
  ['continue', 'mremap', REHEARSALS_BEFORE_PAUSE + 1, MIB],
  ['continue', 'mmap', REHEARSALS_BEFORE_PAUSE + 1, MIB],
  ['continue', 'UFFDIO_REGISTER', REHEARSALS_BEFORE_PAUSE + 1, MIB],
  ['continue-warm', 'UFFDIO_REGISTER', REHEARSALS_BEFORE_PAUSE, 0],
  ['copy', 'mremap', 0, 0],
  ['copy', 'mremap', REHEARSALS_BEFORE_PAUSE, 0],
  ['copy', 'UFFDIO_REGISTER', REHEARSALS_BEFORE_PAUSE, 0],
  ['copy', 'UFFDIO_REGISTER', REHEARSALS_BEFORE_PAUSE + 1, MIB],
  ['move', 'mremap', REHEARSALS_BEFORE_PAUSE, 0],
  ['move', 'UFFDIO_REGISTER', REHEARSALS_BEFORE_PAUSE, 0],
  ['move', 'UFFDIO_REGISTER', REHEARSALS_BEFORE_PAUSE + 1, MIB],
];

it('stw: its flip asks the kernel for nothing', async () => {
  const refuse = (['mremap', 'mmap', 'UFFDIO_REGISTER'] as const).map((call) => ({ call, errno: ENOMEM }));
  await withWitnesses({ mode: 'stw', refuse, nonMovingBytes: MIB }, async (heap, words) => {
    for (let i = 0; i < 3; i++) expect((await heap.collect()).refused).toEqual({});
    await walkOn(words);
  });
});

describe('before and at the flip', () => {
  const title = '%s: %s, after %i, %i bytes non-moving: given up, and the heap goes on';
  // Which of them ask for a move differs by kernel.
  const isAsked = ([mode, call]: (typeof AT_FLIP)[number]) => call !== 'mremap' || asksForMoves(mode);
  it.each(turnAbout(AT_FLIP).filter(isAsked))(title, async (mode, call, after, nonMovingBytes) => {
    // Just as often as one collection asks: what undoes the flip, and the next collection, are granted it.
    const refuse = [{ call, errno: ENOMEM, after, times: after === 0 ? TRIES : TRIES_STOPPED }];
    await withWitnesses({ mode, refuse, nonMovingBytes }, async (heap, words) => {
      const error = await rejection(heap.collect());
      expect(error).toBeInstanceOf(RefusedError);
      expect(error).toMatchObject({
        code: 'KERNEL_REFUSED',
        errno: -ENOMEM,
        syscall: call,
        heap: 'intact',
        message: expect.stringMatching(
          /^\w+: ENOMEM, .*; the collection was given up, and the heap is as it was before it; use a smaller --heap/,
        ),
      });
      expect(heap.givenUp).toEqual([error]);
      await walkOn(words);
      for (let i = 0; i < 3; i++) expectEveryPageOnce(await heap.collect(), mode);
      await walkOn(words);
    });
  });
});

/** What the rehearsal of a flip asks for, and the flip. */
const callOfFlip = (mode: string) => (asksForMoves(mode) ? 'mremap' : 'UFFDIO_REGISTER');

describe.each(turnAbout(CONCURRENT))('%s: beside mutators that allocate', (mode) => {
  it('collections are given up and others are not, pinned objects or none', async () => {
    // Each time at least one collection is given up, in its rehearsal or at its flip.
    const refuse = [9, 40, 70].map((after) => {
      return { call: callOfFlip(mode), errno: ENOMEM, after, times: TRIES } as const;
    });
    const options = { mode, refuse, heapBytes: MIB, nonMovingBytes: MIB, batch: 3 };
    await withWitnesses(
      options,
      async (heap, words) => {
        while (heap.givenUp.length < 3 || heap.cycles.length < 10)
          await Promise.race([walkOn(words), heap.failure]);
      },
      { litter: 200 },
    );
  });
});

describe('a heap that cannot be collected', () => {
  it.each(turnAbout(CONCURRENT))(
    '%s: is out of memory when it is full, and the error says why',
    async (mode) => {
      const refuse = [{ call: callOfFlip(mode), errno: ENOMEM } as const];
      await withHeap({ mode, refuse }, async (heap) => {
        const error = await rejection(heap.spawn(fixture('programs'), { program: 'garbage', mib: 8 }).done);
        expect(error.cause).toMatchObject({ code: 'HEAP_OUT_OF_MEMORY' });
        expect(error.message).toContain(
          'which was given up because the kernel refused it what it needs (ENOMEM)',
        );
        expect(heap.givenUp.length).toBeGreaterThanOrEqual(1); // the last may not be told of yet
      });
    },
  );
});
