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
  KERNEL,
  MIB,
  MODE_NAMES,
  rejection,
  sharedWords,
  withHeap,
} from './gc-heaps.ts';
import { workersLeft } from './worker-watch.ts';

afterEach(() => expect(workersLeft()).toBe(0));

const [BUILT, WRONG, WALKS, PAUSED, RESTING] = [0, 1, 2, 3, 4];
const FOR_EVER = 1e9;
const CONCURRENT = ['continue', 'continue-warm', 'copy', 'move'] as const;
const DEFERRING = ['continue', 'continue-warm'] as const;
const PUBLISHING = {
  continue: 'UFFDIO_CONTINUE',
  'continue-warm': 'UFFDIO_CONTINUE',
  copy: 'UFFDIO_COPY',
  move: 'UFFDIO_MOVE',
} as const;

/**
 * A heap in which two mutators walk the lists that they have built, and the kernel refuses. They allocate nothing more,
 * so that no collection begins by itself; unless `litter` says how many objects they make with each walk.
 */
async function withWitnesses(
  options: Partial<HeapOptions>,
  use: (heap: Heap, words: Int32Array, done: Promise<unknown[]>) => Promise<void>,
  { litter = 0, length = 1200 } = {},
): Promise<void> {
  const words = sharedWords();
  await withHeap(
    { heapBytes: 2 * MIB, mutators: 2, gcThreads: 2, faultThreads: 2, verify: 'phases', ...options },
    async (heap) => {
      const data = { length, words, walks: FOR_EVER, litter, pins: (options.nonMovingBytes ?? 0) > 0 };
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
    case 'mmap': // stw changes no mapping
    case 'mremap':
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

/** What is refused after how many calls (the first are the rehearsal's), and how large the non-moving space is. */
const AT_FLIP: readonly (readonly [ModeName, Refusal['call'], number, number])[] = [
  ['continue', 'mremap', 0, 0],
  ['continue', 'mmap', 0, 0],
  ['continue', 'UFFDIO_REGISTER', 0, 0],
  ['continue', 'mremap', 1, 0],
  ['continue', 'mmap', 1, 0],
  ['continue', 'UFFDIO_REGISTER', 1, 0],
  ['continue', 'mremap', 2, MIB],
  ['continue', 'mmap', 2, MIB],
  ['continue', 'UFFDIO_REGISTER', 2, MIB],
  ['continue-warm', 'UFFDIO_REGISTER', 1, 0],
  ['copy', 'mremap', 0, 0],
  ['copy', 'mremap', 1, 0],
  ['copy', 'UFFDIO_REGISTER', 1, 0],
  ['copy', 'UFFDIO_REGISTER', 2, MIB],
  ['move', 'mremap', 1, 0],
  ['move', 'UFFDIO_REGISTER', 1, 0],
  ['move', 'UFFDIO_REGISTER', 2, MIB],
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
  it.each(AT_FLIP)(title, async (mode, call, after, nonMovingBytes) => {
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

describe.each(CONCURRENT)('%s: beside mutators that allocate', (mode) => {
  it('collections are given up and others are not, pinned objects or none', async () => {
    // Each time at least one collection is given up, in its rehearsal or at its flip.
    const refuse = [9, 40, 70].map((after) => {
      return { call: 'mremap', errno: ENOMEM, after, times: TRIES } as const;
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
  it.each(CONCURRENT)('%s: is out of memory when it is full, and the error says why', async (mode) => {
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
    const options = { mode, mutators: 3, heapBytes: 4 * MIB, batch: 4, gcThreads: 1 };
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

/** What is needed after the flip, by the call: a refusal is the heap's end. */
const NEEDED: readonly (readonly [ModeName, Refusal['call'], number])[] = [
  ['copy', 'UFFDIO_COPY', 2],
  ['move', 'UFFDIO_MOVE', 2],
  ['continue', 'populate', 5],
  ['copy', 'populate', 5],
  ['stw', 'populate', 0],
  ['stw', 'populate', 5],
  ['continue', 'UFFDIO_UNREGISTER', 1],
  ['copy', 'UFFDIO_UNREGISTER', 1],
];

describe('what is needed after the flip is refused for good', () => {
  it.each(NEEDED)(
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
