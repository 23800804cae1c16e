/**
 * One collection over a real machine and a real mode, step by step on the test's own thread, with places at which
 * the test can do something in the middle of another thread's step.
 */
import { allocateCycle, CYCLE, closeWork, openCycle } from '../../dist/gc/cycle.js';
import { serveFaults } from '../../dist/gc/fault-service.js';
import { type Maker, makeMaker } from '../../dist/gc/maker.js';
import { MODES, type ModeName } from '../../dist/gc/modes/index.js';
import { MODE_WORDS } from '../../dist/gc/modes/mode.js';
import { compactPages } from '../../dist/gc/phases/compact.js';
import { flip } from '../../dist/gc/phases/flip.js';
import { prepare } from '../../dist/gc/phases/prepare.js';
import { topPage } from '../../dist/heap/spaces.js';
import { verifyHeap } from '../../dist/heap/verify.js';
import { UFFD_FEATURE_MINOR_SHMEM, UFFD_FEATURE_MISSING_SHMEM } from '../../dist/uffd/abi.js';
import type { Kernel } from '../../dist/uffd/kernel.js';
import { openKernel } from '../../dist/uffd/open.js';
import { openUserfaultfd, type PageOutcome, type Userfaultfd } from '../../dist/uffd/userfaultfd.js';
import { type Item, makeImage, mark, PAGE_WORDS, setRoots, sizeOf, type Thing, thing } from './heap-image.ts';

export type ConcurrentMode = 'continue' | 'copy';
export type Message = NonNullable<ReturnType<Userfaultfd['read']>>;

/** Told of the steps of all threads that make pages. */
export interface Hooks {
  readonly filling?: (page: number, state: number) => void;
  /** May answer in the kernel's place. */
  readonly publishing?: (first: number, pages: number) => PageOutcome | undefined;
}

export interface Collection {
  readonly kernel: Kernel;
  readonly uffd: Userfaultfd;
  /** First byte of the heap. */
  readonly heap: number;
  readonly states: Int32Array;
  readonly pages: number;
  /** How often each page was made. */
  readonly made: readonly number[];
  /** The word at the middle of a page, as it must be in to-space. */
  readonly expected: (page: number) => { readonly address: number; readonly value: number };
  /** The compactor makes all pages that are left. */
  compact(batch: number): void;
  /** A fault thread answers a message; each call is another thread. */
  answer(message: Message): void;
  /** The compaction ends. */
  end(): void;
  /** @throws HeapCorruptError */
  verify(): void;
}

const OBJECTS = 40;
const OBJECT_GRANULES = 128;
const HEAP_PAGES = 32;
const FAULT_THREADS = 2;

/** A heap half of which is dead, flipped: nothing is made yet. */
export function flippedCollection(mode: ModeName, batch: number, hooks: Hooks): Collection {
  const items = Array.from({ length: OBJECTS }, (_, i) => thing(i + 1, 1, 2 * OBJECT_GRANULES - 2));
  const live = items.filter((_, i) => i % 2 === 1);
  const image = makeImage(items, HEAP_PAGES - Math.ceil((OBJECTS * OBJECT_GRANULES + 1) / 512));
  const { tables } = image;
  setRoots(
    tables,
    0,
    live.map((item) => image.places.get(item) as number),
  );

  const kernel = openKernel('sim', { memoryBytes: 4 << 20, addressBytes: 16 << 20 });
  const features = UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM;
  const uffd = openUserfaultfd(kernel, { features });
  const strategy = MODES[mode];
  const ranges = strategy.reserve(kernel, {
    ...{ heapBytes: HEAP_PAGES * 4096, nonMovingBytes: 0, spanBytes: HEAP_PAGES * 4096, rawBytes: 0 },
    threads: 1 + FAULT_THREADS,
    tablesBytes: 0,
    batch,
  });
  const cycle = openCycle(allocateCycle());
  const shared = new Int32Array(new SharedArrayBuffer(4 * MODE_WORDS));
  const made: number[] = [];

  function makerNumber(maker: number): Maker {
    const thread = strategy.attach({
      ...{ kernel, uffd, ranges, maker, shared },
      side: () => cycle[CYCLE.side] as number,
      prefix: () => cycle[CYCLE.prefixPages] as number,
    });
    const hooked = {
      ...thread,
      publish: (first: number, pages: number, batchFirst: number) => {
        return hooks.publishing?.(first, pages) ?? thread.publish(first, pages, batchFirst);
      },
    };
    const events = { tells: () => false, emit: () => {}, emitAt: () => {} };
    const plain = makeMaker({ mode: strategy, thread: hooked, tables, cycle, events, role: 0 });
    return {
      ...plain,
      fill: (page, words, base) => {
        made[page] = (made[page] ?? 0) + 1;
        hooks.filling?.(page, tables.pageStates[page] as number);
        plain.fill(page, words, base);
      },
    };
  }
  const compactor = makerNumber(0);
  const faultMakers = Array.from({ length: FAULT_THREADS }, (_, i) => makerNumber(1 + i));
  const { thread } = compactor;

  const space = thread.livingSpace();
  for (let page = 0; page < image.pages; page++) {
    const from = image.space.view.readable(page);
    space.words.set(image.space.view.words.subarray(from, from + PAGE_WORDS), space.writable(page));
  }
  mark(thread.livingSpace(), tables);
  const black = topPage(tables) * 512;
  const { used } = flip(compactor, prepare(thread.livingSpace(), tables, black), black);
  for (let page = 0; page < used; page++) made[page] = 0;

  let answered = 0;
  return {
    kernel,
    uffd,
    heap: ranges.heap,
    states: tables.pageStates,
    pages: used,
    made,
    expected: (page) => wordOnPage(live, page, ranges.heap),
    compact: (most) => compactPages(compactor, most),
    answer(message) {
      const maker = faultMakers[answered++] as Maker;
      const left: unknown[] = [message, { event: message.event, address: -1 }];
      cycle[CYCLE.faultThreads] = 1;
      const read = () => left.shift() as Message;
      const served = { ...uffd, read, zeropage: () => ({ done: 4096, errno: 0 }) };
      serveFaults({ kernel, maker, uffd: served, heap: ranges.heap, terminationPage: -1 });
    },
    end() {
      closeWork(cycle);
      thread.unwatch(used, 0);
    },
    verify: () => void verifyHeap(thread.livingSpace(), tables, 'at the end'),
  };
}

/** A data word in the middle of the page, from where the objects must be by now. */
function wordOnPage(live: readonly Item[], page: number, heap: number): { address: number; value: number } {
  const granule = page * 512 + 256;
  const index = Math.floor((granule - 1) / OBJECT_GRANULES);
  const item = live[index] as Thing;
  const begin = 1 + index * OBJECT_GRANULES;
  if (begin + sizeOf(item) <= granule) throw new RangeError(`page ${page}: no object there`);
  const word = 2 * (granule - begin);
  const value = Math.imul(item.label * 65_537 + (word - 2) + 1, 0x9e3779b1) | 0;
  return { address: heap + granule * 8, value };
}
