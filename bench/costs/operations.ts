/**
 * What is measured, a page at a time or a batch at a time: each operation makes the state it needs (`prepare`, not
 * measured) and then goes over all pages (`run`, measured), in loops of their own, since V8 compiles a loop that two
 * operations share for both of them.
 */
import {
  MADV_POPULATE_WRITE,
  UFFD_FEATURE_MOVE,
  UFFD_FEATURE_POISON,
  UFFDIO_CONTINUE,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../../uffd/abi.ts';
import { EBADF } from '../../uffd/errno.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import type { PageOutcome } from '../../uffd/userfaultfd.ts';
import type { CostRow } from './schema.ts';
import { checked, copyPage, drop, MAX_BATCH, punch, type Stage, touch } from './stage.ts';

/** One measured thing on one stage. */
export interface Steps {
  readonly prepare: () => void;
  /** Over all pages of the stage, `batch` pages a call. */
  readonly run: (batch: number) => void;
}

/** What tells an operation from the others, in a row. */
export type Identity = Pick<CostRow, 'operation' | 'memory' | 'destination' | 'variant'>;

export interface Operation extends Identity {
  readonly term: CostRow['term'];
  /** The features (UFFD_FEATURE_*) without which it does not exist. */
  readonly features: bigint;
  readonly steps: (stage: Stage) => Steps;
}

/** A page operation that did not do all it was asked for would be measured as a fast one. */
export function whole({ errno }: PageOutcome): void {
  if (errno !== 0) throw new Error(`a page operation stopped half way: errno ${errno}`);
}

type Row = readonly [
  operation: string,
  memory: CostRow['memory'],
  destination: CostRow['destination'],
  variant: CostRow['variant'],
  term: CostRow['term'],
];

function operation(row: Row, steps: Operation['steps'], features = 0n): Operation {
  const [name, memory, destination, variant, term] = row;
  return { operation: name, memory, destination, variant, term, features, steps };
}

export const COLD_ALIAS = 'alias cold';
export const HOT_SOURCE = 'source hot';
export const INTO_BUFFER = 'into a buffer';
export const UNMAP = 'pages kept';

/** The page cache filled, the collector's alias mapped, the heap's mapping empty. */
function cached(stage: Stage): void {
  touch(stage.alias, 0, stage.pages);
  drop(stage, stage.heap, stage.bytes);
}

function continueSteps(stage: Stage, prepare: () => void): Steps {
  const { uffd, heap, bytes } = stage;
  return {
    prepare,
    run(batch) {
      const step = batch * PAGE_BYTES;
      for (let at = heap; at < heap + bytes; at += step) whole(uffd.continue(at, step));
    },
  };
}

/** The pool full, with the pages that the last run moved to the heap, and the heap empty. */
export function refillPool({ uffd, pooledHeap, pool, bytes, pages, kernel }: Stage): void {
  if (kernel.pagemap(pooledHeap).present) {
    uffd.register(pool.addr, bytes, UFFDIO_REGISTER_MODE_MISSING);
    whole(uffd.move(pool.addr, pooledHeap, bytes));
    uffd.unregister(pool.addr, bytes);
  }
  touch(pool, 0, pages);
}

function moveSteps({ uffd, bytes }: Stage, from: number, to: number, prepare: () => void): Steps {
  return {
    prepare,
    run(batch) {
      const step = batch * PAGE_BYTES;
      for (let at = 0; at < bytes; at += step) whole(uffd.move(to + at, from + at, step));
    },
  };
}

function touchSteps(stage: Stage, area: 'alias' | 'plain', prepare: () => void): Steps {
  const { pages } = stage;
  const touched = stage[area];
  return {
    prepare,
    run(batch) {
      for (let page = 0; page < pages; page += batch) touch(touched, page, batch);
    },
  };
}

function populateSteps({ kernel, bytes }: Stage, addr: number, prepare: () => void): Steps {
  return {
    prepare,
    run(batch) {
      const step = batch * PAGE_BYTES;
      for (let at = addr; at < addr + bytes; at += step) {
        checked('madvise', kernel.madvise(at, step, MADV_POPULATE_WRITE));
      }
    },
  };
}

const PUBLISHING: readonly Operation[] = [
  operation(['UFFDIO_CONTINUE', 'shmem', 'recycled', null, 'publish'], (stage) =>
    continueSteps(stage, () => cached(stage)),
  ),
  operation(['UFFDIO_CONTINUE', 'shmem', 'recycled', COLD_ALIAS, 'publish'], (stage) =>
    continueSteps(stage, () => {
      cached(stage);
      drop(stage, stage.alias.addr, stage.bytes);
    }),
  ),
  operation(['UFFDIO_CONTINUE', 'shmem', 'fresh', null, 'publish'], (stage) =>
    continueSteps(stage, () => {
      punch(stage, stage.file, 0, stage.bytes);
      touch(stage.alias, 0, stage.pages);
    }),
  ),
  operation(['UFFDIO_COPY', 'shmem', 'fresh', null, 'publish'], (stage) => ({
    prepare: () => punch(stage, stage.file, 0, stage.bytes),
    run(batch) {
      const { uffd, heap, bytes, buffer } = stage;
      const step = batch * PAGE_BYTES;
      for (let at = heap; at < heap + bytes; at += step) whole(uffd.copy(at, buffer.addr, step));
    },
  })),
  operation(['UFFDIO_COPY', 'anon', 'fresh', null, 'publish'], (stage) => ({
    prepare: () => drop(stage, stage.privateHeap, stage.bytes),
    run(batch) {
      const { uffd, privateHeap, bytes, buffer } = stage;
      const step = batch * PAGE_BYTES;
      for (let at = privateHeap; at < privateHeap + bytes; at += step)
        whole(uffd.copy(at, buffer.addr, step));
    },
  })),
  operation(['UFFDIO_ZEROPAGE', 'anon', 'fresh', null, 'publish'], (stage) => ({
    prepare: () => drop(stage, stage.privateHeap, stage.bytes),
    run(batch) {
      const { uffd, privateHeap, bytes } = stage;
      const step = batch * PAGE_BYTES;
      for (let at = privateHeap; at < privateHeap + bytes; at += step) whole(uffd.zeropage(at, step));
    },
  })),
  operation(
    ['UFFDIO_MOVE', 'anon', 'fresh', null, 'publish'],
    (stage) =>
      moveSteps(stage, stage.plain.addr, stage.privateHeap, () => {
        drop(stage, stage.privateHeap, stage.bytes);
        drop(stage, stage.plain.addr, stage.bytes);
        touch(stage.plain, 0, stage.pages);
      }),
    UFFD_FEATURE_MOVE,
  ),
  operation(
    ['UFFDIO_MOVE', 'anon', 'recycled', null, 'publish'],
    (stage) => moveSteps(stage, stage.pool.addr, stage.pooledHeap, () => refillPool(stage)),
    UFFD_FEATURE_MOVE,
  ),
  operation(
    ['UFFDIO_POISON', 'anon', 'fresh', null, 'publish'],
    (stage) => ({
      prepare: () => drop(stage, stage.privateHeap, stage.bytes),
      run(batch) {
        const { uffd, privateHeap, bytes } = stage;
        const step = batch * PAGE_BYTES;
        for (let at = privateHeap; at < privateHeap + bytes; at += step) whole(uffd.poison(at, step));
      },
    }),
    UFFD_FEATURE_POISON,
  ),
];

const POPULATING: readonly Operation[] = [
  operation(['page fault', 'shmem', 'fresh', null, 'populate'], (stage) =>
    touchSteps(stage, 'alias', () => punch(stage, stage.file, 0, stage.bytes)),
  ),
  operation(['page fault', 'shmem', 'recycled', null, 'populate'], (stage) =>
    touchSteps(stage, 'alias', () => {
      cached(stage);
      drop(stage, stage.alias.addr, stage.bytes);
    }),
  ),
  operation(['page fault', 'anon', 'fresh', null, 'populate'], (stage) =>
    touchSteps(stage, 'plain', () => drop(stage, stage.plain.addr, stage.bytes)),
  ),
  operation(['MADV_POPULATE_WRITE', 'shmem', 'fresh', null, 'populate'], (stage) =>
    populateSteps(stage, stage.alias.addr, () => punch(stage, stage.file, 0, stage.bytes)),
  ),
  operation(['MADV_POPULATE_WRITE', 'anon', 'fresh', null, 'populate'], (stage) =>
    populateSteps(stage, stage.plain.addr, () => drop(stage, stage.plain.addr, stage.bytes)),
  ),
];

const FILLING: readonly Operation[] = [
  operation(['memcpy', 'anon', 'recycled', null, 'fill'], (stage) => ({
    prepare() {
      touch(stage.plain, 0, stage.pages);
      touch(stage.from, 0, stage.pages);
    },
    run() {
      const { plain, from, pages } = stage;
      for (let page = 0; page < pages; page++) copyPage(plain, page, from, page);
    },
  })),
  operation(['memcpy', 'anon', 'recycled', HOT_SOURCE, 'fill'], (stage) => ({
    prepare() {
      touch(stage.plain, 0, stage.pages);
      touch(stage.buffer, 0, MAX_BATCH);
    },
    run(batch) {
      const { plain, buffer, pages } = stage;
      for (let page = 0; page < pages; page++) copyPage(plain, page, buffer, page % batch);
    },
  })),
  operation(['memcpy', 'anon', 'recycled', INTO_BUFFER, 'fill'], (stage) => ({
    prepare() {
      touch(stage.from, 0, stage.pages);
      touch(stage.buffer, 0, MAX_BATCH);
    },
    run(batch) {
      const { buffer, from, pages } = stage;
      for (let page = 0; page < pages; page++) copyPage(buffer, page % batch, from, page);
    },
  })),
  operation(['memcpy', 'shmem', 'recycled', null, 'fill'], (stage) => ({
    prepare() {
      cached(stage);
      touch(stage.fromShared, 0, stage.pages);
    },
    run() {
      const { alias, fromShared, pages } = stage;
      for (let page = 0; page < pages; page++) copyPage(alias, page, fromShared, page);
    },
  })),
];

const FREEING: readonly Operation[] = [
  operation(['FALLOC_FL_PUNCH_HOLE', 'shmem', 'fresh', null, 'free'], (stage) => ({
    prepare: () => touch(stage.fromShared, 0, stage.pages),
    run(batch) {
      const step = batch * PAGE_BYTES;
      for (let at = 0; at < stage.bytes; at += step) punch(stage, stage.fromFile, at, step);
    },
  })),
  operation(['MADV_DONTNEED', 'anon', 'fresh', null, 'free'], (stage) => ({
    prepare: () => touch(stage.from, 0, stage.pages),
    run(batch) {
      const { from, bytes } = stage;
      const step = batch * PAGE_BYTES;
      for (let at = from.addr; at < from.addr + bytes; at += step) drop(stage, at, step);
    },
  })),
  operation(['MADV_DONTNEED', 'shmem', 'recycled', UNMAP, 'free'], (stage) => ({
    prepare: () => touch(stage.fromShared, 0, stage.pages),
    run(batch) {
      const { fromShared, bytes } = stage;
      const step = batch * PAGE_BYTES;
      for (let at = fromShared.addr; at < fromShared.addr + bytes; at += step) drop(stage, at, step);
    },
  })),
];

/** A call that fails at once: the way to the kernel and back, and nothing else. */
const CALLING: readonly Operation[] = [
  operation(['ffi', null, null, null, null], ({ kernel, pages }) => {
    const arg = new Uint8Array(32);
    return {
      prepare() {},
      run(batch) {
        for (let page = 0; page < pages; page += batch) {
          if (kernel.ioctl(-1, UFFDIO_CONTINUE, arg) !== -EBADF) throw new Error('descriptor -1 is open');
        }
      },
    };
  }),
];

/** In the order of the table. */
export const OPERATIONS: readonly Operation[] = [
  ...PUBLISHING,
  ...POPULATING,
  ...FILLING,
  ...FREEING,
  ...CALLING,
];
