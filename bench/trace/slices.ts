/** One thread's events as what a timeline shows: stretches of time that lie within one another, and moments. */
import { JOB } from '../../gc/cycle.ts';
import { ENGINE_KINDS } from '../../gc/engine.ts';
import { EVENT, type Event, NO_PAGE, WAIT } from '../../gc/events.ts';
import { PAUSES, PHASES } from '../../gc/phase.ts';
import { eventsOf, type ThreadRecording } from '../../gc/recording.ts';
import { REASON } from '../../heap/layout.ts';
import { requestName } from '../../uffd/abi.ts';
import { errnoName } from '../../uffd/errno.ts';

export type Details = Readonly<Record<string, string | number>>;

/** What a thread was at from `beginMs` to `endMs`, in the heap's time. Two of a thread are apart, or one is within the other. */
export interface Slice {
  readonly name: string;
  readonly beginMs: number;
  readonly endMs: number;
  readonly details: Details;
}

/** A slice that has not ended, and the kind of the event that will end it. */
interface Open {
  readonly name: string;
  readonly beginMs: number;
  readonly details: Details;
  readonly endedBy: number;
}

const TRIGGERS = Object.keys(REASON);
const JOBS = Object.entries(JOB);
const jobName = (job: number): string => JOBS.find(([, value]) => value === job)?.[0] ?? `job ${job}`;

/** What begins a slice, by the kind of the event. */
const BEGINS: ReadonlyMap<number, (event: Event) => Omit<Open, 'beginMs'>> = new Map([
  [
    EVENT.cycleBegin,
    ({ a, cycle }: Event) => ({
      name: `collection ${cycle}`,
      details: { trigger: TRIGGERS[a] ?? 'explicit' },
      endedBy: EVENT.cycleEnd,
    }),
  ],
  [EVENT.phaseBegin, ({ a, cycle }) => opened(PHASES[a] ?? `phase ${a}`, cycle, EVENT.phaseEnd)],
  [EVENT.stopRequested, ({ a, cycle }) => opened(`time to safepoint: ${PAUSES[a]}`, cycle, EVENT.stopped)],
  [EVENT.stopped, ({ a, cycle }) => opened(`pause: ${PAUSES[a]}`, cycle, EVENT.resumed)],
  [EVENT.helpBegin, ({ a, cycle }) => opened(`help: ${jobName(a)}`, cycle, EVENT.helpEnd)],
]);

function opened(name: string, cycle: number, endedBy: number): Omit<Open, 'beginMs'> {
  return { name, details: { collection: cycle }, endedBy };
}

/** What one event tells of a stretch that has just ended, by its kind. */
const WHOLE: ReadonlyMap<number, (event: Event) => Slice> = new Map([
  [
    EVENT.ioctl,
    ({ timeMs, a, b: pages, c: micros, cycle }: Event) =>
      lasting(requestName(a), timeMs, micros, { collection: cycle, pages }),
  ],
  [
    EVENT.stall,
    ({ timeMs, a: micros, b: page, cycle }: Event) =>
      page === NO_PAGE
        ? lasting('fault', timeMs, micros, { collection: cycle })
        : lasting(`fault on page ${page}`, timeMs, micros, { collection: cycle, page }),
  ],
  [
    EVENT.engine,
    ({ timeMs, a: micros, b: kind }: Event) =>
      lasting(`V8: ${ENGINE_KINDS.get(kind) ?? kind}`, timeMs, micros, {}),
  ],
  [
    EVENT.wait,
    ({ timeMs, a: micros, b: why, cycle }: Event) =>
      lasting(why === WAIT.safepoint ? 'safepoint' : 'out of room', timeMs, micros, { collection: cycle }),
  ],
]);

function lasting(name: string, endMs: number, micros: number, details: Details): Slice {
  return { name, beginMs: endMs - micros / 1000, endMs, details };
}

/** How long to look at a page takes at the least, if the next fault leaves it so long: so that it is seen. */
const LOOK_MS = 2.5e-4;
/** What a thread makes pages under, until it tells that it has. */
const MAKING = 'make pages';
/** Kinds that end the serving of the fault before: another fault, or that the collection is over. */
const SERVING = 'serve fault';

/**
 * All slices of a thread, in the order of their begins, the outer one first. A slice that was open when its thread's
 * events end is left out, and so is one whose end was lost.
 */
export function slicesOf(thread: Pick<ThreadRecording, 'values'>): readonly Slice[] {
  const finders = [findNested(), findWhole, findServing(), findMaking()];
  const slices: Slice[] = [];
  for (const event of eventsOf(thread)) for (const find of finders) slices.push(...find(event));
  slices.push(...finders.flatMap((find) => find(null)));
  // Of two that take the same time the outer one was told last.
  return slices.reverse().sort((a, b) => a.beginMs - b.beginMs || b.endMs - a.endMs);
}

/** Takes the events of a thread in their order, and null at their end; answers the slices that are over with each. */
type FindSlices = (event: Event | null) => readonly Slice[];

/** Those that have an event at their begin and one at their end. */
function findNested(): FindSlices {
  const open: Open[] = [];
  return (event) => {
    if (event === null) return [];
    const { kind, timeMs } = event;
    const ended = open.findLastIndex(({ endedBy }) => endedBy === kind);
    // What is above the one that ends has lost its end.
    const [slice] = ended >= 0 ? open.splice(ended) : [];
    const begin = BEGINS.get(kind);
    if (begin !== undefined) open.push({ ...begin(event), beginMs: timeMs });
    if (slice === undefined) return [];
    const { name, beginMs, details } = slice;
    return [{ name, beginMs, endMs: timeMs, details }];
  };
}

/** Those that one event at their end tells of. */
const findWhole: FindSlices = (event) => {
  const whole = event && WHOLE.get(event.kind);
  return whole ? [whole(event)] : [];
};

/** From a message that was read to the last that was done before the next one, or before the thread slept. */
function findServing(): FindSlices {
  let served: { readonly fault: Event; endMs: number } | null = null;
  const end = (byMs: number): readonly Slice[] =>
    served === null ? [] : [serving(served.fault, Math.min(served.endMs, byMs))];
  return (event) => {
    if (event === null) return end(Number.POSITIVE_INFINITY);
    const { kind, timeMs } = event;
    if (kind === EVENT.fault) {
      const before = end(timeMs);
      served = { fault: event, endMs: timeMs + LOOK_MS };
      return before;
    }
    if (served !== null && kind !== EVENT.engine) served.endMs = timeMs; // those are told late
    return [];
  };
}

function serving({ timeMs, cycle, a: minor, b: page }: Event, endMs: number): Slice {
  const details = { collection: cycle, page, kind: minor === 1 ? 'minor' : 'missing' };
  return { name: SERVING, beginMs: timeMs, endMs, details };
}

/** From pages that a thread has claimed until it tells that they are made. */
function findMaking(): FindSlices {
  let claimed: Event | null = null;
  return (event) => {
    if (event?.kind === EVENT.claimed) claimed = event;
    if (event?.kind !== EVENT.filled && event?.kind !== EVENT.updated) return [];
    if (claimed === null || claimed.c !== event.c) return [];
    const { timeMs, cycle, a, c: page } = claimed;
    claimed = null;
    const details = { collection: cycle, page, claimed: a, made: event.a };
    return [{ name: MAKING, beginMs: timeMs, endMs: event.timeMs, details }];
  };
}

/** Moments: that something was refused. */
export function refusalsOf(thread: Pick<ThreadRecording, 'values'>): readonly Slice[] {
  return [...eventsOf(thread)]
    .filter(({ kind }) => kind === EVENT.refused)
    .map(({ timeMs, a, cycle }) => lasting(`refused: ${errnoName(a)}`, timeMs, 0, { collection: cycle }));
}
