/** New objects, by one mutator: which space each goes to, and its header. To allocate is a safepoint. */
import type { MutatorView } from '../uffd/kernel.ts';
import { type AllocatorOwner, makeAllocator } from './allocation.ts';
import { MutatorError } from './errors.ts';
import { type FixedAllocator, makeFixedAllocator } from './fixed-allocation.ts';
import { type HeapTables, LARGE_OBJECT_BYTES } from './layout.ts';
import {
  ARRAY_HEADER_WORDS,
  ARRAY_REFERENCES_WORD,
  ARRAY_SIZE_WORD,
  arrayHeader,
  fitsRecord,
  GRANULE_BYTES,
  GRANULE_WORDS,
  RECORD_HEADER_WORDS,
  type Ref,
  recordHeader,
  recordReferences,
} from './object.ts';
import { type Shape, UNTYPED_SHAPE } from './shape.ts';

export interface NewObjects {
  readonly alloc: (shape: Shape) => Ref;
  readonly allocObject: (references: number, dataWords: number) => Ref;
  readonly allocNonMoving: (shape: Shape) => Ref;
  readonly allocObjectNonMoving: (references: number, dataWords: number) => Ref;
  /** Bytes of all objects so far, in all spaces. No safepoint. */
  readonly bytesAllocated: () => number;
  /** The same, with what allocation buffers have left when they are given back. */
  readonly bytesTaken: () => number;
  /** Gives the allocation buffer back. */
  readonly retire: () => void;
}

export function makeNewObjects(view: MutatorView, tables: HeapTables, owner: AllocatorOwner): NewObjects {
  const { store } = view;
  const { noteNew } = owner;
  const { allocate, retire, allocated, taken } = makeAllocator(view, tables, owner);
  const [pinned, large, raw] = tables.fixed.map((space) =>
    makeFixedAllocator(store, tables, space, owner),
  ) as [FixedAllocator, FixedAllocator, FixedAllocator];
  const { largeBytes = 0, largeObjectBytes = LARGE_OBJECT_BYTES, nonMovingBytes = 0 } = tables.geometry;
  /** Objects of at least so many granules go to the large-object space. */
  const largeGranules =
    largeBytes === 0 ? Number.POSITIVE_INFINITY : Math.ceil(largeObjectBytes / GRANULE_BYTES);

  function alloc(shape: Shape): Ref {
    if (shape.granules >= largeGranules) return allocFixed(spaceFor(shape.references), shape, true);
    const at = allocate(shape.granules);
    store(at * 2, shape.header);
    noteNew(at);
    return at;
  }

  function allocObject(references: number, dataWords: number): Ref {
    const granules = granulesOfObject(references, dataWords);
    if (granules >= largeGranules) return allocObjectFixed(spaceFor(references), references, dataWords);
    const at = allocate(granules);
    storeHeader(at, references, dataWords, granules);
    noteNew(at);
    return at;
  }

  const allocatedFixed = (): number => pinned.allocated() + large.allocated() + raw.allocated();

  /** What has no references need not be seen by collections. */
  function spaceFor(references: number): FixedAllocator {
    return references === 0 ? raw : large;
  }

  function allocFixed(space: FixedAllocator, { granules, header }: Shape, atPage: boolean): Ref {
    const at = space.allocate(granules, atPage);
    store(at * 2, header);
    space.publish(at, granules, at * 2 + RECORD_HEADER_WORDS + recordReferences(header));
    return at;
  }

  function allocObjectFixed(space: FixedAllocator, references: number, dataWords: number): Ref {
    const granules = granulesOfObject(references, dataWords);
    // An array's header lies on one page with its first reference: whoever updates a page need not read another.
    const isArray = !fitsRecord(references, dataWords);
    const at = space.allocate(granules, isArray);
    storeHeader(at, references, dataWords, granules);
    const header = isArray ? ARRAY_HEADER_WORDS : RECORD_HEADER_WORDS;
    space.publish(at, granules, at * 2 + header + references);
    return at;
  }

  function requirePinned(): FixedAllocator {
    if (nonMovingBytes > 0) return pinned;
    throw new MutatorError(
      `mutator ${owner.index}: the heap has no non-moving space; open it with nonMovingBytes`,
    );
  }

  function storeHeader(at: Ref, references: number, dataWords: number, granules: number): void {
    if (fitsRecord(references, dataWords)) {
      store(at * 2, recordHeader(UNTYPED_SHAPE, references, granules));
      return;
    }
    store(at * 2 + ARRAY_SIZE_WORD, granules);
    store(at * 2 + ARRAY_REFERENCES_WORD, references);
    store(at * 2, arrayHeader(UNTYPED_SHAPE));
  }

  return {
    alloc,
    allocObject,
    allocNonMoving: (shape) => allocFixed(requirePinned(), shape, false),
    allocObjectNonMoving: (references, dataWords) => allocObjectFixed(requirePinned(), references, dataWords),
    bytesAllocated: () => GRANULE_BYTES * (allocated() + allocatedFixed()),
    bytesTaken: () => GRANULE_BYTES * (taken() + allocatedFixed()),
    retire,
  };
}

function granulesOfObject(references: number, dataWords: number): number {
  if ((references | dataWords) < 0) throw new MutatorError(`allocObject(${references}, ${dataWords})`);
  const header = fitsRecord(references, dataWords) ? RECORD_HEADER_WORDS : ARRAY_HEADER_WORDS;
  return Math.ceil((header + references + dataWords) / GRANULE_WORDS);
}
