/**
 * A heap of 2 MiB pages is what one of small pages is: the same objects are left, each page is made and published once, and from-
 * space is given back; but faults and calls are of whole huge pages. On linux they come out of a pool that must be there.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { type CycleRecord, type HeapOptions, openHeap, RefusedError } from '../../dist/gc/index.js';
import { TRIES, TRIES_STOPPED } from '../../dist/gc/patience.js';
import { REHEARSALS_BEFORE_PAUSE } from '../../dist/gc/rehearsal.js';
import { MAP_ANONYMOUS, MAP_HUGE_2MB, MAP_HUGETLB, MAP_PRIVATE, PROT_NONE } from '../../dist/uffd/abi.js';
import { ENOMEM } from '../../dist/uffd/errno.js';
import { freeHugePages, hugePoolFigure, missingHugePages } from '../../dist/uffd/linux/huge-pool.js';
import { openKernel } from '../../dist/uffd/open.js';
import {
  ALL_MODES,
  expectEveryPageOnce,
  fixture,
  KERNEL,
  MIB,
  recordsOf,
  rejection,
  runProgram,
  withHeap,
} from './gc-heaps.ts';
import { walkOn, withWitnesses } from './gc-witnesses.ts';

/** 4 KiB pages of a huge one: what all counts are in. */
const UNIT = 512;
const HUGE = 2 * MIB;
const HEAP_BYTES = 16 * MIB;
const HUGE_AND_PRIVATE = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB;
const MODES = (['continue', 'continue-warm', 'copy', 'stw'] as const).filter(
  (mode) => ALL_MODES || mode !== 'continue-warm',
);
const HEAP = { page: '2MiB', heapBytes: HEAP_BYTES, verify: true } as const;
const missing = KERNEL === 'linux' ? missingHugePages((2 * HEAP_BYTES) / HUGE) : null;
const why = missing === null ? '' : `${missing.why}; ${missing.remedy}`;
if (missing !== null) console.warn(`SKIPPED: heaps of huge pages on the real kernel: ${why}`);

beforeEach((context) => {
  context.skip(missing !== null, why);
});

/** Rounds, in each of which old objects die and others come, and mutators go over all of them while it is compacted. */
const layers = { nodes: 8000, added: 2500, rounds: 4, dead: [0, 40, 0, 60] };
const run = (options: Partial<HeapOptions>) => runProgram('layers', { ...HEAP, ...options }, layers);

const alone = { mutators: 1, gcThreads: 1, faultThreads: 1 };
const several = { mutators: 2, gcThreads: 2, faultThreads: 2 };
const WAYS = [
  ['moving all', { densePrefix: null }],
  ['on demand only', { batch: 0 }],
  ['two huge pages a call', { batch: UNIT + 1 }],
  ['from the bottom up', { order: 'up' }],
] as const;

describe.each(MODES)('%s', (mode) => {
  it.each(ALL_MODES ? [alone, several] : [several])('leaves what small pages leave: %o', async (options) => {
    const data = { ...layers, nodes: 8000 / options.mutators, added: 2500 / options.mutators };
    const small = await runProgram('layers', { ...HEAP, mode, ...options, page: '4KiB' }, data);
    const huge = await runProgram('layers', { ...HEAP, mode, ...options, verify: 'phases' }, data);
    expect(huge.results).toEqual(small.results);
    expect(huge.results[0]).toEqual(expect.any(Number));
  });

  // COPY publishes in the same order, and in stw nothing is published.
  it.each(mode === 'continue' || ALL_MODES ? WAYS : WAYS.slice(0, 1))('%s', async (_, options) => {
    const { results } = await run({ mode, ...options });
    expect(results).toEqual([expect.any(Number)]);
  });

  it('new memory is zero, also above what was made in a huge page', async () => {
    const options = { ...HEAP, mode, densePrefix: null };
    const { results } = await runProgram('fresh', options, { mib: 3, rounds: 5 });
    expect(results).toEqual([0]);
  });

  it.runIf(mode !== 'continue-warm')('gives back what collections leave', async () => {
    await withHeap({ ...HEAP, mode }, async (heap) => {
      await heap.spawn(fixture('programs'), { program: 'garbage', mib: 64 }).done;
      for (const cycle of await recordsOf(heap)) expectEveryPageOnce(cycle, mode);
      expect(heap.memory().bytes).toBeLessThan(4 * HUGE); // copy has a buffer for each thread
    });
  });
});

describe.each(['continue', 'copy'] as const)('%s: whole huge pages', (mode) => {
  const publishing = mode === 'copy' ? 'UFFDIO_COPY' : 'UFFDIO_CONTINUE';
  const faultsOf = ({ faults }: CycleRecord) => faults.missing + faults.minor;

  it('are published by a call each, and faults are no more than they are', async () => {
    const { cycles } = await run({ mode, faultThreads: 2 });
    for (const { pages, ioctls, faults, number } of cycles) {
      const huge = Math.ceil((pages.compacted + pages.slid) / UNIT);
      expect(ioctls[publishing], `collection ${number}`).toEqual({ calls: huge, pages: huge * UNIT });
      expect(faults.missing + faults.minor).toBeLessThanOrEqual(huge);
    }
  });

  it('fault seldom where small pages fault often', async () => {
    const options = { mode, heapBytes: 8 * MIB, batch: 0, verify: false } as const;
    // However the threads run, a collection of huge pages has no more than there are.
    const most = 4;
    const collectUntil = (page: '4KiB' | '2MiB', isDone: (faults: number, collections: number) => boolean) =>
      withWitnesses(
        { ...options, page },
        async (heap) => {
          for (let [faults, collections] = [0, 0]; !isDone(faults, collections); collections++) {
            faults = faultsOf(await heap.collect());
            if (page === '2MiB') expect(faults).toBeLessThanOrEqual(most);
          }
        },
        { length: 20_000 },
      );
    await collectUntil('4KiB', (faults) => faults > 2 * most);
    await collectUntil('2MiB', (faults, collections) => faults > 0 && collections >= 4);
  });
});

it.each([10_000, 20_000])('continue: a dense prefix is whole huge pages: of %i objects', async (nodes) => {
  const { cycles } = await runProgram(
    'layers',
    { ...HEAP, mode: 'continue' },
    { ...layers, nodes, rounds: 3 },
  );
  const prefixes = cycles.map(({ pages }) => pages.prefix);
  expect(prefixes.every((pages) => pages % UNIT === 0)).toBe(true);
  expect(Math.max(...prefixes)).toBe(nodes === 10_000 ? 0 : 2 * UNIT);
});

describe('refused', () => {
  const AT_FLIP = [
    ['mmap', 0, TRIES], // what reserves the files
    ['mmap', 2, TRIES], // the first rehearsal
    ['UFFDIO_REGISTER', 0, TRIES],
    ['mmap', 2 + REHEARSALS_BEFORE_PAUSE, TRIES_STOPPED], // the flip
    ['UFFDIO_REGISTER', REHEARSALS_BEFORE_PAUSE, TRIES_STOPPED],
  ] as const;
  const options = { page: '2MiB', heapBytes: 8 * MIB } as const;

  const modes = (['continue', 'copy'] as const).filter((mode) => ALL_MODES || mode === 'continue');
  it.each(modes.flatMap((mode) => AT_FLIP.map((row) => [mode, ...row] as const)))(
    '%s: %s after %i: the collection is given up, and the heap goes on',
    async (mode, call, after, times) => {
      const refuse = [{ call, errno: ENOMEM, after, times }];
      await withWitnesses({ ...options, mode, refuse }, async (heap, words) => {
        const error = await rejection(heap.collect());
        expect(error).toBeInstanceOf(RefusedError);
        expect(error).toMatchObject({ syscall: call, heap: 'intact' });
        await walkOn(words);
        for (let i = 0; i < 3; i++) expectEveryPageOnce(await heap.collect(), mode);
        await walkOn(words);
      });
    },
  );

  it('continue: CONTINUE for good: the end of the watch maps what is made', async () => {
    const refuse = [{ call: 'UFFDIO_CONTINUE', errno: ENOMEM }] as const;
    await withWitnesses({ ...options, mode: 'continue', refuse }, async (heap, words) => {
      const { pages } = await heap.collect();
      expect(pages.untouched).toBe(pages.compacted + pages.slid);
      await walkOn(words);
    });
  });

  it.each(['continue', 'copy', 'stw'] as const)('%s: giving back: it is done later', async (mode) => {
    const refusal =
      mode === 'stw'
        ? ({ call: 'madvise', errno: ENOMEM, times: TRIES_STOPPED } as const)
        : ({ call: 'fallocate', errno: ENOMEM, times: TRIES } as const);
    await withHeap({ ...HEAP, mode, refuse: [refusal] }, async (heap) => {
      await heap.spawn(fixture('programs'), { program: 'garbage', mib: 64 }).done;
      await recordsOf(heap);
      expect(heap.cycles.flatMap(({ refused }) => Object.values(refused))).not.toEqual([]);
      expect(heap.memory().bytes).toBeLessThan(4 * HUGE);
    });
  });
});

it.runIf(KERNEL === 'linux').each(['continue', 'continue-warm', 'copy'] as const)(
  '%s: somebody takes what was given back: the collection is given up, and the next one is not',
  async (mode) => {
    await withWitnesses({ page: '2MiB', heapBytes: HEAP_BYTES, mode }, async (heap, words) => {
      for (let i = 0; i < 2; i++) await heap.collect();
      const other = openKernel('linux');
      try {
        const bytes = HUGE * (freeHugePages() + (hugePoolFigure('nr_overcommit') as number));
        const held = other.mmap(0, bytes, PROT_NONE, HUGE_AND_PRIVATE, -1, 0);
        expect(held).toBeGreaterThan(0);
        // Warm files have given nothing back.
        if (mode !== 'continue-warm') expect(await rejection(heap.collect())).toBeInstanceOf(RefusedError);
        await walkOn(words);
        expect(other.munmap(held, bytes)).toBe(0);
        expectEveryPageOnce(await heap.collect(), mode);
        await walkOn(words);
      } finally {
        other.dispose();
      }
    });
  },
);

const REFUSED: readonly (readonly [string, object, RegExp])[] = [
  ['a size that no page has', { page: '8KiB' }, /^page: 8KiB is no size of a page; it takes 4KiB or 2MiB$/],
  ['a number that is none', { page: 8192 }, /^page: 8192 is no size/],
  ['half a page', { heapBytes: 3 * MIB }, /^heapBytes: 1.5 pages of 2 MiB is out of range/],
  [
    'move',
    { mode: 'move' },
    /^page: mode move has no pages of 2 MiB; continue, continue-warm, copy, stw have$/,
  ],
  ['a non-moving space', { nonMovingBytes: HUGE }, /^page: .* no such space; leave nonMovingBytes out/],
  ['a large-object space', { largeBytes: HUGE }, /^page: .* no such space; leave largeBytes out/],
];

it.each(REFUSED)('%s is refused in one line', async (_, options, says) => {
  const error = await rejection(openHeap({ kernel: KERNEL, mutators: 1, ...HEAP, ...options }));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toMatch(says);
});

it('a number of bytes is a size, too', async () => {
  const { results } = await run({ mode: 'stw', page: HUGE });
  expect(results).toEqual([expect.any(Number)]);
});

it.runIf(KERNEL === 'linux')('a pool that is too small: the command, with the number', async () => {
  const heapBytes = HUGE * (freeHugePages() + 1);
  const error = await rejection(openHeap({ ...HEAP, kernel: 'linux', mutators: 1, heapBytes }));
  expect(error.code).toBe('KERNEL_UNAVAILABLE');
  expect(error.message).toMatch(
    /\d+ huge pages are free, and \d+ are needed; as root: sysctl vm\.nr_hugepages=\d+$/,
  );
});
