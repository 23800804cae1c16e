/**
 * Runs in the Trace Event format, which Perfetto's viewer and Chrome's read ("Trace Event Format", Google, 2016): a process a
 * run, a track a thread, slices within one another, a flow from each fault to who served and who published its page, and
 * counters of memory and of published pages.
 */
import { EVENT, type Event, ROLE } from '../../gc/events.ts';
import { eventsOf, type ThreadRecording } from '../../gc/recording.ts';
import { refusalsOf, type Slice, slicesOf } from './slices.ts';

/** A run as it is drawn. */
export interface TracedRun {
  /** What its process is called. */
  readonly name: string;
  /** When its heap was opened, in ms from when the first one was. */
  readonly openedMs: number;
  readonly threads: readonly ThreadRecording[];
}

/** An event of the format; times in µs. */
export interface TraceEvent {
  readonly ph: 'X' | 'i' | 'M' | 'C' | 's' | 't' | 'f';
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: number;
  readonly bp?: 'e';
  readonly s?: 't';
  readonly args?: object;
}

/** Where the events of a run lie. */
interface Place {
  readonly pid: number;
  readonly openedMs: number;
}

const NS_PER_MS = 1e6;

/** In µs, whole ns: what is within another slice stays so, since rounding keeps the order. */
function micros({ openedMs }: Place, ms: number): number {
  return Math.round((openedMs + ms) * NS_PER_MS) / 1000;
}

/** Of whole ns, in µs. */
function nanoBefore(us: number): number {
  return (Math.round(us * 1000) - 1) / 1000;
}

/** The events of all runs, one run after the other. */
export function* traceEvents(runs: readonly TracedRun[]): Generator<TraceEvent> {
  for (const [i, run] of runs.entries()) yield* eventsOfRun({ pid: i + 1, openedMs: run.openedMs }, run);
}

function* eventsOfRun(place: Place, { name, threads }: TracedRun): Generator<TraceEvent> {
  const { pid } = place;
  yield { ph: 'M', name: 'process_name', pid, tid: 0, args: { name } };
  yield { ph: 'M', name: 'process_sort_index', pid, tid: 0, args: { sort_index: pid } };
  for (const [i, thread] of threads.entries()) {
    const tid = i + 1;
    yield { ph: 'M', name: 'thread_name', pid, tid, args: { name: thread.thread } };
    yield { ph: 'M', name: 'thread_sort_index', pid, tid, args: { sort_index: tid } };
    for (const slice of slicesOf(thread)) yield ofSlice(place, tid, slice);
    for (const { name, beginMs, details } of refusalsOf(thread))
      yield { ph: 'i', name, pid, tid, ts: micros(place, beginMs), s: 't', cat: 'refusal', args: details };
  }
  yield* flowsOf(place, threads);
  yield* countersOf(place, threads);
}

function ofSlice(place: Place, tid: number, { name, beginMs, endMs, details }: Slice): TraceEvent {
  const ts = micros(place, beginMs);
  const dur = Math.round((micros(place, endMs) - ts) * 1000) / 1000;
  return { ph: 'X', name, cat: 'gc', pid: place.pid, tid, ts, dur, args: details };
}

/** An event, and the track it is on. */
interface Placed {
  readonly event: Event;
  readonly tid: number;
}

/** From the begin of each stall through the thread that read its message to the one that published its page, if they are there. */
function* flowsOf(place: Place, threads: readonly ThreadRecording[]): Generator<TraceEvent> {
  const placed = threads.flatMap((thread, i) =>
    [...eventsOf(thread)].map((event) => ({ event, tid: i + 1 })),
  );
  const ofKind = (...kinds: number[]) => placed.filter(({ event }) => kinds.includes(event.kind));
  const served = byPage(ofKind(EVENT.fault), ({ b }) => [b, 1]);
  const published = byPage(ofKind(EVENT.published, EVENT.publishedNonMoving), ({ a, c }) => [c, a]);
  let id = place.pid * 1e7;
  for (const { event, tid } of ofKind(EVENT.stall)) {
    const [beginMs, endMs] = [event.timeMs - event.a / 1000, event.timeMs];
    const since = ({ event: { timeMs, cycle } }: Placed) => timeMs >= beginMs && cycle === event.cycle;
    const reader = served.get(event.b)?.find((placed) => since(placed) && placed.event.timeMs <= endMs);
    // A page is published once; and that is told when the mutator may run already.
    const publisher = published.get(event.b)?.find(since);
    // That it is published is told at the end of what published it; a slice does not hold its end.
    const stops = [
      ...(reader ? [{ on: reader.tid, ts: micros(place, reader.event.timeMs) }] : []),
      ...(publisher ? [{ on: publisher.tid, ts: nanoBefore(micros(place, publisher.event.timeMs)) }] : []),
    ].sort((a, b) => a.ts - b.ts);
    if (stops.length === 0) continue;
    id++;
    const step = (ph: 's' | 't' | 'f', ts: number, on: number): TraceEvent => ({
      ...{ ph, name: 'userfault', cat: 'fault', id, pid: place.pid, tid: on, ts },
      ...(ph === 'f' ? { bp: 'e' } : {}),
    });
    yield step('s', micros(place, beginMs), tid);
    for (const [i, stop] of stops.entries()) yield step(i === stops.length - 1 ? 'f' : 't', stop.ts, stop.on);
  }
}

/** What concerns each page, in the order of time. */
function byPage(
  events: readonly Placed[],
  pagesOf: (event: Event) => readonly [first: number, count: number],
): ReadonlyMap<number, readonly Placed[]> {
  const all = new Map<number, Placed[]>();
  for (const placed of [...events].sort((a, b) => a.event.timeMs - b.event.timeMs)) {
    const [first, count] = pagesOf(placed.event);
    for (let page = first; page < first + count; page++) {
      const known = all.get(page);
      if (known === undefined) all.set(page, [placed]);
      else known.push(placed);
    }
  }
  return all;
}

/** Bytes behind the heap; and, of each collection, the pages that are published so far, by whom. */
function* countersOf(place: Place, threads: readonly ThreadRecording[]): Generator<TraceEvent> {
  const { pid } = place;
  const counted = [EVENT.memory, EVENT.published, EVENT.publishedNonMoving, EVENT.cycleBegin] as number[];
  const events = threads
    .flatMap((thread) => [...eventsOf(thread)].filter(({ kind }) => counted.includes(kind)))
    .sort((a, b) => a.timeMs - b.timeMs);
  let pages = { collector: 0, faults: 0 };
  for (const { kind, timeMs, a, b } of events) {
    const ts = micros(place, timeMs);
    if (kind === EVENT.memory) {
      yield { ph: 'C', name: 'memory (bytes)', pid, tid: 0, ts, args: { behindTheHeap: a } };
      continue;
    }
    if (kind === EVENT.cycleBegin) pages = { collector: 0, faults: 0 };
    else
      pages = {
        ...pages,
        ...(b === ROLE.fault ? { faults: pages.faults + a } : { collector: pages.collector + a }),
      };
    yield { ph: 'C', name: 'published pages', pid, tid: 0, ts, args: pages };
  }
}
