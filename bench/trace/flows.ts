/**
 * Flows of a timeline: from each stall through the slice of the thread that read its message to the call that published its
 * page. A stop is at the begin of its slice where that is not before the stall, since DevTools knows the slice by that alone.
 *
 * The real kernel does not say on which page a mutator slept: there a message is of the one stall that was going on when it
 * was read, and of none where two were.
 */
import { EVENT, type Event, NO_PAGE } from '../../gc/events.ts';
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

/** Flows of a run at the most. */
const MOST_FLOWS = 1e7;

/** Of each stall that somebody is known to have served. */
export function* flowsOf(place: Place, threads: readonly ThreadRecording[]): Generator<TraceFlow> {
  const told = threads.flatMap(toldBy);
  const ofKind = (...kinds: number[]) =>
    told.filter(({ event }) => kinds.includes(event.kind)).sort((a, b) => a.event.timeMs - b.event.timeMs);
  const [stalls, faults] = [ofKind(EVENT.stall), ofKind(EVENT.fault)];
  const readers = readersOf(stalls, faults);
  const published = byPage(ofKind(EVENT.published, EVENT.publishedNonMoving), ({ a, c }) => [c, a]);
  let id = place.pid * MOST_FLOWS;
  for (const stall of stalls) {
    const begin = { tid: stall.tid, ts: micros(place, beganMs(stall.event)) };
    for (const reader of readers(stall)) {
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

/** Who read the messages of a stall: null where only its page is known. All are in the order of time. */
function readersOf(
  stalls: readonly Told[],
  faults: readonly Told[],
): (stall: Told) => readonly (Told | null)[] {
  const byTime = readDuring(
    stalls.filter(({ event }) => event.b === NO_PAGE),
    faults,
  );
  const ofPage = byPage(faults, ({ b }) => [b, 1]);
  return (stall) => {
    if (stall.event.b === NO_PAGE) return byTime.get(stall) ?? [];
    const reader = ofPage.get(stall.event.b)?.find((one) => isSince(stall, one));
    return [reader !== undefined && reader.event.timeMs <= stall.event.timeMs ? reader : null];
  };
}

/** The messages that were read while one mutator alone was asleep, by its stall. */
function readDuring(stalls: readonly Told[], faults: readonly Told[]): ReadonlyMap<Told, readonly Told[]> {
  const read = new Map<Told, Told[]>();
  const toBegin = stalls.toSorted((a, b) => beganMs(b.event) - beganMs(a.event)); // the next one last
  let asleep: readonly Told[] = [];
  for (const fault of faults) {
    const { timeMs } = fault.event;
    const begun: Told[] = [];
    while (toBegin.length > 0 && beganMs((toBegin.at(-1) as Told).event) <= timeMs)
      begun.push(toBegin.pop() as Told);
    asleep = [...asleep, ...begun].filter(({ event }) => event.timeMs >= timeMs);
    const [stall, other] = asleep;
    if (stall !== undefined && other === undefined) read.set(stall, [...(read.get(stall) ?? []), fault]);
  }
  return read;
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

/** What concerns each page, in the order of time. */
function byPage(
  told: readonly Told[],
  pagesOf: (event: Event) => readonly [first: number, count: number],
): ReadonlyMap<number, readonly Told[]> {
  const all = new Map<number, Told[]>();
  for (const one of told) {
    const [first, count] = pagesOf(one.event);
    for (let page = first; page < first + count; page++) {
      const known = all.get(page);
      if (known === undefined) all.set(page, [one]);
      else known.push(one);
    }
  }
  return all;
}
