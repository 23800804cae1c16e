/**
 * `random-graph`: small objects that refer to each other at random. The hardest case for a compactor that profits
 * from locality: every page refers to every other, and dead objects lie between the live ones.
 */
import { GRANULE_BYTES } from '../../heap/object.ts';
import { driverData } from './driver.ts';
import { numberOf, OPERATIONS, resolveParameters } from './parameters.ts';
import { hash32 } from './random.ts';
import { granulesOf, MAX_BYTES, MEAN_BYTES, type Salt } from './random-graph-object.ts';
import { buildRoom, heapForRoom, requireHeap, smallestHeap } from './room.ts';
import { tableBytes } from './table.ts';
import type { Workload, WorkloadRequest } from './workload.ts';

const NAME = 'random-graph';
const FEWEST_OBJECTS = 256;
/** An object and its entry in the table. */
const BYTES_EACH = MEAN_BYTES + 4;

/** What the mutators are told. */
export interface RandomGraphData {
  readonly objects: number;
  readonly live: number;
  /** Bytes that may be allocated while building. */
  readonly room: number;
}

export function saltOf(seed: number, mutator: number): Salt {
  return hash32(seed, mutator, 0x72616e64);
}

export const randomGraph: Workload = {
  name: NAME,
  summary: 'objects of 8 to 64 bytes with 0 to 3 references to random live ones, verified as they are read',
  module: new URL('./random-graph-program.js', import.meta.url),
  parameters: {
    objects: {
      summary: 'live objects of each mutator',
      derived: 'as many as keep --live of the heap alive',
      type: 'integer',
      min: 1,
      default: (request) => Math.max(1, Math.floor((request.live * buildRoom(request)) / BYTES_EACH)),
    },
    operations: {
      ...OPERATIONS,
      derived: 'objects / 8',
      default: (_, { objects }) => Math.max(1, Math.floor((objects as number) / 8)),
    },
  },

  async prepare(request) {
    const smallest = heapForRoom((FEWEST_OBJECTS * BYTES_EACH) / request.live, request.mutators);
    if (!request.settings.has('objects')) requireHeap(NAME, request, smallest);
    const parameters = resolveParameters(this.parameters, request);
    const objects = numberOf(parameters, 'objects');
    const liveBytes = liveBytesOf(request, objects);
    requireHeap(NAME, request, smallestHeap(liveBytes, request.mutators), ', or fewer --set objects');
    const data: RandomGraphData = { objects, live: request.live, room: buildRoom(request) };
    return { parameters, liveBytes, data: driverData(request, numberOf(parameters, 'operations'), data) };
  },
};

/** Exact, but for the one object that is about to replace another. */
function liveBytesOf({ seed, mutators }: WorkloadRequest, objects: number): number {
  let bytes = mutators * (tableBytes(objects) + MAX_BYTES);
  for (let mutator = 0; mutator < mutators; mutator++) {
    const salt = saltOf(seed, mutator);
    for (let index = 0; index < objects; index++) bytes += granulesOf(salt, index) * GRANULE_BYTES;
  }
  return bytes;
}
