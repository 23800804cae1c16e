/** What measuring makes of a heap's answers: a run of the contract's shape, also when the heap fails. */
import { Value } from 'typebox/value';
import { beforeEach, expect, it } from 'vitest';
import { compareModes, disagreement } from '../../dist/bench/compare.js';
import { measure, type OpenHeap, type Plan } from '../../dist/bench/measure.js';
import { resolveOptions } from '../../dist/bench/options.js';
import { createProgress } from '../../dist/bench/progress.js';
import { RunSchema } from '../../dist/bench/results.js';
import { sampleCycle, sampleRun } from './results-samples.ts';

type Heap = Awaited<ReturnType<OpenHeap>>;
interface Behaviour {
  readonly died?: Error;
  readonly checksum?: number;
  readonly endless?: boolean;
}

let closed = 0;
beforeEach(() => {
  closed = 0;
});

/** A heap that has made four collections by the time its mutators end; the first two belong to the set-up. */
function standIn(behaviour: (mode: string) => Behaviour = () => ({})): OpenHeap {
  return async (options) => {
    const { died, checksum = 42, endless = false } = behaviour(options.mode ?? 'continue');
    const stalls = [9, 1, 2, 3].map((micros, i) => ({ micros, cycle: [2, 3, 3, 4][i], endedMs: i }));
    const outcome = {
      result: { operations: 100, seconds: 0.5, checksum, base: 2 },
      stalls,
      waits: stalls.slice(0, 3),
      outOfRoom: [],
    };
    const done = endless
      ? new Promise<never>(() => {})
      : died
        ? Promise.reject(died)
        : Promise.resolve(outcome);
    let index = 0;
    const heap: Partial<Record<keyof Heap, unknown>> = {
      cycles: [1, 2, 3, 4].map((number) => sampleCycle({ number })),
      failure: new Promise<never>(() => {}),
      ...{ loops: 'js', givenUp: [] },
      lostEvents: () => 0,
      ...{ recordings: () => [], engineCollections: () => [], cpuMs: () => null },
      memory: () => ({ bytes: 10, peakBytes: 20 }),
      spawn: () => ({ index: index++, done }),
      close: async () => {
        closed++;
      },
    };
    return heap as unknown as Heap;
  };
}

const measuredWith =
  (openHeap: OpenHeap) =>
  (plan: Plan, { signal }: { readonly signal: AbortSignal }) =>
    measure(plan, { openHeap, signal });
const silent = createProgress({ write: () => {} }, true);
const { config } = resolveOptions('compare', 'churn', { cycles: '2', mutators: '2', verify: 'heap' });
const program = { module: new URL('file:///nowhere.js'), data: null, nonMovingBytes: 0, largeBytes: 0 };
const plan: Plan = { config, mode: 'copy', page: 4096, invocation: 1, record: false, ...program };
const { signal } = new AbortController();

it('keeps the measured collections, and closes the heap', async () => {
  const { run, failure } = await measure(plan, { openHeap: standIn(), signal });
  expect([...Value.Errors(RunSchema, run)]).toEqual([]);
  expect(failure).toBeNull();
  expect(run.cycles.map((cycle) => cycle.number)).toEqual([3, 4]);
  expect(run).toMatchObject({
    warmupCycles: 2,
    loops: 'js',
    lostEvents: 0,
    verified: true,
    memory: { peakBytes: 20, heapBytes: config.heap },
  });
  expect(run.mutators).toHaveLength(2);
  expect(run.mutators[0]).toMatchObject({
    stallsUs: { count: 3, p50: 2, max: 3 },
    longestStallsUs: { count: 2, p50: 2.5, max: 3 }, // one of each of two collections
    waitsUs: { count: 2, p50: 1.5, max: 2 },
  });
  expect(closed).toBe(1);
});

it('utilization is that of the time of the measured collections, and all that stops a mutator counts', async () => {
  const openHeap: OpenHeap = async (options) => {
    const heap = await standIn()(options);
    const cycles = [
      { number: 2, beganMs: 0, totalMs: 50 },
      { number: 3, beganMs: 100, totalMs: 20 },
      { number: 4, beganMs: 180, totalMs: 20 },
    ].map((times) => sampleCycle(times));
    const outcome = {
      result: { operations: 1, seconds: 1, checksum: 1, base: 2 },
      stalls: [
        { micros: 50_000, cycle: 2, endedMs: 60 }, // before
        { micros: 10_000, cycle: 3, endedMs: 120 }, // 110 to 120
      ],
      waits: [{ micros: 5000, cycle: 3, endedMs: 135 }], // 130 to 135
      outOfRoom: [
        { micros: 5000, cycle: 4, endedMs: 145 }, // 140 to 145
        { micros: 5000, cycle: 4, endedMs: 205 }, // 200 to 205: too late
      ],
    };
    return Object.assign(heap, { cycles, spawn: () => ({ index: 0, done: Promise.resolve(outcome) }) });
  };
  const { run } = await measure(plan, { openHeap, signal });
  const mmu = run.mutators[0]?.mmu ?? [];
  expect(mmu.map(({ windowMs, utilization }) => [windowMs, Math.round(utilization * 1000) / 1000])).toEqual([
    [1, 0],
    [2, 0],
    [5, 0],
    [10, 0],
    [20, 0.5],
    [50, 0.6], // all three stops: 20 of 50 ms
    [100, 0.8],
  ]);
});

it('a mutator that dies is the failure of the run, and the heap is closed', async () => {
  const died = new Error('mutator 1 died');
  const { run, failure } = await measure(plan, { openHeap: standIn(() => ({ died })), signal });
  expect(failure).toBe(died);
  expect([...Value.Errors(RunSchema, run)]).toEqual([]);
  expect(run).toMatchObject({ verified: null, mutators: [] });
  expect(closed).toBe(1);
});

it('a heap that its check finds corrupt is not verified', async () => {
  const died = Object.assign(new Error('object 7 refers to nothing'), { code: 'HEAP_CORRUPT' });
  const { run, failure } = await measure(plan, { openHeap: standIn(() => ({ died })), signal });
  expect(run.verified).toBe(false);
  expect(failure).toBe(died);
});

it('an interruption closes the heap', async () => {
  const interrupt = new AbortController();
  const running = measure(plan, {
    openHeap: standIn(() => ({ endless: true })),
    signal: interrupt.signal,
    onOpen: () => setImmediate(() => interrupt.abort(new Error('stop'))),
  });
  const { failure } = await running;
  expect(failure?.message).toBe('stop');
  expect(closed).toBe(1);
});

it('every mode runs once in each invocation', async () => {
  const { runs, failure } = await compareModes(config, program, {
    measure: measuredWith(standIn()),
    signal,
    progress: silent,
  });
  expect(failure).toBeNull();
  const order = runs.map(({ invocation, mode }) => `${invocation} ${mode}`);
  expect(runs.map((run) => run.invocation)).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3]);
  expect(new Set(order).size).toBe(9);
});

it('checksums that differ between modes are a failed check that says which', async () => {
  const openHeap = standIn((mode) => ({ checksum: mode === 'copy' ? 7 : 42 }));
  const { failure } = await compareModes(config, program, {
    measure: measuredWith(openHeap),
    ...{ signal, progress: silent },
  });
  expect(failure).toMatchObject({
    code: 'CHECK',
    message: expect.stringMatching(/mutator 0 differ:.*\b7\b.* in copy/),
  });
});

it('checksums that agree are no disagreement', () => {
  expect(disagreement([sampleRun({ mode: 'copy' }), sampleRun({ mode: 'stw' })])).toBeNull();
});

it('the first run that fails is the last', async () => {
  const openHeap = standIn(() => ({ died: new Error('gone') }));
  const { runs, failure } = await compareModes(config, program, {
    measure: measuredWith(openHeap),
    ...{ signal, progress: silent },
  });
  expect(runs).toHaveLength(1);
  expect(failure?.message).toBe('gone');
});
