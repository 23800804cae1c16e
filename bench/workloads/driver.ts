/**
 * What every workload's mutators do, whatever the workload: build, meet, then rounds of operations, one round to a
 * collection.
 *
 * Collections are numbered (heap/requests.ts). When all mutators have built, the last of them to arrive waits until
 * no collection is left running and notes the newest number: the *base*. Then each mutator, for r = 1 … cycles:
 *
 *     until collection base + r − 1 is finished:  idle    (uncounted: reads and verifies, or sleeps)
 *     request collection base + r
 *     do exactly `operations` operations
 *
 * and at the end idles until base + cycles is finished. So
 *
 * - every mutator does cycles × operations operations, and collection base + r begins with the round r of the
 *   mutator that is first to get there: all collections run beside mutators at work;
 * - a request is for a number. If collection base + r has already been caused, by an allocation that found the heap
 *   full or by another mutator, asking for it does nothing. Collections may then run ahead of the rounds, and
 *   more of them be done than were asked for; the number of operations stays what it is;
 * - what the operations compute follows from workload, parameters, seed, mutator and their number. Idle work may
 *   follow the timing, so it must leave the graph and the operations' random numbers alone.
 *
 * A program whose operations come when they are due, whatever else goes on (`openLoop`), does not idle between rounds: collections
 * that take longer than a round come one after the other.
 *
 * Where collections are to begin for want of room alone (`--collect room`), there are no requests and no idling: only rounds.
 */
import { defineMutator, type Mutator, type MutatorDefinition } from '../../heap/mutator.ts';
import { fetchAdd, loadAcquire, type SharedWords, sleepWhile, storeRelease, wake } from '../../uffd/sync.ts';
import type { RequestTimes } from '../metrics/latency.ts';
import type { WorkloadRequest } from './workload.ts';

/** What a program knows of the run. */
export interface ProgramContext<Data> {
  readonly data: Data;
  readonly seed: number;
  readonly index: number;
  readonly mutators: number;
}

/** A workload, on the mutator's side. Between any two calls there is a safepoint: no Ref may be kept in `State`. */
export interface Program<Data, State> {
  /** Named root slots. */
  readonly roots: number;
  readonly build: (m: Mutator, context: ProgramContext<Data>) => State;
  /** One operation; they are numbered from 0, through all rounds. */
  readonly operate: (m: Mutator, state: State, operation: number) => void;
  /** A few microseconds of reads between rounds. Without it the mutator sleeps there. */
  readonly idle?: (m: Mutator, state: State) => void;
  /** Whether operations wait until they are due by themselves: there is no idling between rounds. */
  readonly openLoop?: boolean;
  /** When each operation was due, began and ended, where operations are requests. */
  readonly requests?: (state: State) => RequestTimes;
  /** What the operations have computed. The last thing called: the place for a check of all that should be left. */
  readonly checksum: (m: Mutator, state: State) => number | string;
}

/** What each mutator of a workload is spawned with. */
export interface DriverData<Data> {
  readonly program: Data;
  readonly seed: number;
  readonly mutators: number;
  readonly cycles: number;
  readonly operations: number;
  /** Whether a collection is asked for in each round. */
  readonly asks: boolean;
  readonly meeting: SharedWords;
}

/** What a mutator of a workload answers. */
export interface DriverResult {
  readonly operations: number;
  /** Time inside counted operations, safepoints and stalls included. */
  readonly seconds: number;
  readonly checksum: number | string;
  readonly requests?: RequestTimes;
  /** Of the time inside operations: not running, for the collector's sake. */
  readonly stoppedMs: number;
  /** Before these, and by them. */
  readonly builtBytes: number;
  readonly allocatedBytes: number;
  /** In all, with what allocation buffers left unused. */
  readonly takenBytes: number;
  /** Number of the newest collection when the rounds began: base + 1 … are those that ran beside operations. */
  readonly base: number;
}

/** Idle work before the first round: else runs that have no time to idle later would run colder code. */
const WARM_UP = 2000;

// Words of a meeting: how many mutators have ever arrived, how many meetings are over, the base of the newest.
const ARRIVED = 0;
const OPENED = 1;
const BASE = 2;
const MEETING_WORDS = 3;

/** For the main thread: the data that the mutators of one workload share. */
export function driverData<Data>(
  request: WorkloadRequest,
  operations: number,
  program: Data,
): DriverData<Data> {
  const { seed, mutators, cycles } = request;
  const meeting = new Int32Array(new SharedArrayBuffer(4 * MEETING_WORDS));
  return { program, seed, mutators, cycles, operations, asks: request.collect !== 'room', meeting };
}

/** The same run without asking for collections; null if a workload has no such data. */
export function withoutAsking(data: unknown): unknown {
  return typeof data === 'object' && data !== null && 'meeting' in data && 'asks' in data
    ? { ...data, asks: false }
    : null;
}

/** The mutator that runs a program: a workload module's default export. */
export function workloadMutator<Data, State>(
  program: Program<Data, State>,
): MutatorDefinition<DriverData<Data>, DriverResult> {
  return defineMutator({ roots: program.roots, run: (m, data: DriverData<Data>) => drive(m, data, program) });
}

function drive<Data, State>(m: Mutator, data: DriverData<Data>, program: Program<Data, State>): DriverResult {
  const { seed, mutators, cycles, operations, asks } = data;
  const state = program.build(m, { data: data.program, seed, mutators, index: m.index });
  for (let i = 0; i < WARM_UP; i++) idleOnce(m, state, program);
  const base = meet(m, data);
  const builtBytes = m.bytesAllocated();
  let [ms, stoppedMs] = [0, 0];
  for (let round = 1; round <= cycles; round++) {
    if (asks && !program.openLoop) idleUntilFinished(m, state, program, base + round - 1);
    if (asks) m.requestCollection(base + round);
    const [began, stoppedBefore] = [performance.now(), m.stoppedMs()];
    operateRound(m, state, program, { first: (round - 1) * operations, count: operations });
    ms += performance.now() - began;
    stoppedMs += m.stoppedMs() - stoppedBefore;
  }
  if (asks) idleUntilFinished(m, state, program, base + cycles);
  const allocatedBytes = m.bytesAllocated() - builtBytes;
  const takenBytes = m.bytesTaken();
  const requests = program.requests?.(state);
  const checksum = program.checksum(m, state);
  return {
    ...{ operations: cycles * operations, seconds: ms / 1000, checksum },
    ...(requests === undefined ? {} : { requests }),
    ...{ stoppedMs, builtBytes, allocatedBytes, takenBytes, base },
  };
}

function operateRound<Data, State>(
  m: Mutator,
  state: State,
  { operate }: Program<Data, State>,
  { first, count }: { readonly first: number; readonly count: number },
): void {
  for (let operation = first; operation < first + count; operation++) {
    operate(m, state, operation);
    m.safepoint();
  }
}

function idleUntilFinished<Data, State>(
  m: Mutator,
  state: State,
  { idle }: Program<Data, State>,
  number: number,
): void {
  if (!idle) m.waitForCollection(number);
  while (idle && m.collectionsFinished() < number) idleOnce(m, state, { idle });
}

function idleOnce<Data, State>(m: Mutator, state: State, { idle }: Pick<Program<Data, State>, 'idle'>): void {
  idle?.(m, state);
  m.safepoint();
}

/**
 * Waits for the other mutators, and answers the base. The words serve one run after the other, as long as in each
 * all mutators arrive: after a run that failed, the workload must be prepared again.
 */
function meet(m: Mutator, { meeting, mutators }: DriverData<unknown>): number {
  const arrival = fetchAdd(meeting, ARRIVED, 1);
  const meetingNumber = Math.floor(arrival / mutators);
  if (arrival % mutators === mutators - 1) {
    storeRelease(meeting, BASE, settledCollections(m));
    // BASE before OPENED: whoever sees the meeting open reads this meeting's base.
    storeRelease(meeting, OPENED, meetingNumber + 1);
    wake(meeting, OPENED);
  } else {
    m.blocked(() => awaitMeeting(meeting, meetingNumber));
  }
  return loadAcquire(meeting, BASE);
}

function awaitMeeting(meeting: SharedWords, number: number): void {
  for (;;) {
    const opened = loadAcquire(meeting, OPENED);
    if (opened > number) return;
    sleepWhile(meeting, OPENED, opened);
  }
}

/** The number of the newest collection, once it is finished. */
function settledCollections(m: Mutator): number {
  for (;;) {
    const started = m.collectionsStarted();
    m.waitForCollection(started);
    if (m.collectionsStarted() === started) return started;
  }
}
