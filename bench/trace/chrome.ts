/**
 * Runs in the Trace Event format, which Perfetto's viewer and Chrome's read ("Trace Event Format", Google, 2016): a process a
 * run, a track a thread, slices within one another, a flow from each fault to who served and who published its page, and
 * counters of memory and of published pages.
 */
import { EVENT, ROLE } from '../../gc/events.ts';
import { eventsOf, type ThreadRecording } from '../../gc/recording.ts';
import { flowsOf } from './flows.ts';
import { micros, type Place } from './place.ts';
import type { TraceEvent, TraceSlice } from './schema.ts';
import { refusalsOf, type Slice, slicesOf } from './slices.ts';

/** A run as it is drawn. */
export interface TracedRun {
  /** What its process is called. */
  readonly name: string;
  /** When its heap was opened, in ms from when the first one was. */
  readonly openedMs: number;
  readonly threads: readonly ThreadRecording[];
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
      yield { ph: 'i', name, pid, tid, ts: micros(place, beginMs), s: 't', cat: 'gc', args: details };
  }
  yield* flowsOf(place, threads);
  yield* countersOf(place, threads);
}

function ofSlice(place: Place, tid: number, { name, beginMs, endMs, details }: Slice): TraceSlice {
  const ts = micros(place, beginMs);
  const dur = micros(place, endMs) - ts;
  return { ph: 'X', name, cat: 'gc', pid: place.pid, tid, ts, dur, args: details };
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
