/** What the threads of a heap have told, as far as it was read: their rings of events, and where each event goes from there. */
import { UNKNOWN_CPU } from './cpu-clock.ts';
import {
  createRing,
  DEFAULT_CAPACITY,
  type Details,
  EVENT,
  type EventReader,
  type EventRing,
  openReader,
  WAIT,
} from './events.ts';
import { makeRecorder, type Recorder, type ThreadRecording } from './recording.ts';
import { keepRecords, type RecordKeeper } from './records.ts';
import { makeStallList, type Stall, type StallList } from './stalls.ts';

/** In ms, of all threads of a role together. */
export interface CpuTime {
  readonly mutators: number;
  /** The collector and the GC threads beside it. */
  readonly collectors: number;
  readonly faults: number;
}

/** What belongs to one mutator. */
export interface ToldByOne {
  readonly stalls: StallList;
  readonly waits: StallList;
  readonly outOfRoom: StallList;
}

/** A ring's reading end, and what was read from it that belongs to one thread. */
interface Drained extends ToldByOne {
  readonly role: string;
  readonly reader: EventReader;
  /** Null: nothing is recorded. */
  readonly recorder: Recorder | null;
}

export interface Told {
  readonly records: RecordKeeper;
  /** A ring for a thread of that name, whose first word is its role. */
  openRing(name: string): { readonly ring: EventRing; readonly told: ToldByOne };
  /** Reads every ring. */
  drain(): void;
  /** Reads them if one has filled so far that it must not wait for the end of a collection. */
  drainInTime(): void;
  lostEvents(): number;
  engineCollections(): readonly Stall[];
  /** Null where a thread cannot tell, or none has ended. */
  cpuMs(): CpuTime | null;
  recordings(): readonly ThreadRecording[];
}

/**
 * From this part of a ring on. While collections run there are more threads at work than processors, as a rule: what reads tens of
 * thousands of events meanwhile takes from them what they cost in all (3 % of a compaction of 64 MiB on two processors).
 */
const MOST_WAITING = 0.5;

/** @param zeroNs the heap's zero of time, in ns of CLOCK_MONOTONIC */
export function keepTold(
  zeroNs: bigint,
  options: { readonly detailedEvents: Details; readonly record: boolean },
): Told {
  const rings: Drained[] = [];
  const records = keepRecords();
  const engine = makeStallList();
  const cpu: CpuOfThread[] = [];

  function drain(): void {
    for (const { role, reader, recorder, stalls, waits, outOfRoom } of rings)
      reader.drain((event) => {
        recorder?.add(event);
        const { kind, a, b, cycle, timeMs } = event;
        if (kind === EVENT.stall) stalls.add(a, cycle, timeMs);
        else if (kind === EVENT.engine) engine.add(a, 0, timeMs);
        else if (kind === EVENT.cpu) cpu.push({ role, us: a });
        else if (kind === EVENT.wait) (b === WAIT.safepoint ? waits : outOfRoom).add(a, cycle, timeMs);
        else records.add(event);
      });
  }

  return {
    records,
    openRing(name) {
      const ring = createRing(zeroNs, DEFAULT_CAPACITY, options.detailedEvents);
      const [role = ''] = name.split(' ');
      const told = { stalls: makeStallList(), waits: makeStallList(), outOfRoom: makeStallList() };
      rings.push({
        ...{ role, reader: openReader(ring), recorder: options.record ? makeRecorder(name) : null },
        ...told,
      });
      return { ring, told };
    },
    drain,
    drainInTime() {
      if (rings.some(({ reader }) => reader.waiting() >= MOST_WAITING)) drain();
    },
    lostEvents: () => rings.reduce((lost, { reader }) => lost + reader.lost(), 0),
    engineCollections: () => engine.all(),
    cpuMs: () => cpuTime(cpu),
    recordings: () => rings.flatMap(({ recorder }) => recorder?.recording() ?? []),
  };
}

/** What a thread has told of its processor time. */
interface CpuOfThread {
  readonly role: string;
  readonly us: number;
}

function cpuTime(threads: readonly CpuOfThread[]): CpuTime | null {
  if (threads.length === 0 || threads.some(({ us }) => us === UNKNOWN_CPU)) return null;
  const of = (...roles: readonly string[]) =>
    threads.filter(({ role }) => roles.includes(role)).reduce((ms, { us }) => ms + us / 1000, 0);
  return { mutators: of('mutator'), collectors: of('collector', 'compactor'), faults: of('fault') };
}
