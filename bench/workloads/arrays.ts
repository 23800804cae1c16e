/**
 * `arrays`: arrays from less than a page to hundreds of pages, raw ones and ones of references, whose slices are read,
 * overwritten and copied, and which are replaced now and then. Most bytes are in objects that span pages, so that a page of
 * to-space begins and ends amid one; with `large` those of 12 KiB and more lie in the large-object space.
 *
 * How sizes are distributed: arrays-sizes.ts. Reference arrays refer to *cells*, small objects of 16 bytes, one for every two
 * references, as boxed numbers are. All that arrays should hold is known beside the heap, in as much plain memory as arrays
 * take: each word that an operation reads, copies or is about to overwrite is compared, and all of an array before it is
 * replaced; a cell tells by a number of its own which one it is, and which version of it.
 */
import { LARGE_OBJECT_BYTES } from '../../heap/layout.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { bytesOf, isRaw, layoutOf, type Sizes } from './arrays-sizes.ts';
import { driverData } from './driver.ts';
import { numberOf, OPERATIONS, resolveParameters } from './parameters.ts';
import { hash32 } from './random.ts';
import { buildRoom, objectBytes, requireHeap, smallestHeap } from './room.ts';
import { tableBytes } from './table.ts';
import { type Parameters, UsageError, type Workload, type WorkloadRequest } from './workload.ts';

const NAME = 'arrays';
const FEWEST_ARRAYS = 16;
const LARGEST = 2 ** 20;
/** What the largest array may be of all: less, and a single one would decide how much is alive. */
const PART_OF_LARGEST = 1 / 12;
/** Where a heap is small, arrays are still of some pages. */
const LEAST_LARGEST = 4 * PAGE_BYTES;
/** Data words of a cell. */
export const CELL_WORDS = 3;
const CELL_BYTES = objectBytes(0, CELL_WORDS);
const REFERENCES_PER_CELL = 2;
const ENTRY_BYTES = 4;

/** What the mutators are told. */
export interface ArraysData extends Sizes {
  readonly arrays: number;
  readonly cells: number;
  readonly reads: number;
  readonly slice: number;
  readonly replace: number;
  /** Whether there is a large-object space. */
  readonly hasLarge: boolean;
  readonly live: number;
  /** Bytes that may be allocated while building. */
  readonly room: number;
}

/** Bytes of arrays, with what belongs to them: in the heap's main space, and in that of large objects, in whole pages. */
interface Sum {
  readonly arrays: number;
  readonly references: number;
  readonly main: number;
  readonly large: number;
}

/** A request, and the parameters that say how large arrays are. */
type SizesOf = (request: WorkloadRequest, before: Parameters) => Sizes;

const sizesOf: SizesOf = ({ seed }, parameters) => ({
  salt: hash32(seed, 0x61727261),
  smallest: numberOf(parameters, 'smallest'),
  largest: numberOf(parameters, 'largest'),
  alpha: numberOf(parameters, 'alpha'),
  edges: numberOf(parameters, 'edges'),
  raw: numberOf(parameters, 'raw'),
});

export const arrays: Workload = {
  name: NAME,
  summary:
    'raw and reference arrays from less than a page to hundreds of pages, copied and overwritten in slices',
  module: new URL('./arrays-program.js', import.meta.url),
  parameters: {
    large: {
      summary: 'part of the heap that is large-object space, where arrays of 12 KiB and more then lie',
      type: 'number',
      min: 0,
      max: 0.8,
      default: 0,
    },
    raw: {
      summary: 'part of the arrays that has no references',
      type: 'number',
      min: 0,
      max: 1,
      default: 0.5,
    },
    alpha: {
      summary: "exponent of the sizes' bounded Pareto distribution; 0: log-uniform",
      type: 'number',
      min: 0,
      max: 10,
      default: 1,
    },
    edges: {
      summary: 'part of the arrays of pages that is whole pages, give or take a granule',
      type: 'number',
      min: 0,
      max: 1,
      default: 0.5,
    },
    smallest: { summary: 'size of the smallest array', type: 'size', min: 16, max: 2 ** 20, default: 256 },
    largest: {
      summary: 'size of the largest array',
      derived: '1 MiB, or a twelfth of what the mutator keeps alive',
      type: 'size',
      min: 16,
      max: 2 ** 30,
      default: (request, { large, smallest }) => {
        const most = Math.min(...budgetsOf(request, large as number)) * PART_OF_LARGEST;
        const bytes = Math.max(LEAST_LARGEST, Math.min(LARGEST, Math.floor(most / 8) * 8));
        return Math.max(smallest as number, bytes);
      },
    },
    arrays: {
      summary: 'arrays of each mutator',
      derived: 'as many as keep --live of the heap alive',
      type: 'integer',
      min: 1,
      max: 2 ** 24,
      default: (request, before) => {
        const most = budgetsOf(request, before.large as number);
        return Math.max(FEWEST_ARRAYS, sumOf(sizesOf(request, before), Infinity, most).arrays);
      },
    },
    reads: {
      summary: 'elements that an operation reads',
      type: 'integer',
      min: 0,
      max: 1_000_000,
      default: 32,
    },
    slice: {
      summary: 'the most elements that an operation overwrites, and copies: 1 to so many, log-uniform',
      type: 'integer',
      min: 1,
      max: 2 ** 28,
      default: 2048,
    },
    replace: {
      summary: 'part of the operations that replace an array',
      type: 'number',
      min: 0,
      max: 1,
      default: 0.2,
    },
    operations: {
      ...OPERATIONS,
      derived: 'as many as there are arrays',
      default: (_, { arrays: n }) => n as number,
    },
  },

  async prepare(request) {
    const parameters = resolveParameters(this.parameters, request);
    const sizes = sizesOf(request, parameters);
    requireSizes(sizes);
    const [count, part] = [numberOf(parameters, 'arrays'), numberOf(parameters, 'large')];
    const sum = sumOf(sizes, count, part === 0 ? [Infinity, 0] : [Infinity, Infinity]);
    requireSpaces(request, sum, part);
    const data: ArraysData = {
      ...{ ...sizes, arrays: count, cells: cellsFor(sum.references), hasLarge: part > 0, live: request.live },
      reads: numberOf(parameters, 'reads'),
      slice: numberOf(parameters, 'slice'),
      replace: numberOf(parameters, 'replace'),
      room: buildRoom(besideLarge(request, part)),
    };
    return {
      parameters,
      liveBytes: request.mutators * liveBytesOf(data),
      largeBytes: largeBytesOf(request, part),
      data: driverData(request, numberOf(parameters, 'operations'), data),
    };
  },
};

function requireSizes({ smallest, largest }: Sizes): void {
  for (const [name, size] of Object.entries({ smallest, largest }))
    if (size % 8 !== 0)
      throw new UsageError(`--set ${name}=${size}: not a multiple of 8; sizes are whole granules`);
  if (smallest > largest)
    throw new UsageError(
      `--set smallest=${smallest}: is more than the largest, ${largest}; use a smaller one`,
    );
}

function requireSpaces(request: WorkloadRequest, sum: Sum, part: number): void {
  const { mutators, heapBytes } = request;
  const main = smallestHeap(mutators * sum.main, mutators);
  const remedy = ', or fewer --set arrays, or smaller ones (--set largest)';
  if (part === 0) {
    requireHeap(NAME, request, main, remedy);
    return;
  }
  const large = mutators * sum.large * 1.1;
  if (large > largeBytesOf(request, part) && main + large <= heapBytes) {
    const least = Math.ceil((100 * large) / heapBytes) / 100;
    throw new UsageError(
      `${NAME}: --set large=${part} has no room for the arrays; use --set large=${least}${remedy}`,
    );
  }
  requireHeap(NAME, request, Math.max(large / part, main / (1 - part)), remedy);
}

function largeBytesOf({ heapBytes }: WorkloadRequest, part: number): number {
  return Math.ceil((heapBytes * part) / PAGE_BYTES) * PAGE_BYTES;
}

/** The same request, of what the large-object space leaves of the heap. */
function besideLarge(request: WorkloadRequest, part: number): WorkloadRequest {
  return { ...request, heapBytes: request.heapBytes - largeBytesOf(request, part) };
}

/** What each mutator may keep alive: in the heap's main space, and in that of large objects, if there is one. */
function budgetsOf(request: WorkloadRequest, part: number): readonly [number, number] | readonly [number] {
  const main = request.live * buildRoom(besideLarge(request, part));
  return part === 0 ? [main] : [main, (request.live * largeBytesOf(request, part)) / request.mutators];
}

/** The first `most` arrays, or as many as fit into the budgets; large ones are apart if there are two. */
function sumOf(sizes: Sizes, most: number, [mainMost, largeMost = 0]: readonly [number, number?]): Sum {
  let [main, large, references, array] = [0, 0, 0, 0];
  for (; array < most; array++) {
    const layout = layoutOf(bytesOf(sizes, array), isRaw(sizes, array));
    const bytes = objectBytes(layout.references, layout.dataWords);
    const cells = layout.references / REFERENCES_PER_CELL;
    let [inMain, inLarge] = [main + cells * CELL_BYTES, large];
    if (largeMost > 0) inLarge += (cells + 1) * ENTRY_BYTES;
    else inMain += (cells + 1) * ENTRY_BYTES;
    if (largeMost > 0 && bytes >= LARGE_OBJECT_BYTES) inLarge += Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
    else inMain += bytes;
    if (inMain > mainMost || inLarge > largeMost) break;
    [main, large, references] = [inMain, inLarge, references + layout.references];
  }
  return { arrays: array, references, main, large };
}

function cellsFor(references: number): number {
  return Math.max(1, Math.ceil(references / REFERENCES_PER_CELL));
}

/** The arrays, their cells, the tables of both, and a cell that is about to take the place of another. */
function liveBytesOf(data: ArraysData): number {
  let bytes = tableBytes(data.arrays) + tableBytes(data.cells) + (data.cells + 1) * CELL_BYTES;
  for (let array = 0; array < data.arrays; array++) {
    const { references, dataWords } = layoutOf(bytesOf(data, array), isRaw(data, array));
    bytes += objectBytes(references, dataWords);
  }
  return bytes;
}
