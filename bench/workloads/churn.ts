/**
 * `churn`: a cache that evicts the least recently used, under requests by Zipf's law. Steady live size, constant
 * garbage, and a list that is rewired by every request: the old points to the new as often as the reverse.
 */
import { driverData } from './driver.ts';
import { numberOf, OPERATIONS, resolveParameters } from './parameters.ts';
import { buildRoom, heapForRoom, objectBytes, requireHeap, smallestHeap } from './room.ts';
import { tableBytes } from './table.ts';
import type { Workload } from './workload.ts';

const NAME = 'churn';
const MOST_PAYLOAD_WORDS = 63;
const ENTRY_BYTES = objectBytes(4, 1);
const MEAN_BYTES = ENTRY_BYTES + objectBytes(0, MOST_PAYLOAD_WORDS) / 2;
const SMALLEST_CACHE = 16 * 1024;

/** What the mutators are told. */
export interface ChurnData {
  /** Bytes of entries and payloads that the cache may hold. */
  readonly capacity: number;
  readonly keys: number;
  readonly skew: number;
  /** Buckets of the hash table: a power of 2. */
  readonly buckets: number;
  readonly live: number;
  /** Bytes that may be allocated while building. */
  readonly room: number;
}

/** Data words of the payload of a key whose hash this is: 1 to 63, hence 8 to 256 bytes. */
export function payloadWordsOf(hash: number): number {
  return 1 + ((hash >>> 8) % MOST_PAYLOAD_WORDS);
}

/** Bytes that an entry with so many payload words adds to the cache. */
export function entryBytes(payloadWords: number): number {
  return ENTRY_BYTES + objectBytes(0, payloadWords);
}

export const churn: Workload = {
  name: NAME,
  summary: 'a least-recently-used cache under requests by a Zipf law: steady live size, constant garbage',
  module: new URL('./churn-program.js', import.meta.url),
  parameters: {
    capacity: {
      summary: "size of each mutator's cache",
      derived: 'as much as keeps --live of the heap alive',
      type: 'size',
      min: 1024,
      // The hash table and the entries on their way take less than a twentieth.
      default: (request) => Math.max(1024, Math.floor(0.95 * request.live * buildRoom(request))),
    },
    keys: {
      summary: 'different keys that are asked for',
      derived: 'four times as many as the cache holds',
      type: 'integer',
      min: 1,
      max: 2 ** 31 - 1,
      default: (_, { capacity }) => 4 * entriesIn(capacity as number),
    },
    skew: {
      summary: 'exponent of the Zipf law; 0 is uniform',
      type: 'number',
      min: 0,
      max: 10,
      default: 0.99,
    },
    operations: {
      ...OPERATIONS,
      derived: 'as many as the cache has entries',
      default: (_, { capacity }) => entriesIn(capacity as number),
    },
  },

  async prepare(request) {
    const { mutators, live } = request;
    if (!request.settings.has('capacity')) {
      requireHeap(NAME, request, heapForRoom(SMALLEST_CACHE / live, mutators));
    }
    const parameters = resolveParameters(this.parameters, request);
    const capacity = numberOf(parameters, 'capacity');
    const data: ChurnData = {
      capacity,
      keys: numberOf(parameters, 'keys'),
      skew: numberOf(parameters, 'skew'),
      buckets: 2 ** Math.ceil(Math.log2(entriesIn(capacity))),
      live,
      room: buildRoom(request),
    };
    const liveBytes = mutators * liveBytesOf(data);
    requireHeap(NAME, request, smallestHeap(liveBytes, mutators), ', or a smaller --set capacity');
    return { parameters, liveBytes, data: driverData(request, numberOf(parameters, 'operations'), data) };
  },
};

/** How many entries a cache of that size holds, about. */
function entriesIn(capacity: number): number {
  return Math.max(1, Math.round(capacity / MEAN_BYTES));
}

/** The cache, its table, the list's head, and a payload that is about to get its entry. */
function liveBytesOf({ capacity, buckets }: ChurnData): number {
  return capacity + tableBytes(buckets) + 2 * ENTRY_BYTES + entryBytes(MOST_PAYLOAD_WORDS);
}
