/**
 * `random-graph`: small objects that refer to each other at random. The hardest case for a compactor that profits
 * from locality: every page refers to every other, and dead objects lie between the live ones.
 */
import { GRANULE_BYTES } from '../../heap/object.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { driverData } from './driver.ts';
import { numberOf, OPERATIONS, resolveParameters } from './parameters.ts';
import { hash32 } from './random.ts';
import { LARGE_ARRAY_BYTES } from './random-graph-large.ts';
import { granulesOf, MAX_BYTES, MEAN_BYTES, type Salt } from './random-graph-object.ts';
import { buildRoom, heapForRoom, requireHeap, smallestHeap } from './room.ts';
import { tableBytes } from './table.ts';
import { UsageError, type Workload, type WorkloadRequest } from './workload.ts';

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
  /** Large arrays of each mutator, and after how many operations one of them is replaced. */
  readonly large: number;
  readonly largeEvery: number;
}

export function saltOf(seed: number, mutator: number): Salt {
  return hash32(seed, mutator, 0x72616e64);
}

export const randomGraph: Workload = {
  name: NAME,
  summary: 'objects of 8 to 64 bytes with 0 to 3 references to random live ones, verified as they are read',
  module: new URL('./random-graph-program.js', import.meta.url),
  parameters: {
    large: {
      summary:
        'part of the heap that is large-object space, for the tables and for arrays of 32 KiB, half of them raw',
      type: 'number',
      min: 0,
      max: 0.8,
      default: 0,
    },
    objects: {
      summary: 'live objects of each mutator',
      derived: 'as many as keep --live of the heap alive',
      type: 'integer',
      min: 1,
      default: (request, { large }) => {
        const room = buildRoom(besideLarge(request, large as number));
        return Math.max(1, Math.floor((request.live * room) / BYTES_EACH));
      },
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
    const [objects, part] = [numberOf(parameters, 'objects'), numberOf(parameters, 'large')];
    const smallBytes = liveBytesOf(request, objects);
    const needed = Math.ceil(smallestHeap(smallBytes, request.mutators) / (1 - part));
    requireHeap(NAME, request, needed, ', or fewer --set objects');
    const [nonMoving, operations] = [numberOf(parameters, 'nonmoving'), numberOf(parameters, 'operations')];
    const large = part === 0 ? 0 : largeArrays(request, part, objects);
    const beside = besideLarge(request, part);
    const data: RandomGraphData = {
      ...{ objects, live: request.live, room: buildRoom(beside), nonMoving, large },
      largeEvery: Math.max(1, Math.floor(operations / large)),
    };
    return {
      parameters,
      liveBytes: smallBytes + request.mutators * large * LARGE_ARRAY_BYTES,
      nonMovingBytes: nonMovingBytesOf(beside.heapBytes, nonMoving),
      largeBytes: request.heapBytes - beside.heapBytes,
      data: driverData(request, operations, data),
    };
  },
};

/** The same request, of what the large-object space leaves of the heap. */
function besideLarge(request: WorkloadRequest, part: number): WorkloadRequest {
  const largeBytes = Math.ceil((request.heapBytes * part) / PAGE_BYTES) * PAGE_BYTES;
  return { ...request, heapBytes: request.heapBytes - largeBytes };
}

/** Large arrays of each mutator, so that they and the tables keep --live of their space alive. @throws UsageError */
function largeArrays({ heapBytes, mutators, live }: WorkloadRequest, part: number, objects: number): number {
  const arrays = Math.floor(((heapBytes * part * live) / mutators - tableBytes(objects)) / LARGE_ARRAY_BYTES);
  if (arrays >= 2) return arrays;
  const least = (mutators * (tableBytes(objects) + 2 * LARGE_ARRAY_BYTES)) / live / heapBytes;
  throw new UsageError(
    `${NAME}: --set large=${part} has no room for the tables and two arrays of each mutator; ` +
      `use --set large=${Math.ceil(least * 100) / 100} or more, or fewer --set objects`,
  );
}

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
