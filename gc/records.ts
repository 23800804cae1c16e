/** Records of collections, computed from events: the one source of every figure. */
import { REASON } from '../heap/layout.ts';
import { GRANULE_BYTES } from '../heap/object.ts';
import { requestName, UFFDIO_COPY } from '../uffd/abi.ts';
import { errnoName } from '../uffd/errno.ts';
import { PAGE_BYTES } from '../uffd/kernel.ts';
import { UNKNOWN_CPU } from './cpu-clock.ts';
import { EVENT, type Event, ROLE } from './events.ts';
import { PAUSES, PHASES } from './phase.ts';
import { addTo, type Count, getOrAdd, openTally, type Tally } from './tally.ts';

const TRIGGERS = Object.keys(REASON) as (keyof typeof REASON)[];

export interface PauseRecord {
  readonly name: string;
  /** From all mutators stopped to all allowed to run. */
  readonly ms: number;
  /** From the request to all mutators stopped. */
  readonly timeToSafepointMs: number;
}

/** One collection. The names are those of the contract; times in ms, sizes in bytes. */
export interface CycleRecord {
  readonly number: number;
  /** Why it was asked for. */
  readonly trigger: keyof typeof REASON;
  readonly beganMs: number;
  readonly phasesMs: Readonly<Record<string, number>>;
  /** Processor time of the collector's thread in each phase; null where it cannot be asked for. */
  readonly phasesCpuMs: Readonly<Record<string, number>> | null;
  readonly totalMs: number;
  readonly pauses: readonly PauseRecord[];
  readonly liveBytes: number;
  readonly freedBytes: number;
  /** Dead objects that were left in the dense prefix. */
  readonly deadBytes: number;
  readonly objects: number;
  /** Dirty cards (64 bytes each) that marking looked at beside the mutators, and in the marking pause. */
  readonly dirtyCards: { readonly precleaned: number; readonly atPause: number };
  /** Weak references and ephemerons that were cleared, and finalizers whose objects were found dead. */
  readonly references: { readonly cleared: number; readonly finalized: number };
  readonly pages: {
    readonly compacted: number;
    /** Of the compacted ones: those of the dense prefix, which were not moved. */
    readonly prefix: number;
    readonly slid: number;
    readonly publishedByCollector: number;
    readonly publishedByFault: number;
    /** Made, and never touched while it was watched: no call was spent on it. */
    readonly untouched: number;
    readonly filledByCollector: number;
    readonly filledByFault: number;
  };
  /** Pages that do not move and whose references are updated: of the non-moving space, and of large objects. */
  readonly nonMoving: {
    readonly pages: number;
    /** Of the non-moving space. */
    readonly liveBytes: number;
    readonly publishedByCollector: number;
    readonly publishedByFault: number;
    /** Updated, and never touched while it was watched. */
    readonly untouched: number;
    readonly updatedByCollector: number;
    readonly updatedByFault: number;
    /** Runs that were published, by an ioctl each unless one is done in part, and the bytes these copied. */
    readonly calls: number;
    readonly copiedBytes: number;
  };
  /** The large-object space. Its pages with references are among those of `nonMoving`; raw ones cost nothing. */
  readonly large: {
    readonly pages: number;
    readonly liveBytes: number;
    readonly rawPages: number;
    readonly rawBytes: number;
  };
  /** Free pages that do not move, large objects' and others, whose memory was given back. */
  readonly releasedPages: number;
  readonly ioctls: Readonly<Record<string, { readonly calls: number; readonly pages: number }>>;
  readonly faults: { readonly missing: number; readonly minor: number };
  /** Calls that the kernel refused, each time, by errno. */
  readonly refused: Readonly<Record<string, number>>;
  /** Bytes that publishing copied. */
  readonly copiedBytes: number;
  /** Bytes behind the heap, each time that they were looked at: where they are most, and after that. */
  readonly memory: readonly { readonly atMs: number; readonly bytes: number }[];
}

/** Takes events as they are drained; answers the records of the collections that have ended. */
export interface RecordKeeper {
  /** Keeps nothing of the object itself. */
  add(event: Event): void;
  /** The record of a collection all of whose events were added. */
  record(cycle: number): CycleRecord;
  /** Forgets the events of a collection that was given up. */
  forget(cycle: number): void;
}

export function keepRecords(): RecordKeeper {
  const byCycle = new Map<number, Tally>();
  let [current, tally] = [0, openTally()]; // of the event before: most are of the same collection
  return {
    add(event) {
      if (event.cycle === 0) return; // before the first
      if (event.cycle !== current) {
        current = event.cycle;
        tally = getOrAdd(byCycle, current, openTally);
      }
      addTo(tally, event);
    },
    record: (cycle) => {
      const record = makeRecord(cycle, byCycle.get(cycle) ?? openTally());
      byCycle.delete(cycle);
      return record;
    },
    forget: (cycle) => void byCycle.delete(cycle),
  };
}

/** A ring overflowed and an event is gone without which there is no record. */
export class EventsLostError extends Error {
  readonly code = 'EVENTS_LOST';
  constructor(cycle: number, kind: number) {
    super(
      `collection ${cycle}: its event of kind ${kind} was lost; the main thread was blocked for so long that a ` +
        'ring of events overflowed: keep it free while mutators run',
    );
    this.name = 'EventsLostError';
  }
}

function makeRecord(number: number, { events, counts }: Tally): CycleRecord {
  const first = (kind: number): Event | undefined => events.find((event) => event.kind === kind);
  const one = (kind: number): Event => {
    const event = first(kind);
    if (event === undefined) throw new EventsLostError(number, kind);
    return event;
  };
  const of = (kind: number): ReadonlyMap<number, Count> => counts[kind] ?? new Map();
  const sum = (kind: number, role: number): number => of(kind).get(role)?.sum ?? 0;
  const faults = (minor: 0 | 1): number => of(EVENT.fault).get(minor)?.count ?? 0;
  const [begin, end, marked, planned] = [EVENT.cycleBegin, EVENT.cycleEnd, EVENT.marked, EVENT.planned].map(
    one,
  );
  if (!begin || !end || !marked || !planned) throw new RangeError('unreachable');
  const ioctls = countIoctls(of(EVENT.ioctl));
  const copies = requestName(UFFDIO_COPY) in ioctls;
  const publishedNonMoving =
    sum(EVENT.publishedNonMoving, ROLE.collector) + sum(EVENT.publishedNonMoving, ROLE.fault);
  const liveBytes = one(EVENT.live).a * GRANULE_BYTES;
  return {
    number,
    trigger: TRIGGERS[begin.a] ?? 'explicit',
    beganMs: begin.timeMs,
    phasesMs: phaseTimes(events, ({ timeMs }) => timeMs),
    phasesCpuMs: phaseCpuTimes(events),
    totalMs: end.timeMs - begin.timeMs,
    pauses: pausesOf(events),
    liveBytes,
    freedBytes: Math.max(0, one(EVENT.freed).a * PAGE_BYTES),
    deadBytes: one(EVENT.prefix).b * GRANULE_BYTES,
    objects: marked.a,
    dirtyCards: { precleaned: one(EVENT.cards).a, atPause: one(EVENT.cards).b },
    references: { cleared: first(EVENT.references)?.a ?? 0, finalized: first(EVENT.references)?.b ?? 0 },
    pages: {
      compacted: planned.a,
      prefix: one(EVENT.prefix).a,
      slid: planned.b,
      publishedByCollector: sum(EVENT.published, ROLE.collector),
      publishedByFault: sum(EVENT.published, ROLE.fault),
      untouched: end.a,
      filledByCollector: sum(EVENT.filled, ROLE.collector),
      filledByFault: sum(EVENT.filled, ROLE.fault),
    },
    nonMoving: {
      pages: one(EVENT.plannedNonMoving).a,
      liveBytes: one(EVENT.live).b * GRANULE_BYTES,
      publishedByCollector: sum(EVENT.publishedNonMoving, ROLE.collector),
      publishedByFault: sum(EVENT.publishedNonMoving, ROLE.fault),
      untouched: one(EVENT.untouchedNonMoving).a,
      updatedByCollector: sum(EVENT.updated, ROLE.collector),
      updatedByFault: sum(EVENT.updated, ROLE.fault),
      calls: [...of(EVENT.publishedNonMoving).values()].reduce((total, { count }) => total + count, 0),
      copiedBytes: copies ? publishedNonMoving * PAGE_BYTES : 0,
    },
    large: {
      pages: one(EVENT.largePages).a,
      liveBytes: one(EVENT.liveLarge).a * GRANULE_BYTES,
      rawPages: one(EVENT.largePages).b,
      rawBytes: one(EVENT.liveLarge).b * GRANULE_BYTES,
    },
    releasedPages: one(EVENT.released).a,
    ioctls,
    faults: { missing: faults(0), minor: faults(1) },
    refused: countErrnos(of(EVENT.refused)),
    copiedBytes: (ioctls[requestName(UFFDIO_COPY)]?.pages ?? 0) * PAGE_BYTES,
    memory: events
      .filter(({ kind }) => kind === EVENT.memory)
      .map(({ timeMs, a }) => ({ atMs: timeMs, bytes: a })),
  };
}

const isOfPhase = ({ kind }: Event) => kind === EVENT.phaseBegin || kind === EVENT.phaseEnd;

function phaseCpuTimes(events: readonly Event[]): Record<string, number> | null {
  if (events.some((event) => isOfPhase(event) && event.b === UNKNOWN_CPU)) return null;
  return phaseTimes(events, ({ b }) => b / 1000);
}

/** Each phase's own time, by some clock: a phase within a phase does not count for the outer one, and parts of one are added. */
function phaseTimes(events: readonly Event[], clock: (event: Event) => number): Record<string, number> {
  const times: Record<string, number> = {};
  const open: number[] = [];
  let since = 0;
  for (const event of events.filter(isOfPhase)) {
    const current = PHASES[open.at(-1) ?? -1];
    if (current !== undefined) times[current] = (times[current] ?? 0) + clock(event) - since;
    since = clock(event);
    if (event.kind === EVENT.phaseBegin) open.push(event.a);
    else open.length = Math.max(0, open.lastIndexOf(event.a)); // what is above it has lost its end
  }
  return times;
}

function pausesOf(events: readonly Event[]): PauseRecord[] {
  const pauses: PauseRecord[] = [];
  let [requested, stopped] = [NaN, NaN]; // of the pause that has not ended; NaN if the event was lost
  for (const { kind, a, timeMs } of events) {
    if (kind === EVENT.stopRequested) [requested, stopped] = [timeMs, NaN];
    else if (kind === EVENT.stopped) stopped = timeMs;
    if (kind !== EVENT.resumed) continue;
    const name = PAUSES[a];
    const [ms, timeToSafepointMs] = [timeMs - stopped, stopped - requested];
    if (name !== undefined && ms >= 0 && timeToSafepointMs >= 0) pauses.push({ name, ms, timeToSafepointMs });
    [requested, stopped] = [NaN, NaN];
  }
  return pauses;
}

function countErrnos(refused: ReadonlyMap<number, Count>): Record<string, number> {
  return Object.fromEntries([...refused].map(([errno, { count }]) => [errnoName(errno), count]));
}

function countIoctls(ioctls: ReadonlyMap<number, Count>): Record<string, { calls: number; pages: number }> {
  const entries = [...ioctls].map(
    ([request, { count, sum }]) => [requestName(request >>> 0), { calls: count, pages: sum }] as const,
  );
  return Object.fromEntries(entries);
}
