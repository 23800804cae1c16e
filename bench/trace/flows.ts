/**
 * Flows of a timeline: from each stall through the slice of the thread that read its message to the call that published its
 * page. A stop is at the begin of its slice where that is not before the stall, since DevTools knows the slice by that alone.
 *
 * A message says which thread sleeps (UFFD_FEATURE_THREAD_ID), so that it is of the stall of that thread during which it was
 * read. The real kernel does not say on which page a mutator slept: there the message does.
 */
import { EVENT, type Event } from '../../gc/events.ts';
import { eventsOf, type ThreadRecording } from '../../gc/recording.ts';
import { micros, type Place, STEP_US } from './place.ts';
import type { TraceFlow } from './schema.ts';

/** An event, the track it is on, and what its thread told before it. */
interface Told {
  readonly event: Event;
  readonly tid: number;
  readonly before: Event | undefined;
}

/** Where a flow passes. */
interface Stop {
  readonly tid: number;
  readonly ts: number;
}

/** The track of a sleeper that is no mutator, or is not known. */
const NOBODY = 0;
/** Flows of a run at the most. */
const MOST_FLOWS = 1e7;

/** Of each stall that somebody is known to have served. */
export function* flowsOf(place: Place, threads: readonly ThreadRecording[]): Generator<TraceFlow> {
  const told = threads.flatMap(toldBy);
  const ofKind = (...kinds: number[]) =>
    told.filter(({ event }) => kinds.includes(event.kind)).sort((a, b) => a.event.timeMs - b.event.timeMs);
  const [stalls, faults] = [ofKind(EVENT.stall), ofKind(EVENT.fault)];
  const readers = readDuring(stalls, faults, ofKind(EVENT.thread));
  const published = grouped(ofKind(EVENT.published, EVENT.publishedNonMoving), ({ a: count, c: first }) =>
    Array.from({ length: count }, (_, i) => first + i),
  );
  let id = place.pid * MOST_FLOWS;
  for (const stall of stalls) {
    const begin = { tid: stall.tid, ts: micros(place, beganMs(stall.event)) };
    const read = readers.get(stall) ?? [];
    for (const reader of read.length > 0 ? read : [null]) {
      // A page is published once; and that is told when the mutator may run already.
      const publisher = published.get((reader ?? stall).event.b)?.find((one) => isSince(stall, one));
      const stops = [
        ...(reader ? [{ tid: reader.tid, ts: micros(place, reader.event.timeMs) }] : []),
        ...(publisher ? publishingStop(place, publisher, begin.ts) : []),
      ].sort((a, b) => a.ts - b.ts);
      if (stops.length > 0) yield* flow({ pid: place.pid, id: ++id }, [begin, ...stops]);
    }
  }
}

function toldBy(thread: ThreadRecording, i: number): readonly Told[] {
  const events = [...eventsOf(thread)];
  return events.map((event, at) => ({ event, tid: i + 1, before: events[at - 1] }));
}

/** When a stall began, in ms. */
function beganMs({ timeMs, a: us }: Event): number {
  return timeMs - us / 1000;
}

/** Whether something was after the begin of a stall, in the same collection. */
function isSince({ event: stall }: Told, { event }: Told): boolean {
  return event.timeMs >= beganMs(stall) && event.cycle === stall.cycle;
}

/** What was read of each stall, in the order of time. A thread's stalls follow each other. */
function readDuring(
  stalls: readonly Told[],
  faults: readonly Told[],
  threads: readonly Told[],
): ReadonlyMap<Told, readonly Told[]> {
  const tracks = new Map(threads.map(({ event, tid }) => [event.a, tid]));
  const bySleeper = grouped(faults, ({ c }) => [tracks.get(c) ?? NOBODY]);
  for (const of of bySleeper.values()) of.reverse(); // the next one last
  return new Map(
    stalls.map((stall) => {
      const unread = bySleeper.get(stall.tid) ?? [];
      const before = takeUntil(unread, stall.event.timeMs);
      return [stall, before.filter((fault) => isSince(stall, fault))];
    }),
  );
}

/** Takes those of up to a time from the end. */
function takeUntil(rest: Told[], timeMs: number): readonly Told[] {
  const taken: Told[] = [];
  while (rest.length > 0 && (rest.at(-1) as Told).event.timeMs <= timeMs) taken.push(rest.pop() as Told);
  return taken;
}

/**
 * That pages are published is told just after the call that did it; a mode without such a call has published them in whatever
 * slice that was told in, which does not hold its end. None if that was over when the stall began, at `from`.
 */
function publishingStop(place: Place, { event, tid, before }: Told, from: number): readonly Stop[] {
  const call = before?.kind === EVENT.ioctl ? before : null;
  const last = micros(place, (call ?? event).timeMs) - STEP_US;
  const ts = call === null ? last : Math.max(from, micros(place, call.timeMs - call.c / 1000));
  return ts < from || ts > last ? [] : [{ tid, ts }];
}

function flow(
  of: { readonly pid: number; readonly id: number },
  stops: readonly Stop[],
): readonly TraceFlow[] {
  const last = stops.length - 1;
  return stops.map((stop, i) => ({
    ...{ name: 'userfault', cat: 'gc', ...of, ...stop },
    ...(i === last ? { ph: 'f', bp: 'e' } : { ph: i === 0 ? 's' : 't' }),
  }));
}

/** All by their keys, of which each may have several, in the order that they have. */
function grouped(told: readonly Told[], keysOf: (event: Event) => readonly number[]): Map<number, Told[]> {
  const all = new Map<number, Told[]>();
  for (const one of told)
    for (const key of keysOf(one.event)) {
      const known = all.get(key);
      if (known === undefined) all.set(key, [one]);
      else known.push(one);
    }
  return all;
}
