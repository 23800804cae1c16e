/**
 * Events: the one source of every figure. Each thread writes typed, timestamped records into a ring of its own in
 * shared memory, without locks and without allocating; the main thread drains the rings. An event that finds its
 * ring full is counted as lost, and said.
 *
 * All threads share one clock: milliseconds of CLOCK_MONOTONIC since the heap was opened.
 */
import { fetchAdd, loadAcquire, type SharedWords, storeRelease } from '../uffd/sync.ts';

/** Kinds of events, with what their operands mean, up to five. `cycle` is the number of the collection. */
export const EVENT = {
  phaseBegin: 1, // phase, cycle, and µs of processor time that the thread has had (cpu-clock.ts)
  phaseEnd: 2, // the same
  stopRequested: 3, // pause, cycle
  stopped: 4, // pause, cycle
  resumed: 5, // pause, cycle: from here on mutators may run
  cycleBegin: 6, // trigger, cycle
  cycleEnd: 7, // 0, cycle
  marked: 8, // objects, cycle
  planned: 9, // compacted pages, cycle, slid pages
  filled: 10, // pages, cycle, role of the thread, first page, and pages from there that others may have made some of
  published: 11, // pages, cycle, role of the thread, first page: all from there. Of the moment when the call ended that did it
  ioctl: 12, // request, cycle, pages, and µs that it took
  fault: 13, // 1 if minor, cycle, page, and the kernel's number of the thread that sleeps, if it tells (0: it does not)
  stall: 14, // µs slept in a userfault, cycle, page or NO_PAGE
  wait: 15, // µs, cycle, WAIT
  freed: 16, // pages that the heap has less after the flip, cycle
  cards: 17, // dirty cards that were looked at beside the mutators, cycle, and with the world stopped
  live: 18, // granules of the marked objects, cycle, and of those the ones in the non-moving space
  plannedNonMoving: 19, // pages to update that do not move, cycle
  updated: 20, // of these: as filled
  publishedNonMoving: 21, // of these: as published; an event for each ioctl
  untouchedNonMoving: 22, // pages, cycle
  references: 23, // weak handles that were cleared, cycle, and finalizers whose objects have died
  liveLarge: 24, // granules of the marked objects in the large-object space: with references, cycle, and raw
  largePages: 25, // the pages of all that are kept: with references, cycle, and raw
  released: 26, // free pages that do not move whose memory was given back, cycle
  refused: 27, // errno, cycle: a call was refused, and may be made again
  prefix: 28, // pages at the bottom that were not moved, cycle, and granules of them that are dead
  claimed: 29, // pages that this thread is about to make, cycle, role, first page
  helpBegin: 30, // JOB, cycle: a GC thread beside the collector joins it
  helpEnd: 31, // JOB, cycle
  memory: 32, // bytes behind the heap now, cycle, and at their highest so far
  engine: 33, // µs of a collection of V8's own that has ended, 0, its kind (engine.ts)
  cpu: 34, // µs of processor time that this thread has had: told as it ends
  thread: 35, // the kernel's number of this thread (gettid): told as a mutator starts
} as const;

/** The page of a stall where the kernel does not say which access has slept: the real one. */
export const NO_PAGE = -1;
/** Who filled or published. */
export const ROLE = { collector: 0, fault: 1 } as const;
/** Why a mutator waited. */
export const WAIT = { safepoint: 0, allocation: 1 } as const;

export interface Event {
  readonly timeMs: number;
  readonly kind: number;
  readonly a: number;
  readonly cycle: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

/** What an event consists of, in this order: in a ring, and where events are kept (recording.ts). */
export const EVENT_FIELDS = [
  'timeMs',
  'kind',
  'a',
  'cycle',
  'b',
  'c',
  'd',
] as const satisfies readonly (keyof Event)[];
/** Doubles that an event takes in a ring: a cache line. */
const RECORD = 8;
export const DEFAULT_CAPACITY = 1 << 16;
const HEAD = 0; // next record to read
const TAIL = 1; // next record to write
const LOST = 2;
const CONTROL_BYTES = 64;

/** A ring as it travels to its thread. */
export interface EventRing {
  readonly shared: SharedArrayBuffer;
  readonly capacity: number;
  /** The heap's zero of time, in ns of CLOCK_MONOTONIC. */
  readonly zeroNs: bigint;
  readonly details: Details;
}

/**
 * Whether the events of single pages, calls and stalls are told, of which there are thousands in a collection. 'half': of
 * two collections in four, so that one heap can tell what they cost; neither odd numbers nor even ones are favoured.
 */
export type Details = boolean | 'half';
/** Whether they are told of collection `cycle`. */
export function tellsDetails(details: Details, cycle: number): boolean {
  return details === 'half' ? (cycle & 2) !== 0 : details;
}

/** Whether an event is of a single page, call or stall, by its kind: a table, since it is asked for every one. */
const IS_DETAIL: readonly boolean[] = tableOf([
  ...[EVENT.filled, EVENT.published, EVENT.ioctl, EVENT.fault, EVENT.stall, EVENT.wait],
  ...[EVENT.updated, EVENT.publishedNonMoving, EVENT.claimed],
]);

/** Told of the moment of the call before, where one was told just before: most of what an event costs is to read the clock. */
const IS_OF_CALL: readonly boolean[] = tableOf([EVENT.published, EVENT.publishedNonMoving]);

function tableOf(kinds: readonly number[]): readonly boolean[] {
  return Array.from({ length: 1 + Math.max(...Object.values(EVENT)) }, (_, kind) => kinds.includes(kind));
}

/** @param capacity records that it has room for: a power of two, since both ends count on beyond 2³² */
export function createRing(zeroNs: bigint, capacity = DEFAULT_CAPACITY, details: Details = true): EventRing {
  const shared = new SharedArrayBuffer(CONTROL_BYTES + capacity * RECORD * 8);
  return { shared, capacity, zeroNs, details };
}

/** What a thread writes its events with. */
export interface EventWriter {
  /** Whether such an event is told at all of that collection: if not, nothing need be measured for it. */
  tells(kind: number, cycle: number): boolean;
  /** Records an event of now. */
  emit(kind: number, a: number, cycle: number, b?: number, c?: number, d?: number): void;
  /** Records an event of another moment, in this thread's performance.now(). */
  emitAt(nowMs: number, kind: number, a: number, cycle: number, b?: number, c?: number, d?: number): void;
}

/** The writing end of a ring; only one thread may have it. */
export function openWriter(ring: EventRing): EventWriter {
  const control: SharedWords = new Int32Array(ring.shared, 0, CONTROL_BYTES / 4);
  const records = new Float64Array(ring.shared, CONTROL_BYTES);
  const offsetMs = clockOffset(ring.zeroNs);
  const { details, capacity } = ring;

  /** As far as the reader is known to have come: where that leaves room, it is not looked at again. */
  let head = loadAcquire(control, HEAD);
  let [lastKind, lastMs] = [0, 0];

  const tells = (kind: number, cycle: number): boolean =>
    details === true || IS_DETAIL[kind] !== true || tellsDetails(details, cycle);

  function emitAt(nowMs: number, kind: number, a: number, cycle: number, b = 0, c = 0, d = 0): void {
    if (tells(kind, cycle)) write(nowMs, kind, a, cycle, b, c, d);
  }

  function write(
    nowMs: number,
    kind: number,
    a: number,
    cycle: number,
    b: number,
    c: number,
    d: number,
  ): void {
    lastKind = kind;
    lastMs = nowMs;
    const tail = control[TAIL] as number; // only this thread writes it
    if (((tail - head) | 0) >= capacity) head = loadAcquire(control, HEAD);
    if (((tail - head) | 0) >= capacity) {
      fetchAdd(control, LOST, 1);
      return;
    }
    const at = (tail & (capacity - 1)) * RECORD;
    records[at] = nowMs + offsetMs;
    records[at + 1] = kind;
    records[at + 2] = a;
    records[at + 3] = cycle;
    records[at + 4] = b;
    records[at + 5] = c;
    records[at + 6] = d;
    storeRelease(control, TAIL, tail + 1); // publishes the record
  }

  return {
    tells,
    emit: (kind, a, cycle, b = 0, c = 0, d = 0) => {
      if (!tells(kind, cycle)) return;
      const now = lastKind === EVENT.ioctl && IS_OF_CALL[kind] === true ? lastMs : performance.now();
      write(now, kind, a, cycle, b, c, d);
    },
    emitAt,
  };
}

/** What to add to this thread's performance.now() to get the heap's time. */
function clockOffset(zeroNs: bigint): number {
  const before = performance.now();
  const sinceZero = Number(process.hrtime.bigint() - zeroNs) / 1e6;
  return sinceZero - (before + performance.now()) / 2;
}

/** The reading end. */
export interface EventReader {
  /**
   * Takes every event that is there, oldest first. `visit` is given one object, over and over: a copy of it can be kept.
   * (There are tens of thousands of events in a collection. Objects that live on make V8's scavenges long, and its
   * threads, which copy them, keep processors from ours: stalls of 10 to 20 ms were seen.)
   */
  drain(visit: (event: Event) => void): void;
  /** Which part of the ring waits to be drained, from 0 to 1. */
  waiting(): number;
  /** Events that found the ring full so far. */
  lost(): number;
}

export function openReader(ring: EventRing): EventReader {
  const control: SharedWords = new Int32Array(ring.shared, 0, CONTROL_BYTES / 4);
  const records = new Float64Array(ring.shared, CONTROL_BYTES);

  const event = { timeMs: NaN, kind: 0, a: 0, cycle: 0, b: 0, c: 0, d: 0 };

  function read(index: number): void {
    const at = (index & (ring.capacity - 1)) * RECORD;
    event.timeMs = records[at] as number;
    event.kind = records[at + 1] as number;
    event.a = records[at + 2] as number;
    event.cycle = records[at + 3] as number;
    event.b = records[at + 4] as number;
    event.c = records[at + 5] as number;
    event.d = records[at + 6] as number;
  }

  return {
    drain(visit) {
      const head = control[HEAD] as number; // only the reader writes it
      const tail = loadAcquire(control, TAIL);
      for (let index = head; index !== tail; index = (index + 1) | 0) {
        read(index);
        visit(event);
      }
      storeRelease(control, HEAD, tail);
    },
    waiting: () => ((loadAcquire(control, TAIL) - (control[HEAD] as number)) | 0) / ring.capacity,
    lost: () => loadAcquire(control, LOST),
  };
}
