/**
 * `random-graph`: small objects that refer to each other at random. The hardest case for a compactor that profits
 * from locality: every page refers to every other, and dead objects lie between the live ones.
 */
import { GRANULE_BYTES } from '../../heap/object.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
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
/** What one page of a page table maps: the flip moves it as one. */
const PAGE_TABLE_BYTES = 2 * 1024 ** 2;
const LARGE_HEAP = 32 * 1024 ** 2;

/** What the mutators are told. */
export interface RandomGraphData {
  readonly objects: number;
  readonly live: number;
  /** Bytes that may be allocated while building. */
  readonly room: number;
  /** The part of the objects that does not move. */
  readonly nonMoving: number;
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
    nonmoving: {
      summary: 'part of the objects that lies in the non-moving space, and of the heap that this is',
      type: 'number',
      min: 0,
      max: 0.9,
      default: 0,
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
    const nonMoving = numberOf(parameters, 'nonmoving');
    const data: RandomGraphData = { objects, live: request.live, room: buildRoom(request), nonMoving };
    return {
      parameters,
      liveBytes,
      nonMovingBytes: nonMovingBytesOf(request.heapBytes, nonMoving),
      data: driverData(request, numberOf(parameters, 'operations'), data),
    };
  },
};

/** As much of the heap as objects of all live ones are, the table left out; in a large heap in whole page tables. */
function nonMovingBytesOf(heapBytes: number, part: number): number {
  const unit = heapBytes >= LARGE_HEAP ? PAGE_TABLE_BYTES : PAGE_BYTES;
  return Math.ceil((heapBytes * part * MEAN_BYTES) / BYTES_EACH / unit) * unit;
}

/** Exact, but for the one object that is about to replace another. */
function liveBytesOf({ seed, mutators }: WorkloadRequest, objects: number): number {
  let bytes = mutators * (tableBytes(objects) + MAX_BYTES);
  for (let mutator = 0; mutator < mutators; mutator++) {
    const salt = saltOf(seed, mutator);
    for (let index = 0; index < objects; index++) bytes += granulesOf(salt, index) * GRANULE_BYTES;
  }
  return bytes;
}
