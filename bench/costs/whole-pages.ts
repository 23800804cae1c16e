/**
 * A page as a collector makes it: populate the destination, fill it from from-space, publish it, free what it came
 * from. `populate` happens inside the fill, as it does in a collector: the first store finds the page missing.
 */
import { UFFD_FEATURE_MOVE } from '../../uffd/abi.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { COLD_ALIAS, type Identity, INTO_BUFFER, type Steps, UNMAP, whole } from './operation.ts';
import { refillPool } from './publishing.ts';
import type { Term } from './schema.ts';
import { type Area, copyPage, drop, punch, type Stage, touch } from './stage.ts';

export interface WholeOperation extends Identity {
  /** The rows that it is made up of; null where nothing is to be done. */
  readonly terms: Readonly<Record<Term, Identity | null>>;
  readonly features: bigint;
  readonly steps: (stage: Stage) => Steps;
}

/** One batch of pages from `first` on; addresses are bytes from the start. */
interface Parts {
  readonly prepare: () => void;
  readonly from: Area;
  readonly to: Area;
  /** COPY fills a buffer of a batch, over and over. */
  readonly buffered?: boolean;
  readonly publish: (at: number, length: number) => void;
  readonly free: (at: number, length: number) => void;
}

function inBatches({ pages }: Stage, { prepare, from, to, buffered, publish, free }: Parts): Steps {
  return {
    prepare,
    run(batch) {
      const length = batch * PAGE_BYTES;
      for (let first = 0; first < pages; first += batch) {
        const target = buffered ? 0 : first;
        for (let i = 0; i < batch; i++) copyPage(to, target + i, from, first + i);
        publish(first * PAGE_BYTES, length);
        free(first * PAGE_BYTES, length);
      }
    },
  };
}

type Row = readonly [
  operation: string,
  memory: Identity['memory'],
  destination: Identity['destination'],
  variant?: string,
];

function identity([operation, memory, destination, variant]: Row): Identity {
  return { operation, memory, destination, variant: variant ?? null };
}

const TOUCH_SHMEM = identity(['page fault', 'shmem', 'fresh']);
const MAP_SHMEM = identity(['page fault', 'shmem', 'recycled']);
const TOUCH_ANON = identity(['page fault', 'anon', 'fresh']);
const FILL_SHMEM = identity(['memcpy', 'shmem', 'recycled']);
const FILL_ANON = identity(['memcpy', 'anon', 'recycled']);
const FILL_BUFFER = identity(['memcpy', 'anon', 'recycled', INTO_BUFFER]);
const PUNCH = identity(['FALLOC_FL_PUNCH_HOLE', 'shmem', 'fresh']);
const DISCARD = identity(['MADV_DONTNEED', 'anon', 'fresh']);
const UNMAP_SHMEM = identity(['MADV_DONTNEED', 'shmem', 'recycled', UNMAP]);

/** Populate, fill and free; what publishes is the row of the same name. */
type Others = readonly [populate: Identity | null, fill: Identity, free: Identity | null];

function wholePage(row: Row, [populate, fill, free]: Others, parts: (stage: Stage) => Parts): WholeOperation {
  const publish = identity(row);
  return {
    ...publish,
    terms: { populate, fill, publish, free },
    features: publish.operation === 'UFFDIO_MOVE' ? UFFD_FEATURE_MOVE : 0n,
    steps: (stage) => inBatches(stage, parts(stage)),
  };
}

function fillsAlias(stage: Stage, prepare: () => void): Pick<Parts, 'prepare' | 'from' | 'to' | 'publish'> {
  return {
    prepare() {
      prepare();
      touch(stage.fromShared, 0, stage.pages);
    },
    from: stage.fromShared,
    to: stage.alias,
    publish: (at, length) => whole(stage.uffd.continue(stage.heap + at, length)),
  };
}

/** Pages that are in the cache: the two files change places at each flip, and only mappings go. */
function keepsPages(stage: Stage, prepare: () => void): Parts {
  return {
    ...fillsAlias(stage, () => {
      touch(stage.alias, 0, stage.pages);
      drop(stage, stage.heap, stage.bytes);
      prepare();
    }),
    free: (at, length) => drop(stage, stage.fromShared.addr + at, length),
  };
}

function fillsPrivate(stage: Stage, to: Area, prepare: () => void): Pick<Parts, 'prepare' | 'from' | 'to'> {
  return {
    prepare() {
      prepare();
      touch(stage.from, 0, stage.pages);
    },
    from: stage.from,
    to,
  };
}

/** In the order of the table. */
export const WHOLE_PAGES: readonly WholeOperation[] = [
  wholePage(['UFFDIO_CONTINUE', 'shmem', 'fresh'], [TOUCH_SHMEM, FILL_SHMEM, PUNCH], (stage) => ({
    ...fillsAlias(stage, () => punch(stage, stage.file, 0, stage.bytes)),
    free: (at, length) => punch(stage, stage.fromFile, at, length),
  })),
  wholePage(['UFFDIO_CONTINUE', 'shmem', 'recycled'], [null, FILL_SHMEM, UNMAP_SHMEM], (stage) =>
    keepsPages(stage, () => {}),
  ),
  wholePage(
    ['UFFDIO_CONTINUE', 'shmem', 'recycled', COLD_ALIAS],
    [MAP_SHMEM, FILL_SHMEM, UNMAP_SHMEM],
    (stage) => keepsPages(stage, () => drop(stage, stage.alias.addr, stage.bytes)),
  ),
  wholePage(['UFFDIO_COPY', 'shmem', 'fresh'], [null, FILL_BUFFER, PUNCH], (stage) => ({
    ...fillsAlias(stage, () => punch(stage, stage.file, 0, stage.bytes)),
    to: stage.buffer,
    buffered: true,
    publish: (at, length) => whole(stage.uffd.copy(stage.heap + at, stage.buffer.addr, length)),
    free: (at, length) => punch(stage, stage.fromFile, at, length),
  })),
  wholePage(['UFFDIO_COPY', 'anon', 'fresh'], [null, FILL_BUFFER, DISCARD], (stage) => ({
    ...fillsPrivate(stage, stage.buffer, () => drop(stage, stage.privateHeap, stage.bytes)),
    buffered: true,
    publish: (at, length) => whole(stage.uffd.copy(stage.privateHeap + at, stage.buffer.addr, length)),
    free: (at, length) => drop(stage, stage.from.addr + at, length),
  })),
  wholePage(['UFFDIO_MOVE', 'anon', 'fresh'], [TOUCH_ANON, FILL_ANON, DISCARD], (stage) => ({
    ...fillsPrivate(stage, stage.plain, () => {
      drop(stage, stage.privateHeap, stage.bytes);
      drop(stage, stage.plain.addr, stage.bytes);
    }),
    publish: (at, length) => whole(stage.uffd.move(stage.privateHeap + at, stage.plain.addr + at, length)),
    free: (at, length) => drop(stage, stage.from.addr + at, length),
  })),
  // What was from-space is the next pool: nothing is freed.
  wholePage(['UFFDIO_MOVE', 'anon', 'recycled'], [null, FILL_ANON, null], (stage) => ({
    ...fillsPrivate(stage, stage.pool, () => refillPool(stage)),
    publish: (at, length) => whole(stage.uffd.move(stage.pooledHeap + at, stage.pool.addr + at, length)),
    free() {},
  })),
];
