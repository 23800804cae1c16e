/**
 * `requests`: a server that keeps sessions. Requests come at a rate, whether or not the one before is done (an open loop): what counts
 * is how long they take from when they are due. Sessions are looked up by Zipf's law; most requests read one and answer with garbage,
 * some add an item to it in the place of its oldest, and some replace it whole.
 */
import { driverData } from './driver.ts';
import { numberOf, OPERATIONS, resolveParameters } from './parameters.ts';
import { buildRoom, heapForRoom, objectBytes, requireHeap, smallestHeap } from './room.ts';
import { tableBytes } from './table.ts';
import { UsageError, type Workload } from './workload.ts';

const NAME = 'requests';
/** Items of a session: 0 to so many, by its number. */
export const MOST_ITEMS = 15;
const MOST_ITEM_WORDS = 31;
const MOST_PROFILE_WORDS = 63;
export const SESSION_REFERENCES = 2;
const SESSION_BYTES = objectBytes(SESSION_REFERENCES, 1);
const MEAN_BYTES =
  SESSION_BYTES +
  objectBytes(0, (1 + MOST_PROFILE_WORDS) / 2) +
  (MOST_ITEMS / 2) * objectBytes(1, (1 + MOST_ITEM_WORDS) / 2);
/** Above the mean, what sessions may come to have by chance: their number makes it small. */
const BY_CHANCE = 1.05;
const FEWEST_SESSIONS = 64;
const ANSWER_BYTES = 16 * 1024;
/** The times of each are kept: 24 bytes. */
const MOST_REQUESTS = 1e7;
const ROUND_SECONDS = 0.5;

/** What the mutators are told. */
export interface RequestsData {
  readonly sessions: number;
  readonly skew: number;
  /** Requests a second; 0: one after the other. */
  readonly rate: number;
  readonly requests: number;
  readonly live: number;
  /** Bytes that may be allocated while building. */
  readonly room: number;
}

/** Data words of the profile of a session, or of an item, whose hash this is. */
export function profileWords(hash: number): number {
  return 1 + ((hash >>> 8) % MOST_PROFILE_WORDS);
}

export function itemWords(hash: number): number {
  return 1 + ((hash >>> 8) % MOST_ITEM_WORDS);
}

export const requests: Workload = {
  name: NAME,
  summary: 'a server that keeps sessions, under requests that come at a rate: their latency is the point',
  module: new URL('./requests-program.js', import.meta.url),
  parameters: {
    rate: {
      summary: 'requests a second to each mutator, at random intervals; 0: each when the one before is done',
      type: 'number',
      min: 0,
      max: 1e6,
      default: 2000,
    },
    sessions: {
      summary: 'sessions of each mutator',
      derived: 'as many as keep --live of the heap alive',
      type: 'integer',
      min: 1,
      default: (request) => Math.max(1, Math.floor((request.live * buildRoom(request)) / (MEAN_BYTES + 4))),
    },
    skew: {
      summary: 'exponent of the Zipf law by which sessions are asked for; 0 is uniform',
      type: 'number',
      min: 0,
      max: 10,
      default: 0.9,
    },
    operations: {
      ...OPERATIONS,
      derived: `those of ${ROUND_SECONDS} s, or a quarter of the sessions`,
      default: (_, { rate, sessions }) =>
        Math.max(1, Math.ceil(rate === 0 ? (sessions as number) / 4 : ROUND_SECONDS * (rate as number))),
    },
  },

  async prepare(request) {
    const { mutators, live, cycles } = request;
    const smallest = heapForRoom((FEWEST_SESSIONS * MEAN_BYTES) / live, mutators);
    if (!request.settings.has('sessions')) requireHeap(NAME, request, smallest);
    const parameters = resolveParameters(this.parameters, request);
    const [sessions, operations] = [numberOf(parameters, 'sessions'), numberOf(parameters, 'operations')];
    if (cycles * operations > MOST_REQUESTS)
      throw new UsageError(
        `${NAME}: ${cycles * operations} requests are too many to note the times of; use fewer --cycles or --set operations, at most ${MOST_REQUESTS} in all`,
      );
    const each = sessions * MEAN_BYTES * BY_CHANCE + tableBytes(sessions) + ANSWER_BYTES;
    const liveBytes = Math.ceil(mutators * each);
    requireHeap(NAME, request, smallestHeap(liveBytes, mutators), ', or fewer --set sessions');
    const data: RequestsData = {
      ...{ sessions, live, room: buildRoom(request), requests: cycles * operations },
      skew: numberOf(parameters, 'skew'),
      rate: numberOf(parameters, 'rate'),
    };
    return { parameters, liveBytes, data: driverData(request, operations, data) };
  },
};
