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
  const slices: Slice[] = [];
  const open: Open[] = [];
  let claimed: Event | null = null;
  let served: { readonly fault: Event; endMs: number } | null = null;
  const endServing = (byMs = Number.POSITIVE_INFINITY): void => {
    if (served !== null) slices.push(serving(served.fault, Math.min(served.endMs, byMs)));
    served = null;
  };
  for (const event of eventsOf(thread)) {
    const { kind, timeMs } = event;
    const ended = open.findLastIndex(({ endedBy }) => endedBy === kind);
    if (ended >= 0) {
      const { name, beginMs, details } = open[ended] as Open;
      slices.push({ name, beginMs, endMs: timeMs, details });
      open.length = ended; // what is above it has lost its end
    }
    const begin = BEGINS.get(kind);
    if (begin !== undefined) open.push({ ...begin(event), beginMs: timeMs });
    const whole = WHOLE.get(kind);
    if (whole !== undefined) slices.push(whole(event));
    if (kind === EVENT.fault) {
      endServing(timeMs);
      served = { fault: event, endMs: timeMs + LOOK_MS };
    } else if (served !== null && kind !== EVENT.engine) served.endMs = timeMs; // those are told late
    if (kind === EVENT.claimed) claimed = event;
    else if (claimed !== null && (kind === EVENT.filled || kind === EVENT.updated) && claimed.c === event.c) {
      slices.push(making(claimed, event));
      claimed = null;
    }
  }
  endServing();
  // Of two that take the same time the outer one was told last.
  return slices.reverse().sort((a, b) => a.beginMs - b.beginMs || b.endMs - a.endMs);
}

function making({ timeMs, cycle, a, c: page }: Event, made: Event): Slice {
  const details = { collection: cycle, page, claimed: a, made: made.a };
  return { name: MAKING, beginMs: timeMs, endMs: made.timeMs, details };
}

function serving({ timeMs, cycle, a: minor, b: page }: Event, endMs: number): Slice {
  const details = { collection: cycle, page, kind: minor === 1 ? 'minor' : 'missing' };
  return { name: SERVING, beginMs: timeMs, endMs, details };
}

/** Moments: that something was refused. */
export function refusalsOf(thread: Pick<ThreadRecording, 'values'>): readonly Slice[] {
  return [...eventsOf(thread)]
    .filter(({ kind }) => kind === EVENT.refused)
    .map(({ timeMs, a, cycle }) => lasting(`refused: ${errnoName(a)}`, timeMs, 0, { collection: cycle }));
}
