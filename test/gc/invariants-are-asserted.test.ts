/**
 * Each invariant is asserted: a collection on a simulated machine, the test's thread being the collector, in which
 * something is broken at one boundary. Without that it comes to its end.
 */
import { afterEach, expect, it } from 'vitest';
import { collect } from '../../dist/gc/collection.js';
import { CYCLE, openCycle } from '../../dist/gc/cycle.js';
import type { FillPage } from '../../dist/gc/fill-page.js';
import { type Checker, makeChecker } from '../../dist/gc/invariants/checker.js';
import { INVARIANTS, type InvariantName } from '../../dist/gc/invariants/named.js';
import { assertingFill } from '../../dist/gc/invariants/page.js';
import { layOut } from '../../dist/gc/lay-out.js';
import { makeMaker } from '../../dist/gc/maker.js';
import { openMarkPool } from '../../dist/gc/mark-pool.js';
import { MODES, type ModeName } from '../../dist/gc/modes/index.js';
import { allBytes } from '../../dist/gc/modes/mapping.js';
import { resolveOptions } from '../../dist/gc/options.js';
import { PAGE } from '../../dist/gc/page-state.js';
import type { Collector } from '../../dist/gc/phase.js';
import { makeMarking } from '../../dist/gc/phases/mark.js';
import { makeRehearsal } from '../../dist/gc/rehearsal.js';
import { CONTROL, openTables, WEAK_HEAD_WORDS } from '../../dist/heap/layout.js';
import { attachMutator, type Mutator } from '../../dist/heap/mutator.js';
import { nonMovingBegin, usedNext } from '../../dist/heap/non-moving.js';
import { setTopPage, topPage } from '../../dist/heap/spaces.js';
import { MADV_DONTNEED } from '../../dist/uffd/abi.js';
import type { Kernel } from '../../dist/uffd/kernel.js';
import { attachUserfaultfd } from '../../dist/uffd/userfaultfd.js';

const PAGES = 64;
const OBJECTS = 200;
const WORDS = 58; // of data in each object
const GRANULES = 31; // of each object: so that most do not begin with a chunk
const opened: Kernel[] = [];
afterEach(() => {
  for (const kernel of opened.splice(0)) kernel.dispose();
});

/**
 * A heap in which every other object is live, some of them pinned; each refers to the live one before it. The first
 * `dense` ones are live too, but for every fortieth.
 */
function checkedHeap(mode: ModeName, dense = 0) {
  const options = {
    kernel: 'sim',
    mode,
    heapBytes: PAGES * 4096,
    nonMovingBytes: 8 * 4096,
    largeBytes: 16 * 4096,
    mutators: 2,
  } as const;
  const { kernel, links } = layOut(resolveOptions(options));
  opened.push(kernel);
  const tables = openTables(links.metadata, links.geometry);
  const cycle = openCycle(links.cycle);
  const uffd = attachUserfaultfd(kernel, links.uffd);
  const thread = MODES[mode].attach({
    ...{ kernel, uffd, ranges: links.ranges, maker: 0 },
    side: () => cycle[CYCLE.side] as number,
    prefix: () => cycle[CYCLE.prefixPages] as number,
    shared: links.modeWords,
  });
  const { heap } = links.ranges;
  const run = (index: number, program: (m: Mutator) => void): void => {
    const view = kernel.mutatorView(heap, allBytes(links.ranges));
    const { mutator, detach } = attachMutator(view, tables, { index, roots: 4 });
    program(mutator);
    detach();
  };
  run(0, (m) => {
    for (let i = -dense; i < OBJECTS; i++) {
      const object = i >= 0 && i % 10 === 4 ? m.allocObjectNonMoving(2, WORDS) : m.allocObject(2, WORDS);
      m.setDataAt(object, 0, i);
      m.setRefAt(object, 0, m.root(0));
      if (i < 0 ? i % 40 !== 0 : i % 2 === 0) m.setRoot(0, object);
      else m.setRoot(1, object); // dead once the next one is there
    }
    m.setRoot(1, 0);
    m.setRoot(2, m.allocObject(3100, 0));
    for (let slot = 0; slot < 3100; slot += 100) m.setRefAt(m.root(2), slot, m.root(0));
    m.setRoot(3, m.allocObject(0, 5000));
    m.weak(m.root(0));
    m.ephemeron(m.root(0), m.root(2));
  });
  const first = (tables.roots[0]?.[1] as number) - GRANULES; // a dead object, just below the last live one
  const black = topPage(tables) * 512;
  const pinned = nonMovingBegin(tables); // the first object there, a live one
  const [, large, raw] = tables.fixed; // an array of references on four pages, one of raw data on five
  const deadAmongDense = 512 + 20 * GRANULES; // on the first page is the nil object
  return {
    deadAmongDense,
    kernel,
    links,
    tables,
    cycle,
    uffd,
    thread,
    run,
    heap,
    black,
    pinned,
    large,
    raw,
    dead: first,
  };
}

type Checked = ReturnType<typeof checkedHeap>;
/** Breaks something just before a boundary is asserted. */
type Break = (h: Checked, checker: Checker, args: readonly never[]) => void;
type Breaks = { readonly [Boundary in keyof Checker]?: Break } & {
  readonly fill?: (fill: FillPage, h: Checked) => FillPage;
};

/** One collection, checked, with what is to be broken in it. */
function collectChecked(mode: ModeName, breaks: Breaks, beside: Break = () => {}, dense = 0): Checked {
  const h = checkedHeap(mode, dense);
  const { kernel, links, tables, cycle, uffd, thread } = h;
  const events = { tells: () => false, emit: () => {}, emitAt: () => {} };
  const plain = makeMaker({ mode: MODES[mode], thread, tables, cycle, events, role: 0 });
  const fill = breaks.fill?.(plain.fill, h) ?? plain.fill;
  const maker = { ...plain, fill: assertingFill(fill, plain) };
  const sound = makeChecker(maker, kernel, h.heap, links.uffd);
  const checker = Object.fromEntries(
    Object.entries(sound).map(([boundary, check]) => [
      boundary,
      (...args: never[]) => {
        if (boundary === 'prepared') beside(h, sound, []);
        breaks[boundary as keyof Checker]?.(h, sound, args);
        (check as (...all: never[]) => void)(...args);
      },
    ]),
  ) as unknown as Checker;
  const collector: Collector = {
    ...{ maker, tables, cycle, checker, helpers: 0, batch: 4, verify: true },
    marking: makeMarking(tables, openMarkPool(links.markPool), true),
    trigger: links.trigger,
    debt: { old: { first: 0, end: 0 }, above: 0 },
    density: 0.9, // 19 pages: the first one is the nil object's and filler
    rehearseFlip: makeRehearsal(maker, uffd),
    cpuUs: () => 0,
    sampleMemory: () => {},
  };
  collect(collector);
  return h;
}

/** Objects allocated between marking and the flip, by another mutator: their pages slide. */
const allocateSome: Break = ({ run }) =>
  run(1, (m) => {
    for (let i = 0; i < 40; i++) {
      const object = m.allocObject(1, WORDS);
      m.setRefAt(object, 0, m.root(0));
      m.setRoot(0, object);
    }
  });

const damageWord =
  (isIt: (page: number) => boolean) =>
  (fill: FillPage): FillPage => {
    return (page, words, base) => {
      fill(page, words, base);
      if (isIt(page)) words[base + 100] = (words[base + 100] as number) + 1;
    };
  };

/** As if a fault thread had claimed the page. */
const faultProcessed =
  (fill: FillPage, { tables }: Checked): FillPage =>
  (page, words, base) => {
    fill(page, words, base);
    if (page === 1) put(tables.pageStates, page, PAGE.faultProcessing);
  };

/** A store through the alias of the file that the heap is not in. */
const storeInFrom: Break = ({ kernel, links, cycle }) =>
  kernel.store32((links.ranges[`alias${1 - (cycle[CYCLE.side] as number)}`] as number) + 3 * 4096, 1);

const last = ({ tables }: Checked): number => tables.roots[0]?.[1] as number;
/** The first granule above everything: what is allocated from now on is black. */
const endOf = ({ black }: Checked): number => black;
const put = (words: Int32Array, index: number, value: number): void => {
  words[index] = value;
};
const flipBit = (words: Int32Array, bit: number, stride = 1): void => {
  words[(bit >>> 5) * stride] = (words[(bit >>> 5) * stride] as number) ^ (1 << (bit & 31));
};

/** Which, what, how; and, where one of its clauses could be left out unseen, what that one says. */
const BROKEN: readonly (readonly [InvariantName, string, Breaks, says?: RegExp])[] = [
  ['I1', 'the object in a root is not marked', { marked: (h) => flipBit(h.tables.markBits, last(h)) }],
  [
    'I1',
    'what an object refers to is not marked',
    { marked: (h) => flipBit(h.tables.markBits, referent(h)) },
  ],
  [
    'I1',
    'an object that only a root refers to is not marked',
    { marked: (h) => flipBit(h.tables.markBits, h.tables.roots[0]?.[4] as number) },
    /root slot 3 is .*, which is not marked/,
  ],
  [
    'I1',
    'what a weak handle refers to is not marked',
    { marked: (h) => put(h.tables.weak[0] as Int32Array, WEAK_HEAD_WORDS + 1, h.dead) },
    /mutator 0: weak handle 0 is .*, which is not marked/,
  ],
  ['I2', 'filler is marked', { marked: (h) => flipBit(h.tables.markBits, 1) }, /filler is marked/],
  ['I2', 'a mark inside an object', { marked: (h) => flipBit(h.tables.markBits, last(h) + 3) }],
  [
    'I2',
    'a live bit above all objects of its chunk',
    { prepared: (h) => flipBit(h.tables.liveness, endOf(h) - 1, 2) },
  ],
  [
    'I3',
    'a dead object has lost its header',
    { marked: ({ kernel, heap, dead }) => kernel.store32(heap + dead * 8, 0) },
  ],
  [
    'I4',
    'a reference stored without the barrier',
    { beforeRemark: (h) => h.kernel.store32(h.heap + last(h) * 8 + 8, h.dead) },
  ],
  [
    'P1',
    'an offset of a chunk in which no object begins',
    { prepared: (h) => put(h.tables.liveness, 2 * ((endOf(h) - 1) >>> 5) + 1, 1) },
  ],
  [
    'P1',
    'the plan counts one more',
    { prepared: (_h, _checker, [plan]) => void Object.assign(plan as object, { liveGranules: 1 }) },
    /the plan is \d+ granules on \d+ pages; live are/,
  ],
  ['P2', 'a live bit below an object', { prepared: (h) => flipBit(h.tables.liveness, last(h) - 1, 2) }],
  [
    'P3',
    'the first granule of a page is the next one',
    { prepared: ({ tables }) => put(tables.firstGranule, 1, (tables.firstGranule[1] as number) + 1) },
  ],
  [
    'P3',
    'the first granule of a page is not its first object’s',
    { prepared: ({ tables }) => put(tables.firstObject, 1, tables.firstObject[0] as number) },
    /page 1 begins with granule \d+ of .*page 0\)$/,
  ],
  [
    'P4',
    'two pages begin in the wrong order',
    {
      prepared: ({ tables: { firstGranule } }) =>
        firstGranule.set([firstGranule[2] as number, firstGranule[1] as number], 1),
    },
  ],
  [
    'N1',
    'a mark in the non-moving space is lost',
    { beforeFlip: (h) => flipBit(h.tables.markBits, h.pinned) },
  ],
  [
    'N1',
    'a place is kept for nobody',
    { beforeFlip: (h) => put(usedNext(h.tables, h.tables.fixed[0]), 25, 1) },
  ],
  ['N1', 'a large object is not kept', { beforeFlip: (h) => put(usedNext(h.tables, h.large), 0, 0) }],
  ['N1', 'a page of raw data is not kept', { beforeFlip: (h) => flipBit(usedNext(h.tables, h.raw), 2) }],
  [
    'C1',
    'a root forwarded twice',
    {
      flipped: ({ tables }) =>
        void (tables.roots as Int32Array[])[0]?.set([(tables.roots[0]?.[1] as number) - GRANULES], 1),
    },
  ],
  [
    'C1',
    'a weak handle is not forwarded',
    { flipped: ({ tables }) => put(tables.weak[0] as Int32Array, WEAK_HEAD_WORDS + 1, 3) },
    /mutator 0: weak handle 0 was .* and is 3/,
  ],
  ['C2', 'a page has a state', { flipped: ({ tables }) => put(tables.pageStates, 2, PAGE.wanted) }],
  ['C2', 'a page is there', { flipped: ({ uffd, heap }) => void uffd.zeropage(heap + 4096, 4096) }],
  [
    'C2',
    'from-space is not what it was',
    { flipped: ({ thread }) => put(thread.fromSpace().words, thread.fromSpace().readable(1) + 7, 77) },
  ],
  [
    'C2',
    'raw data is not what it was',
    { flipped: ({ kernel, heap, raw }) => kernel.store32(heap + raw.first * 4096 + 3000, 77) },
  ],
  [
    'C3',
    'the incoming file has a page',
    {
      beforeFlip: storeInFrom,
    },
  ],
  [
    'C5',
    'the top is one page too high',
    { flipped: ({ tables }) => setTopPage(tables, topPage(tables) + 1) },
    /it ends with page \d+, with \d+ free; of 64 pages/,
  ],
  [
    'C5',
    'a page more is said to be free',
    {
      flipped: ({ tables: { control } }) =>
        put(control, CONTROL.freeAtFlip, (control[CONTROL.freeAtFlip] as number) + 1),
    },
  ],
  [
    'D2',
    'a page was made twice',
    { unwatched: ({ cycle }) => put(cycle, CYCLE.made, (cycle[CYCLE.made] as number) + 1) },
  ],
  ['D4', 'a page is made for a fault by nobody who is counted', { fill: faultProcessed }],
  [
    'D6',
    'from-space is given back from further up',
    {
      unwatched: (_h, checker) => {
        checker.beforeRelease(40);
        checker.beforeRelease(41);
      },
    },
  ],
  ['D6', 'a page was not claimed', { unwatched: ({ cycle }) => put(cycle, CYCLE.cursor, 1) }],
  [
    'D6',
    'a page that does not move was not claimed',
    { unwatched: ({ cycle }) => put(cycle, CYCLE.nonMovingCursor, 1) },
  ],
  ['D7', 'a word of a compacted page', { fill: damageWord((page) => page === 1) }],
  ['D7', 'a word of a slid page', { fill: damageWord((page) => page === 6) }],
  ['D7', 'a word of a page that does not move', { fill: damageWord((page) => page === PAGES + 1) }],
  ['D7', 'a word of a large array', { fill: damageWord((page) => page === PAGES + 8 + 2) }],
  [
    'D5',
    'from-space that an unmade page reads',
    {
      unwatched: ({ tables }, checker) => {
        put(tables.pageStates, 0, PAGE.unprocessed);
        checker.beforeRelease(0);
      },
    },
  ],
  ['E1', 'somebody works on a page', { unwatched: ({ cycle }) => put(cycle, CYCLE.workers, 1) }],
  [
    'E1',
    'a fault waits to be read',
    {
      unwatched: ({ kernel }) =>
        void Object.assign(kernel, { fdinfo: () => ({ pending: 3, total: 3, features: 0n }) }),
    },
    /faults that nobody has read: 3/,
  ],
  [
    'E2',
    'a published page is not mapped',
    { beforeUnwatch: ({ kernel, heap }) => void kernel.madvise(heap + 2 * 4096, 4096, MADV_DONTNEED) },
    /page 2 is published, and mutators do not see it/,
  ],
  ['E2', 'a page is not made', { unwatched: ({ tables }) => put(tables.pageStates, 2, PAGE.processing) }],
  [
    'E2',
    'a page that does not move is not updated',
    { unwatched: ({ tables }) => put(tables.pageStates, PAGES + 1, PAGE.wanted) },
  ],
  [
    'E2',
    'a page of a large array is left out',
    { unwatched: ({ tables, large }) => put(tables.pageStates, large.first + 3, PAGE.unprocessed) },
  ],
  ['E3', 'the file that was left has a page', { released: storeInFrom }, /page 3 of it is there/],
  [
    'E5',
    'a mark on raw data is left',
    { cleared: ({ tables, raw }) => put(tables.markBits, raw.first * 16, 1) },
  ],
  ['E5', 'a mark is left', { cleared: ({ tables }) => put(tables.markBits, 9, 4) }],
  ['E5', 'an offset is left', { cleared: ({ tables }) => put(tables.liveness, 9, 4) }],
];

/** What the object in the root refers to. */
function referent(h: Checked): number {
  return h.kernel.load32(h.heap + last(h) * 8 + 4);
}

for (const [invariant, what, breaks, says] of BROKEN) {
  it(`${invariant}: ${what}`, () => {
    const collection = () => collectChecked('continue', breaks, allocateSome);
    expect(collection).toThrow(expect.objectContaining({ code: 'INVARIANT_VIOLATED', invariant }));
    expect(collection).toThrow(`invariant ${invariant} (${INVARIANTS[invariant]}): `);
    if (says !== undefined) expect(collection).toThrow(says);
  });
}

/** Some 300 objects at the bottom that stay where they are, and the pages that do. */
const DENSE = 300;
const STAYING = { continue: 16, 'continue-warm': 16, copy: 0, move: 19, stw: 19 }; // a part of them, copied, or all
const DENSE_BROKEN: typeof BROKEN = [
  ['P2', 'an offset', { prepared: ({ tables }) => put(tables.liveness, 2 * 40 + 1, 7) }],
  [
    'P5',
    'what is dead has no filler',
    { unwatched: ({ kernel, heap, deadAmongDense }) => kernel.store32(heap + deadAmongDense * 8, 0) },
  ],
  [
    'I2',
    'a live bit of dead space',
    { prepared: (h) => flipBit(h.tables.liveness, h.deadAmongDense + 1, 2) },
  ],
  [
    'C2',
    'a page is not what it was',
    { flipped: ({ thread }) => put(thread.livingSpace().words, thread.livingSpace().readable(1) + 7, 77) },
  ],
  ['D7', 'a word of a page that is not moved', { fill: damageWord((page) => page === 2) }],
  ['E2', 'a page is left out', { unwatched: ({ tables }) => put(tables.pageStates, 2, PAGE.unprocessed) }],
];

for (const [invariant, what, breaks] of DENSE_BROKEN) {
  it(`the dense prefix, ${invariant}: ${what}`, () => {
    expect(() => collectChecked('continue', breaks, allocateSome, DENSE)).toThrow(
      expect.objectContaining({ code: 'INVARIANT_VIOLATED', invariant }),
    );
  });
}

it('every one of them is broken above', () => {
  const broken = new Set([...BROKEN, ...DENSE_BROKEN].map(([name]) => name));
  expect([...broken].sort()).toEqual(Object.keys(INVARIANTS).sort());
});

it.each(Object.keys(MODES) as ModeName[])('%s: nothing is broken', (mode) => {
  collectChecked(mode, {});
  collectChecked(mode, {}, allocateSome);
  const { cycle } = collectChecked(mode, {}, allocateSome, DENSE);
  expect(cycle[CYCLE.prefixPages]).toBe(STAYING[mode]);
});

// Of pages that were made over what they are made from, D7 is asserted when all of them are.
it.each([1, 6])('stw: D7, a word of page %i', (broken) => {
  const fill = damageWord((page) => page === broken);
  expect(() => collectChecked('stw', { fill }, allocateSome)).toThrow(
    expect.objectContaining({ code: 'INVARIANT_VIOLATED', invariant: 'D7' }),
  );
});
