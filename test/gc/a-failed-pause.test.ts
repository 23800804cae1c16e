/**
 * A collection that fails while the world is stopped leaves it stopped: mutators in a heap half done would fail too,
 * and one of them be blamed. Here the collector runs on the test's thread, over two heaps in arrays.
 */
import { expect, it } from 'vitest';
import { collect } from '../../dist/gc/collection.js';
import { allocateCycle, openCycle } from '../../dist/gc/cycle.js';
import { EVENT } from '../../dist/gc/events.js';
import { makeMaker } from '../../dist/gc/maker.js';
import { allocateMarkPool, openMarkPool } from '../../dist/gc/mark-pool.js';
import { type Collector, PAUSES, PHASES } from '../../dist/gc/phase.js';
import { makeMarking } from '../../dist/gc/phases/mark.js';
import { FlipUndoneError } from '../../dist/gc/refusals.js';
import { makeRehearsal } from '../../dist/gc/rehearsal.js';
import { CONTROL } from '../../dist/heap/layout.js';
import { newestAt } from '../../dist/heap/requests.js';
import { isStopRequested } from '../../dist/heap/safepoint.js';
import { ENOMEM, SyscallError } from '../../dist/uffd/errno.js';
import { makeImage, makeSpace, setRoots, thing } from './heap-image.ts';

/** A collector that stops the world for all of it, and what it told. */
function makeCollector(steps: { readonly flip?: () => void; readonly release?: () => void }) {
  const items = [thing(1, 0, 200), thing(2, 1, 3000), thing(3, 0, 9)];
  const { tables, space, places, pages } = makeImage(items, 1);
  setRoots(tables, 0, [places.get(items[2] as (typeof items)[0]) as number]);
  let [living, old] = [space, makeSpace(pages + 1, 7)];
  const told: string[] = [];
  const words: Record<number, (a: number) => string> = {
    [EVENT.phaseBegin]: (a) => `${PHASES[a]}`,
    [EVENT.stopped]: (a) => `stop for ${PAUSES[a]}`,
    [EVENT.resumed]: () => 'resume',
  };
  const thread = {
    livingSpace: () => living.view,
    fromSpace: () => old.view,
    rehearseFlip: () => told.push('rehearse the flip'),
    publish: () => ({ done: 4096, errno: 0 }),
    flip: () => {
      steps.flip?.();
      [living, old] = [old, living];
    },
    target: () => living.view.words,
    slot: (page: number) => living.view.writable(page),
    unwatch: () => {},
    release: () => steps.release?.(),
  };
  const parts = {
    tables,
    thread,
    cycle: openCycle(allocateCycle()),
    mode: { concurrent: false },
    events: { emit: (kind: number, a: number) => words[kind] && told.push(words[kind](a)) },
    role: 0,
  };
  const maker = makeMaker(parts as unknown as Parameters<typeof makeMaker>[0]);
  const { cycle } = parts;
  const collector: Collector = {
    maker,
    tables,
    cycle,
    marking: makeMarking(tables, openMarkPool(allocateMarkPool()), true),
    helpers: 0,
    batch: 4,
    verify: true,
    checker: null,
    debt: { old: { first: 0, end: 0 }, above: 0 },
    density: null,
    trigger: { utilization: null, minFreePages: 1, maxFreePages: 1 },
    rehearseFlip: makeRehearsal(maker, {} as Parameters<typeof makeRehearsal>[1]),
    cpuUs: () => 0,
    sampleMemory: () => {},
  };
  return { collector, tables, told };
}

it('nothing fails: the world is stopped for the pauses and the check, and the phases are in order', () => {
  const { collector, tables, told } = makeCollector({});
  collect(collector);
  // Nothing was allocated meanwhile: the next one begins when the heap is full.
  expect(tables.control[CONTROL.startAt]).toBe(tables.pages);
  expect(told).toEqual([
    ...['mark', 'preclean', 'stop for marking', 'remark', 'resume', 'liveness', 'prepare'],
    'rehearse', // nothing: the pause holds all of the compaction
    ...['stop for compaction', 'flip', 'compact', 'release', 'resume'],
    ...['unwatch', 'release', 'verify'],
  ]);
  expect(isStopRequested(tables.control)).toBe(false);
  expect(newestAt(tables.control, 'finished')).toBe(1);
});

it('the flip fails', () => {
  const { collector, tables, told } = makeCollector({
    flip: () => {
      throw new RangeError('no such mapping');
    },
  });
  expect(() => collect(collector)).toThrow('no such mapping');
  expect(isStopRequested(tables.control)).toBe(true);
  expect(told.at(-1)).toBe('flip');
  expect(newestAt(tables.control, 'flipped')).toBe(0);
});

it('the flip is refused, and was undone: the world goes on, and so does the next collection', () => {
  let refusals = 1;
  const { collector, tables, told } = makeCollector({
    flip: () => {
      if (refusals-- > 0) throw new FlipUndoneError(new SyscallError('mremap', ENOMEM));
    },
  });
  expect(collect(collector)).toMatchObject({ code: 'KERNEL_REFUSED', syscall: 'mremap', heap: 'intact' });
  expect(isStopRequested(tables.control)).toBe(false);
  expect(told.slice(-3)).toEqual(['stop for compaction', 'flip', 'resume']);
  // Marking is over: a new object of the non-moving space that were marked would be taken for traced.
  expect(tables.control[CONTROL.allocatesMarked]).toBe(0);
  expect(tables.control[CONTROL.refused]).toBe(ENOMEM);
  expect([newestAt(tables.control, 'flipped'), newestAt(tables.control, 'finished')]).toEqual([1, 1]);
  expect(collect(collector)).toBeNull();
  expect(tables.control[CONTROL.refused]).toBe(0);
});

it('the check fails', () => {
  const made = makeCollector({ release: () => setRoots(made.tables, 1, [4]) });
  expect(() => collect(made.collector)).toThrow(
    'verification after collection 1: 1 problem(s), the first: mutator 1: root slot 0 is 4, where no object begins',
  );
  expect(isStopRequested(made.tables.control)).toBe(true);
  expect(newestAt(made.tables.control, 'finished')).toBe(0);
});
