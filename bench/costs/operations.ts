/** What is measured, by the part that it plays in what a compacted page costs. */
import { MADV_POPULATE_WRITE, UFFDIO_CONTINUE } from '../../uffd/abi.ts';
import { EBADF } from '../../uffd/errno.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import {
  cached,
  HOT_SOURCE,
  INTO_BUFFER,
  LOAD_FIRST,
  type Operation,
  operation,
  type Steps,
  UNMAP,
} from './operation.ts';
import { PUBLISHING } from './publishing.ts';
import { type Area, checked, copyPage, drop, MAX_BATCH, punch, type Stage, touch } from './stage.ts';

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

function loadFirstSteps({ pages }: Stage, { view }: Area, prepare: () => void): Steps {
  return {
    prepare,
    run() {
      const { words, readable, writable } = view;
      for (let page = 0; page < pages; page++) {
        const loaded = words[readable(page)] as number;
        words[writable(page)] = loaded + 1;
      }
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
  operation(['page fault', 'shmem', 'recycled', LOAD_FIRST, 'populate'], (stage) =>
    loadFirstSteps(stage, stage.alias, () => {
      cached(stage);
      drop(stage, stage.alias.addr, stage.bytes);
    }),
  ),
  operation(['page fault', 'anon', 'fresh', LOAD_FIRST, 'populate'], (stage) =>
    loadFirstSteps(stage, stage.plain, () => drop(stage, stage.plain.addr, stage.bytes)),
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
