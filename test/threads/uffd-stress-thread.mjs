/** The threads of the stress tests. Each does one job until it is done or the machine is gone, and tells how it went. */
import { parentPort, workerData } from 'node:worker_threads';
import * as u from '../../dist/uffd/index.js';

const { handle, job, seed, ...options } = workerData;
let k;
const P = u.PAGE_BYTES;
const PUNCH = u.FALLOC_FL_PUNCH_HOLE | u.FALLOC_FL_KEEP_SIZE;

/** xorshift32: the same numbers for the same seed. */
let state = seed | 1;
function below(limit) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}

const jobs = {
  /** Keeps a translation between two quiescent points (a fault is one too): it must go on showing its own page. */
  hold({ addr, pages, wanted, tag, unit = 1 }) {
    const translations = k.pageView(addr, pages * unit * P);
    const view = k.mutatorView(addr, pages * unit * P);
    const { words } = translations;
    let stale = 0; // translations that were out of date before they were given up
    view.enter();
    for (let round = 0; stale < wanted; round++) {
      const page = below(pages);
      const word = translations.readable(page * unit);
      for (let look = 0; look < 200; look++) {
        for (const at of [0, 500, 1023]) {
          const value = words[word + at];
          if (value === 0 || value === tag + page) continue;
          throw new Error(`page ${page} shows ${value}, in round ${round} of seed ${seed}`);
        }
      }
      if (translations.readable(page * unit) !== word) stale++;
      view.quiesce();
    }
    view.leave();
    return stale;
  },

  /** Looks at pages by system calls and accesses by address: no part of another page may show. */
  look({ addr, pages, wanted, tag, fd }) {
    const bytes = new Uint8Array(P);
    const seen = new Int32Array(bytes.buffer);
    const uffd = u.attachUserfaultfd(k, fd);
    const target = k.mmap(0, P, 3, u.MAP_PRIVATE | u.MAP_ANONYMOUS, -1, 0);
    const file = k.memfd_create('look', 0);
    uffd.register(target, P, u.UFFDIO_REGISTER_MODE_MISSING);
    const ways = [
      (at) => k.copyOut(at, bytes),
      (at) => {
        if (uffd.copy(target, at, P).done === P) k.copyOut(target, bytes);
        k.madvise(target, P, u.MADV_DONTNEED);
      },
      (at) => {
        k.pwrite(file, at, P, 0);
        uffd.zeropage(target, P);
        k.pread(file, target, P, 0);
        k.copyOut(target, bytes);
        k.madvise(target, P, u.MADV_DONTNEED);
      },
      (at) => {
        seen[500] = k.load32(at + 2000);
      },
    ];
    let found = 0;
    for (let round = 0; found < wanted; round++) {
      const page = below(pages);
      bytes.fill(0);
      ways[round % ways.length](addr + page * P);
      for (const at of [0, 500, 1023]) {
        if (seen[at] === tag + page) found++;
        else if (seen[at] !== 0)
          throw new Error(`page ${page} shows ${seen[at]}, round ${round} of seed ${seed}`);
      }
    }
    return found;
  },

  /** Drops pages and makes them anew, so that frames go round. */
  recycle({ addr, pages, tag, unit = 1 }) {
    const flags = u.MAP_PRIVATE | u.MAP_ANONYMOUS | u.MAP_FIXED | (unit === 1 ? 0 : u.MAP_HUGETLB);
    for (;;) {
      const page = below(pages);
      const start = addr + page * unit * P;
      if (below(4) === 0) k.mmap(start, unit * P, 3, flags, -1, 0);
      else k.madvise(start, unit * P, u.MADV_DONTNEED);
      for (const at of [0, 500, 1023]) k.store32(start + at * 4, tag + page);
    }
  },

  /** Touches pages at random until it has slept often enough: word 0 must be what the handlers put there. */
  mutate({ addr, pages, wanted }) {
    const view = k.mutatorView(addr, pages * P);
    let stalls = 0;
    view.onStall = () => {
      stalls++;
      view.quiesce();
    };
    view.enter();
    for (let i = 0; stalls < wanted; i++) {
      const page = below(pages);
      if (below(3) === 0) view.store(page * 1024 + 1 + below(1000), i);
      const value = view.load(page * 1024);
      if (value !== page + 1) throw new Error(`page ${page} shows ${value}, at access ${i} of seed ${seed}`);
      if (i % 16 === 0) view.quiesce();
    }
    view.leave();
    return stalls;
  },

  /** Answers faults: a missing page by COPY from `source`, a minor one by CONTINUE. */
  handle({ fd, addr, source }) {
    const uffd = u.attachUserfaultfd(k, fd);
    for (;;) {
      const { address, flags } = uffd.read();
      const minor = (flags & u.UFFD_PAGEFAULT_FLAG_MINOR) !== 0;
      const { done } = minor ? uffd.continue(address, P) : uffd.copy(address, source + address - addr, P);
      // Somebody else was quicker, or the page went again: whoever sleeps must look for himself.
      if (done === 0) uffd.wake(address, P);
    }
  },

  /**
   * Answers faults on private memory by MOVE: a page out of a buffer of its own, made there anew each time, with the
   * next one behind it as a batch would have it.
   */
  handleByMove({ fd, addr, pages }) {
    const uffd = u.attachUserfaultfd(k, fd);
    const buffer = k.mmap(0, 2 * P, 3, u.MAP_PRIVATE | u.MAP_ANONYMOUS, -1, 0);
    const view = k.pageView(buffer, 2 * P);
    for (;;) {
      const { address } = uffd.read();
      const page = (address - addr) / P;
      const count = page + 1 < pages ? 1 + below(2) : 1;
      for (let i = 0; i < count; i++) view.words[view.writable(i)] = page + i + 1;
      const { done } = uffd.move(address, buffer, count * P);
      if (done === 0) uffd.wake(address, P);
    }
  },

  /** Takes pages away while all that goes on. */
  disturb({ addr, filePages, pages, file }) {
    for (;;) {
      const page = below(pages);
      const count = 1 + below(Math.min(4, pages - page));
      if (page < filePages && below(2) === 0) k.fallocate(file, PUNCH, page * P, P);
      else k.madvise(addr + page * P, count * P, u.MADV_DONTNEED);
      if (below(8) === 0) k.pagemap(addr);
    }
  },
};

try {
  k = u.openKernel(handle); // which may be gone already
  parentPort.postMessage({ done: jobs[job](options) });
} catch (error) {
  parentPort.postMessage(error instanceof u.MachineGoneError ? { gone: true } : { error: error.stack });
}
