/**
 * The kernel refuses a collection what it needs, once, for a while or for good: at every kind of call, in every mode.
 * Whatever it comes to, no mutator reads what is not there, and every thread ends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Heap, HeapOptions, ModeName, Refusal } from '../../dist/gc/index.js';
import { RefusedError } from '../../dist/gc/index.js';
import { TRIES, TRIES_STOPPED } from '../../dist/gc/patience.js';
import { EAGAIN, ENOMEM, ENOSPC } from '../../dist/uffd/errno.js';
import {
  expectEveryPageOnce,
  fixture,
  MIB,
  MODE_NAMES,
  rejection,
  sharedWords,
  withHeap,
} from './gc-heaps.ts';
import { workersLeft } from './worker-watch.ts';

afterEach(() => expect(workersLeft()).toBe(0));

const [BUILT, WRONG, WALKS] = [0, 1, 2];
const FOR_EVER = 1e9;
const CONCURRENT = ['continue', 'continue-warm', 'copy', 'move'] as const;
const DEFERRING: readonly ModeName[] = ['continue', 'continue-warm'];
const PUBLISHING = {
  continue: 'UFFDIO_CONTINUE',
  'continue-warm': 'UFFDIO_CONTINUE',
  copy: 'UFFDIO_COPY',
  move: 'UFFDIO_MOVE',
} as const;

/** A heap in which two mutators walk the lists that they have built, for ever unless said, and the kernel refuses. */
async function withWitnesses(
  options: Partial<HeapOptions>,
  use: (heap: Heap, words: Int32Array, done: Promise<unknown[]>) => Promise<void>,
  walks = FOR_EVER,
): Promise<void> {
  const words = sharedWords();
  await withHeap(
    { heapBytes: 2 * MIB, mutators: 2, gcThreads: 2, faultThreads: 2, verify: 'phases', ...options },
    async (heap) => {
      const data = { length: 1200, words, walks };
      const done = Promise.all([0, 1].map(() => heap.spawn(fixture('witness'), data).done));
      done.catch(() => {});
      await Promise.race([until(words, BUILT, 2), heap.failure]);
      await use(heap, words, done);
    },
  );
  expect(words[WRONG]).toBe(0);
}

async function until(words: Int32Array, index: number, value: number): Promise<void> {
  while (Atomics.load(words, index) < value) await sleep(1);
}

/** The mutators have walked all of their lists, each of them some times more. */
async function walkOn(words: Int32Array): Promise<void> {
  await until(words, WALKS, Atomics.load(words, WALKS) + 4);
}

describe.each(MODE_NAMES)('%s: refused for a while', (mode) => {
  const calls: readonly (readonly [Refusal['call'], number])[] = [
    ['mmap', ENOMEM],
    ['mremap', ENOMEM],
    ['mremap', EAGAIN],
    ['UFFDIO_REGISTER', ENOMEM],
    ['UFFDIO_UNREGISTER', ENOMEM],
    ['fallocate', ENOSPC],
    ['madvise', EAGAIN],
    ['populate', ENOMEM],
    ...(mode === 'stw' ? [] : ([ENOMEM, EAGAIN, ENOSPC].map((e) => [PUBLISHING[mode], e]) as [])),
  ];

  it.each(calls)(
    '%s, errno %i: it is asked again, and the collection comes to its end',
    async (call, errno) => {
      const refuse = [
        { call, errno, times: TRIES_STOPPED - 1 },
        { call, errno, after: TRIES_STOPPED, times: TRIES_STOPPED - 1 },
      ];
      await withWitnesses({ mode, refuse }, async (heap, words) => {
        const records = [await heap.collect(), await heap.collect()];
        await walkOn(words);
        for (const record of records) expectEveryPageOnce(record, mode);
        const refused = records.flatMap(({ refused }) => Object.values(refused)).reduce((a, b) => a + b, 0);
        const isMade = refused > 0 || !isUsed(mode, call);
        expect([heap.givenUp, isMade]).toEqual([[], true]);
      });
    },
  );
});

/** Whether collections of a mode make the call at all. */
function isUsed(mode: ModeName, call: Refusal['call']): boolean {
  switch (call) {
    case 'fallocate':
      return mode === 'continue';
    case 'madvise':
      return mode === 'copy' || mode === 'stw';
    case 'UFFDIO_REGISTER':
    case 'UFFDIO_UNREGISTER':
      return mode !== 'stw';
    default:
      return true;
  }
}

describe.each(CONCURRENT)('%s: publishing stops half way', (mode) => {
  it('EAGAIN: what is done counts, and the rest is asked for', async () => {
    const refuse = [{ call: PUBLISHING[mode], errno: EAGAIN, pages: 3 }];
    await withWitnesses({ mode, refuse }, async (heap, words) => {
      const record = await heap.collect();
      expectEveryPageOnce(record, mode);
      const { calls, pages } = record.ioctls[PUBLISHING[mode]] as { calls: number; pages: number };
      expect(pages).toBe(record.pages.publishedByCollector + record.pages.publishedByFault);
      expect(3 * calls).toBeGreaterThanOrEqual(pages);
      await walkOn(words);
    });
  });
});

/** The calls before the flip, by how many of them a collection makes there: the rehearsal's, then the flip's own. */
const FLIP: Readonly<Record<ModeName, readonly (readonly [Refusal['call'], number])[]>> = {
  continue: [
    ['mremap', 0],
    ['mmap', 0],
    ['UFFDIO_REGISTER', 0],
    ['mremap', 1],
    ['mmap', 1],
    ['UFFDIO_REGISTER', 1],
  ],
  'continue-warm': [
    ['mremap', 1],
    ['mmap', 1],
    ['UFFDIO_REGISTER', 1],
  ],
  copy: [
    ['mremap', 0],
    ['UFFDIO_REGISTER', 0],
    ['mremap', 1],
    ['UFFDIO_REGISTER', 1],
  ],
  move: [
    ['mremap', 1],
    ['UFFDIO_REGISTER', 1],
  ],
  stw: [
    ['mremap', 0],
    ['mremap', 1],
  ],
};
/** The rehearsal knows of no non-moving space; the flip of one is made of more calls. */
const REFUSED_AT_FLIP = MODE_NAMES.flatMap((mode) =>
  FLIP[mode].flatMap(([call, after]) =>
    (after === 0 ? [0] : [0, MIB]).map((nonMovingBytes) => [mode, call, after, nonMovingBytes] as const),
  ),
);

describe('before and at the flip', () => {
  const title = '%s: %s, after %i, %i bytes non-moving: given up, and the heap goes on';
  it.each(REFUSED_AT_FLIP)(title, async (mode, call, after, nonMovingBytes) => {
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

describe('a heap that cannot be collected', () => {
  it.each(MODE_NAMES)('%s: is out of memory when it is full, and the error says why', async (mode) => {
    const refuse = [{ call: 'mremap', errno: ENOMEM } as const];
    await withHeap({ mode, refuse }, async (heap) => {
      const error = await rejection(heap.spawn(fixture('programs'), { program: 'garbage', mib: 8 }).done);
      expect(error.cause).toMatchObject({ code: 'HEAP_OUT_OF_MEMORY' });
      expect(error.message).toContain(
        'which was given up because the kernel refused it what it needs (ENOMEM)',
      );
      expect(heap.givenUp.length).toBeGreaterThanOrEqual(1); // the last may not be told of yet
    });
  });
});

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
  it.each(['continue', 'copy', 'stw'] as const)('%s: go later', async (mode) => {
    const call = mode === 'continue' ? 'fallocate' : 'madvise';
    const refuse = [{ call, errno: ENOMEM, times: 4 * TRIES } as const];
    await withWitnesses({ mode, refuse }, async (heap, words) => {
      for (let i = 0; i < 6; i++) {
        const outcome = await heap.collect().catch((error) => error);
        if (outcome instanceof RefusedError) expect(outcome.syscall).toBe(call);
        else if (outcome instanceof Error) throw outcome;
        else expectEveryPageOnce(outcome, mode);
        await walkOn(words);
      }
      expect(heap.cycles.length).toBeGreaterThanOrEqual(2);
    });
  });
});

/** What is needed after the flip, by the call: a refusal is the heap's end. */
const NEEDED: readonly (readonly [ModeName, Refusal['call'], number])[] = [
  ['copy', 'UFFDIO_COPY', 2],
  ['move', 'UFFDIO_MOVE', 2],
  ['continue', 'populate', 5],
  ['copy', 'populate', 5],
  ['stw', 'populate', 5],
  ['continue', 'UFFDIO_UNREGISTER', 1],
  ['copy', 'UFFDIO_UNREGISTER', 1],
];

describe('what is needed after the flip is refused for good', () => {
  it.each(NEEDED)(
    '%s: %s, after %i: the run ends, and nobody reads a page that is not there',
    async (mode, call, after) => {
      const refuse = [{ call, errno: ENOMEM, after } as const];
      await withWitnesses({ mode, refuse }, async (heap, _words, done) => {
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
