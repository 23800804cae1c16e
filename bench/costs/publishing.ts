/** The operations that publish pages: those of userfaultfd, each with the page where it finds it. */
import { UFFD_FEATURE_MOVE, UFFD_FEATURE_POISON, UFFDIO_REGISTER_MODE_MISSING } from '../../uffd/abi.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { COLD_ALIAS, cached, type Operation, operation, type Steps, whole } from './operation.ts';
import { drop, punch, type Stage, touch } from './stage.ts';

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

/** In the order of the table. */
export const PUBLISHING: readonly Operation[] = [
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
