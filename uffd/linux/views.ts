/**
 * Fast paths over real memory: a mutator's load is a bare typed-array load, and a fault is a real fault that stops
 * the thread inside it. Nothing is checked, so nothing tells that a load has slept: stalls are found at safepoints.
 *
 * Kernel-mode access to a page that is not there gets EFAULT from a userfaultfd in user-mode-only: so the words of a
 * mutator's view are never given out, to be passed to fs.write or the like.
 */
import { constants } from 'node:buffer';
import {
  LOG_PAGE_WORDS,
  type MutatorView,
  NO_ADDRESS,
  PAGE_BYTES,
  type PageView,
  type StallListener,
} from '../kernel.ts';
import { fetchAdd, loadRelaxed, storeRelaxed } from '../sync.ts';
import { markViewed } from './intervals.ts';
import type { Libc } from './libc.ts';
import { isLinear, isOurs, isWatched, keepingBook, type LinuxMachine, STATE } from './machine.ts';

/** The longest view, in bytes: past what Node allows the FFI ends the process, past 4 GiB word indices overflow. */
export const MAX_VIEW_BYTES = Math.min(constants.MAX_LENGTH, 2 ** 32);

/** All of [addr, addr + length) as words; those of linear memory over its own buffer. @throws RangeError if it is not whole pages that are mapped */
function wordsAt(m: LinuxMachine, libc: Libc, addr: number, length: number): Int32Array {
  if (!(addr > 0 && addr % PAGE_BYTES === 0 && length > 0 && length % PAGE_BYTES === 0)) {
    throw new RangeError(`a view is of whole pages: not of ${length} bytes at 0x${addr.toString(16)}`);
  }
  if (length > MAX_VIEW_BYTES) {
    throw new RangeError(
      `a view of ${length} bytes is more than Node ${process.versions.node} allows: ${MAX_VIEW_BYTES}`,
    );
  }
  if (!isOurs(m, addr, length)) {
    throw new RangeError(
      `a view of ${length} bytes at 0x${addr.toString(16)} is not of memory that this machine has mapped`,
    );
  }
  keepingBook(m, () => markViewed(m.ranges, addr, addr + length));
  const { linear } = m;
  if (isLinear(linear, addr, addr + length))
    return new Int32Array(linear.memory.buffer, addr - linear.start, length / 4);
  return new Int32Array(libc.view(addr, length));
}

export function pageView(m: LinuxMachine, libc: Libc, addr: number, length: number): PageView {
  const words = wordsAt(m, libc, addr, length);
  return {
    words,
    ...(isLinear(m.linear, addr, addr + length) ? { linear: words.byteOffset } : {}),
    readable: (page) => page << LOG_PAGE_WORDS, // the load itself faults it in
    writable: (page) => {
      // A page that is made of nothing but what was zero before must be there too, to be published.
      const at = page << LOG_PAGE_WORDS;
      // A bare store: V8's Atomics load before they write, and a load of private memory maps the zero page, whose
      // replacement is a second fault and flushes the TLB of every CPU.
      storeRelaxed(words, at, 0);
      return at;
    },
    updatable: (page) => {
      const at = page << LOG_PAGE_WORDS;
      fetchAdd(words, at, 0); // as above, and keeps what another thread stores there
      return at;
    },
  };
}

export function mutatorView(m: LinuxMachine, libc: Libc, addr: number, length: number): MutatorView {
  const words = wordsAt(m, libc, addr, length);
  const { state } = m;
  const stalls = makeStallWatch(libc);
  let epoch = -1; // of the watches, when they were last looked at
  let watched = false;
  const view: MutatorView = {
    load: (word) => words[word] as number,
    store: (word, value) => {
      words[word] = value;
    },
    enter() {
      noteWatch();
      if (watched) stalls.begin();
    },
    quiesce() {
      // The stall before the range was let go of belongs to the watch: so this first.
      tellStall();
      if (noteWatch() && watched) stalls.begin();
    },
    leave: tellStall,
    onStall: null,
  };

  function tellStall(): void {
    if (watched && view.onStall !== null) stalls.look(view.onStall);
  }

  /** Whether it may be another since the last look. */
  function noteWatch(): boolean {
    const now = loadRelaxed(state, STATE.watchEpoch);
    if (now === epoch) return false;
    epoch = now;
    watched = isWatched(m, addr, addr + length);
    return true;
  }

  return view;
}

/** Shorter than any sleep in a userfault (6 µs at the least, on one CPU): then the kernel is not even asked. */
const SHORTEST_STALL_MS = 0.004;
const RUSAGE_THREAD = 1;
const RUSAGE_BYTES = 144;
const RU_NVCSW = 128; // voluntary context switches, getrusage(2)

/**
 * Tells stalls from long operations: a thread that has slept between two safepoints has given up its CPU of its own
 * will, which the kernel counts. (It sleeps nowhere else between two: what it waits for at a safepoint is before `begin`.)
 */
function makeStallWatch(libc: Libc): { begin: () => void; look: (tell: StallListener) => void } {
  const usage = new Uint8Array(RUSAGE_BYTES);
  const counts = new BigInt64Array(usage.buffer, RU_NVCSW, 1);
  let last = 0; // when the thread was last seen awake
  let switches = 0n; // until then

  function countSwitches(): bigint {
    libc.getrusage(RUSAGE_THREAD, usage);
    return counts[0] as bigint;
  }

  return {
    begin() {
      switches = countSwitches();
      last = performance.now();
    },
    look(tell) {
      const now = performance.now();
      if (now - last >= SHORTEST_STALL_MS) {
        const found = countSwitches();
        if (found !== switches) tell(NO_ADDRESS, last, now);
        switches = found;
      }
      last = now;
    },
  };
}
