/** The timeline file, as `--trace` writes it: by the rules of its format, and with the pauses that the results have. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Results } from '../../dist/bench/results.js';
import {
  type Trace,
  type TraceEvent,
  type TraceFlow,
  TraceSchema,
  type TraceSlice,
} from '../../dist/bench/trace/schema.js';
import { minorfault } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-trace-'));
afterAll(() => rmSync(folder, { recursive: true }));

const MODES = ['stw', 'copy', 'continue'];
let results: Results;
let file: Trace;
let events: readonly TraceEvent[];

beforeAll(async () => {
  const [json, trace] = [join(folder, 'out.json'), join(folder, 'trace.json')];
  const args = ['compare', 'random-graph', '--kernel', 'sim', '--heap', '8MiB', '--cycles', '2'];
  const threads = ['--invocations', '2', '--mutators', '2', '--gc-threads', '2'];
  const { code } = await minorfault([...args, ...threads, '--json', json, '--trace', trace, '--quiet']);
  expect(code).toBe(0);
  results = JSON.parse(readFileSync(json, 'utf8'));
  file = JSON.parse(readFileSync(trace, 'utf8'));
  events = file.traceEvents;
}, 120_000);

const named = (name: string) =>
  events.filter((event) => event.ph === 'M' && event.name === name) as (TraceEvent & {
    args: { name: string };
  })[];
const isSlice = (event: TraceEvent): event is TraceSlice => event.ph === 'X';
const isFlow = (event: TraceEvent): event is TraceFlow => ['s', 't', 'f'].includes(event.ph);

const nanos = (us: number) => Math.round(us * 1000);
/** How far a duration is from the same elsewhere, in µs, at the most: a step of a timeline. */
const STEP_US = 0.125;

it('keeps to its schema, as it is published', () => {
  const published = JSON.parse(readFileSync('dist/schemas/trace.json', 'utf8'));
  expect([...Value.Errors(TraceSchema, file)]).toEqual([]);
  expect(Value.Check(published, file)).toBe(true);
  expect(file.otherData).toEqual({
    schema: 'minorfault/trace/1',
    host: results.host,
    config: results.config,
  });
  const [slice] = events.filter(isSlice);
  const broken = [
    { ...slice, dur: undefined },
    { ...slice, ts: -1 },
    { ...slice, ph: 'B' },
    { ...slice, pid: 0 },
  ];
  for (const event of broken) {
    const { dur, ...rest } = event;
    const written = dur === undefined ? rest : event;
    expect(Value.Check(published, { ...file, traceEvents: [written] }), JSON.stringify(written)).toBe(false);
  }
});

it('times are whole steps: begin and duration add up to the end of what is around them', () => {
  for (const { ts, dur } of events.filter(isSlice)) {
    expect([ts % STEP_US, dur % STEP_US]).toEqual([0, 0]);
  }
});

it('has a process for each mode in its first invocation, and in it every thread by its name', () => {
  const processes = named('process_name').map(({ args }) => args.name);
  expect([...processes].sort()).toEqual(MODES.map((mode) => `${mode}, invocation 1 (sim)`).sort());
  const served = ['collector', 'compactor 1', 'fault 0', 'mutator 0', 'mutator 1'];
  for (const { pid, args } of named('process_name')) {
    const threads = named('thread_name').filter((thread) => thread.pid === pid);
    expect(threads.map((thread) => thread.args.name)).toEqual(
      served.filter((name) => !args.name.startsWith('stw') || !name.startsWith('fault')),
    );
  }
});

it('slices of a thread are apart or one is within the other', () => {
  const tracks = new Map<string, TraceSlice[]>();
  for (const event of events.filter(isSlice)) {
    const key = `${event.pid} ${event.tid}`;
    tracks.set(key, [...(tracks.get(key) ?? []), event]);
  }
  expect(tracks.size).toBeGreaterThan(10);
  for (const slices of tracks.values()) {
    const open: { name: string; end: number }[] = [];
    for (const { name, ts, dur } of slices.sort((a, b) => a.ts - b.ts || b.dur - a.dur)) {
      const [begin, end] = [nanos(ts), nanos(ts) + nanos(dur)];
      expect(dur).toBeGreaterThanOrEqual(0);
      while (open.length > 0 && (open.at(-1)?.end as number) <= begin) open.pop();
      const outer = open.at(-1);
      if (outer) expect(end, `${name} in ${outer.name}`).toBeLessThanOrEqual(outer.end);
      open.push({ name, end });
    }
  }
});

/** How far the nearest of the values is. */
const closest = (values: readonly number[], wanted: number) =>
  Math.min(...values.map((value) => Math.abs(value - wanted)));

describe('says what the results say', () => {
  const firstOf = (mode: string) => results.runs.find((run) => run.mode === mode && run.invocation === 1);
  const pidOf = (mode: string) =>
    named('process_name').find(({ args }) => args.name.startsWith(`${mode},`))?.pid;
  const slicesNamed = (mode: string, name: string) =>
    events.filter(isSlice).filter((event) => event.pid === pidOf(mode) && event.name === name);

  it.each(MODES)('%s: its pauses, to the microsecond', (mode) => {
    for (const cycle of firstOf(mode)?.cycles ?? [])
      for (const { name, ms, timeToSafepointMs } of cycle.pauses) {
        const ofCycle = (what: string) =>
          slicesNamed(mode, `${what}: ${name}`)
            .filter(({ args }) => (args as { collection: number }).collection === cycle.number)
            .map(({ dur }) => dur);
        expect(closest(ofCycle('pause'), ms * 1000)).toBeLessThanOrEqual(STEP_US);
        expect(closest(ofCycle('time to safepoint'), timeToSafepointMs * 1000)).toBeLessThanOrEqual(STEP_US);
      }
  });

  it.each(MODES)('%s: its collections, phases and published pages', (mode) => {
    const cycles = firstOf(mode)?.cycles ?? [];
    expect(cycles.length).toBeGreaterThanOrEqual(2);
    for (const { number, totalMs, pages } of cycles) {
      const [collection] = slicesNamed(mode, `collection ${number}`);
      expect(closest([collection?.dur ?? NaN], totalMs * 1000)).toBeLessThanOrEqual(STEP_US);
      const [begin, end] = [collection?.ts ?? NaN, (collection?.ts ?? NaN) + (collection?.dur ?? NaN)];
      const counters = events
        .filter((event) => event.ph === 'C')
        .filter(({ name, pid }) => name === 'published pages' && pid === pidOf(mode))
        .filter(({ ts }) => begin <= ts && ts <= end);
      expect(counters.at(-1)?.args).toEqual({
        collector: pages.publishedByCollector,
        faults: pages.publishedByFault,
      });
    }
  });

  it('its stalls, each with a flow to who served it', () => {
    for (const mode of ['copy', 'continue']) {
      const run = firstOf(mode);
      const stalls = events
        .filter(isSlice)
        .filter(({ pid, name }) => pid === pidOf(mode) && name.startsWith('fault on page'));
      const measured = new Set(run?.cycles.map(({ number }) => number));
      const counted = stalls.filter(({ args }) => measured.has((args as { collection: number }).collection));
      const told = run?.mutators.reduce((sum, { stallsUs }) => sum + stallsUs.count, 0);
      expect(counted).toHaveLength(told ?? NaN);
      expect(told).toBeGreaterThan(0);
      const flows = events.filter(isFlow).filter(({ pid }) => pid === pidOf(mode));
      const begun = flows.filter(({ ph }) => ph === 's');
      // Nearly all: one may be woken by the end of the watch.
      expect(begun.length).toBeGreaterThan(0.8 * stalls.length);
      for (const { id } of begun) {
        const steps = flows.filter((flow) => flow.id === id);
        expect(steps.at(-1)?.ph).toBe('f');
        // A flow ends in a slice, on the track of a thread that serves.
        const { tid, ts } = steps.at(-1) as TraceFlow;
        const onTrack = events
          .filter(isSlice)
          .filter((slice) => slice.pid === pidOf(mode) && slice.tid === tid);
        const holds = onTrack.some(
          (slice) => nanos(slice.ts) <= nanos(ts) && nanos(ts) < nanos(slice.ts) + nanos(slice.dur),
        );
        expect(holds).toBe(true);
      }
    }
  });
});

it('a file that cannot be written: said before anything is measured', async () => {
  const nowhere = join(folder, 'no', 'such', 'trace.json');
  const { code, stderr } = await minorfault(['run', '--trace', nowhere]);
  expect([code, stderr]).toEqual([
    2,
    `minorfault: --trace ${nowhere}: the folder ${join(folder, 'no', 'such')} does not exist; make it first\n`,
  ]);
  const dash = await minorfault(['run', '--trace', '-']);
  expect([dash.code, dash.stderr]).toEqual([
    2,
    'minorfault: --trace -: is not written to standard output; give it a file\n',
  ]);
});

it('a full disk: said, with the file, and the table is shown all the same', async () => {
  const args = ['run', 'churn', '--kernel', 'sim', '--heap', '4MiB', '--cycles', '1', '--quiet'];
  const { code, stdout, stderr } = await minorfault([...args, '--trace', '/dev/full']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/--trace \/dev\/full: could not be written whole: ENOSPC/);
  expect(stdout).toContain('total per collection, ms');
});
