/** Opening a heap: the machine, its mappings, its tables and its threads, put together. */
import { allocateMetadata, type HeapGeometry, openTables } from '../heap/layout.ts';
import { fillerHeader, PAGE_GRANULES, recordHeader } from '../heap/object.ts';
import { requestCollection, requestNewCollection } from '../heap/requests.ts';
import { setTopPage } from '../heap/spaces.ts';
import {
  O_CLOEXEC,
  UFFD_FEATURE_MINOR_SHMEM,
  UFFD_FEATURE_MISSING_SHMEM,
  UFFD_USER_MODE_ONLY,
  UFFDIO_REGISTER_MODE_MISSING,
} from '../uffd/abi.ts';
import { type Kernel, type MemoryUse, PAGE_BYTES } from '../uffd/kernel.ts';
import { openKernel } from '../uffd/open.ts';
import { storeRelease } from '../uffd/sync.ts';
import { openUserfaultfd } from '../uffd/userfaultfd.ts';
import { allocateCycle, CYCLE, openCycle } from './cycle.ts';
import { createRing, EVENT, type EventReader, openReader } from './events.ts';
import { HeapTooLargeError, largestHeap, machineSize } from './machine-size.ts';
import { MODES, type ModeName, modeNamed } from './modes/index.ts';
import { mapPrivate } from './modes/mapping.ts';
import type { MappingMode, Reservation } from './modes/mode.ts';
import { type CycleRecord, keepRecords } from './records.ts';
import type { HeapLinks } from './threads/boot.ts';
import { HeapClosedError, makeThreadGroup, type Thread, type ThreadMessage } from './threads.ts';

/** How a heap is opened. */
export interface HeapOptions {
  /** Which kernel (default `auto`: the simulated one, the only one of this build). */
  readonly kernel?: 'sim' | 'linux' | 'auto';
  readonly mode?: ModeName;
  /** Capacity in bytes: a multiple of the page size. */
  readonly heapBytes: number;
  /** How many mutators may be spawned. */
  readonly mutators: number;
  /** Compactors, the collector among them (default 1). */
  readonly gcThreads?: number;
  readonly faultThreads?: number;
  /** Pages a publishing ioctl (default 16); 0: on demand only. */
  readonly batch?: number;
  /** Root slots of each mutator, its shadow stack included (default 65 536). */
  readonly rootSlots?: number;
  /** Checks the whole heap after every collection (default false). */
  readonly verify?: boolean;
  /** Touches the simulated machine's memory first, so that no figure holds the host's page faults (default false). */
  readonly populate?: boolean;
}

export interface MutatorOutcome {
  /** What `run` returned. */
  readonly result: unknown;
  /** µs slept in each userfault. */
  readonly stalls: readonly number[];
}

export interface MutatorHandle {
  readonly index: number;
  /** Rejects with the run's error if it fails. */
  readonly done: Promise<MutatorOutcome>;
}

/** An open heap. All methods are for the thread that opened it. */
export interface Heap {
  /** Starts a worker that runs the module's default export ({@link defineMutator}) with `data`. */
  spawn(module: URL | string, data?: unknown): MutatorHandle;
  /** Asks for a collection that begins after this call; its record, once it is finished. */
  collect(): Promise<CycleRecord>;
  /** Records of the finished collections, in order. */
  readonly cycles: readonly CycleRecord[];
  /** Events that found their ring full: figures lack them if this is not 0. */
  lostEvents(): number;
  memory(): MemoryUse;
  /** Rejects with the error of the first thread that dies. */
  readonly failure: Promise<never>;
  /** Ends all threads, also mutators that still run, and frees everything. Can be called again. */
  close(): Promise<void>;
}

const DEFAULT_ROOT_SLOTS = 65_536;
const TLAB_PAGES = 8;
const DRAIN_MS = 20;

/**
 * Opens a heap and starts its collector.
 * @throws RangeError for sizes and counts out of range, HeapTooLargeError for more than this Node can map
 * @throws KernelUnavailableError if that kernel is not to be had
 * @throws SyscallError if the kernel refuses a mapping
 */
export async function openHeap(options: HeapOptions): Promise<Heap> {
  const resolved = resolve(options);
  const { kernel, links } = layOut(resolved);
  const threads = makeThreadGroup();
  const zeroNs = process.hrtime.bigint();
  const rings: Drained[] = [];
  const records = keepRecords();
  const cycles: CycleRecord[] = [];
  const waiting = new Map<number, ((record: CycleRecord) => void)[]>();
  const { control } = openTables(links.metadata, links.geometry);
  const cycle = openCycle(links.cycle);
  let spawned = 0;
  const running = new Set<Thread>(); // mutators that are not done
  let closing: Promise<void> | null = null;

  function start(name: string, data: object, onMessage?: (message: ThreadMessage) => void): Started {
    const ring = createRing(zeroNs);
    const drained: Drained = { reader: openReader(ring), stalls: [] };
    rings.push(drained);
    const entry = new URL(`./threads/${name.split(' ')[0]}.js`, import.meta.url);
    const thread = threads.start(name, entry, { heap: links, ring, maker: -1, ...data }, onMessage);
    return { thread, stalls: drained.stalls };
  }

  function drain(): void {
    for (const { reader, stalls } of rings) {
      const events = reader.drain();
      records.add(events);
      for (const event of events) if (event.kind === EVENT.stall) stalls.push(event.a);
    }
  }

  function collected(message: ThreadMessage): void {
    if (message.kind !== 'collected') return;
    try {
      drain();
      const record = records.record(message.number as number);
      cycles.push(record);
      for (const fulfil of waiting.get(record.number) ?? []) fulfil(record);
      waiting.delete(record.number);
    } catch (error) {
      threads.fail(error as Error);
    }
  }

  const collector = start('collector', { maker: 0 }, collected);
  const helpers = Array.from({ length: links.helpers }, (_, i) =>
    start(`compactor ${i + 1}`, { maker: 1 + i }),
  );
  const faults = Array.from({ length: resolved.faultThreads }, (_, i) =>
    start(`fault ${i}`, { maker: 1 + links.helpers + i }),
  );
  const own = [collector, ...helpers, ...faults].map(({ thread }) => thread);
  const timer = setInterval(drain, DRAIN_MS);
  timer.unref();
  threads.failure.catch(() => close()); // a thread that dies ends the run: nothing is left waiting for it

  /** Ends everything at once. */
  async function abandon(): Promise<void> {
    clearInterval(timer);
    drain();
    kernel.dispose();
    await threads.terminate();
  }

  /** Lets the collector, its helpers and the fault threads come to their end by themselves. */
  async function endInOrder(): Promise<void> {
    const all = Promise.all(own.map((thread) => thread.heard('ended')));
    storeRelease(cycle, CYCLE.ending, 1);
    requestCollection(control, MOST_COLLECTIONS);
    await all.catch(() => {}); // one of them has died: they will not all come to it
  }

  function close(): Promise<void> {
    closing ??= (async () => {
      // A mutator that still runs may never reach a safepoint: no order then.
      if (running.size === 0) await endInOrder();
      await abandon();
    })();
    return closing;
  }

  try {
    await Promise.all(own.map((thread) => thread.heard('ready')));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    spawn(module, data) {
      if (closing !== null) throw new HeapClosedError();
      if (spawned === links.geometry.mutators) {
        throw new RangeError(`spawn: the heap was opened for ${spawned} mutators; open it with more`);
      }
      const index = spawned++;
      const { thread, stalls } = start(`mutator ${index}`, { index, module: String(module), data });
      running.add(thread);
      const done = thread.heard('done').then(({ result }) => {
        running.delete(thread);
        drain();
        return { result, stalls };
      });
      done.catch(() => {});
      return { index, done };
    },
    collect() {
      const number = requestNewCollection(control);
      const record = new Promise<CycleRecord>((fulfil) => {
        waiting.set(number, [...(waiting.get(number) ?? []), fulfil]);
      });
      return Promise.race([record, threads.failure, threads.end]);
    },
    cycles,
    lostEvents: () => rings.reduce((lost, { reader }) => lost + reader.lost(), 0),
    memory: () => kernel.memory(),
    failure: threads.failure,
    close,
  };
}

/** A ring's reading end, and what was read from it that belongs to one mutator. */
interface Drained {
  readonly reader: EventReader;
  readonly stalls: number[];
}

interface Started {
  readonly thread: Thread;
  /** µs of each stall, as they are drained. */
  readonly stalls: readonly number[];
}

// A request that no collector fulfils: it wakes the collector, to find that the heap is ending.
const MOST_COLLECTIONS = 2 ** 30;

type Resolved = Required<Omit<HeapOptions, 'kernel'>> & { readonly kernel: 'sim' | 'linux' };

function resolve(options: HeapOptions): Resolved {
  const kernel = options.kernel ?? 'auto';
  const resolved: Resolved = {
    mode: 'continue',
    gcThreads: 1,
    faultThreads: 1,
    batch: 16,
    rootSlots: DEFAULT_ROOT_SLOTS,
    verify: false,
    populate: false,
    ...options,
    kernel: kernel === 'auto' ? 'sim' : kernel,
  };
  requireWhole('heapBytes', resolved.heapBytes / PAGE_BYTES, 1, 2 ** 22, 'pages of 4096 bytes');
  requireWhole('mutators', resolved.mutators, 1, 64, 'threads');
  requireWhole('gcThreads', resolved.gcThreads, 1, 64, 'threads');
  requireWhole('faultThreads', resolved.faultThreads, 1, 64, 'threads');
  requireWhole('batch', resolved.batch, 0, 4096, 'pages');
  requireWhole('rootSlots', resolved.rootSlots, 1, 2 ** 24, 'slots');
  if (!Object.hasOwn(MODES, resolved.mode)) {
    throw new RangeError(`mode ${resolved.mode} is unknown; known are ${Object.keys(MODES).join(', ')}`);
  }
  return resolved;
}

function requireWhole(name: string, value: number, least: number, most: number, unit: string): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `${name}: ${value} ${unit} is out of range; it takes a whole number from ${least} to ${most}`,
  );
}

/** The machine, the mode's mappings in it, and an empty heap. */
function layOut(options: Resolved): { kernel: Kernel; links: HeapLinks } {
  const { heapBytes, mutators, rootSlots } = options;
  const mode = modeNamed(options.mode);
  const helpers = options.gcThreads - 1;
  const reservation = {
    heapBytes,
    threads: options.gcThreads + options.faultThreads,
    batch: Math.max(1, options.batch),
  };
  const kernel = openMachine(options, mode, reservation);
  const ranges = mode.reserve(kernel, reservation);
  const uffd = openUserfaultfd(kernel, {
    flags: O_CLOEXEC | UFFD_USER_MODE_ONLY,
    features: UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM,
  });
  const terminationPage = mapPrivate(kernel, PAGE_BYTES);
  uffd.register(terminationPage, PAGE_BYTES, UFFDIO_REGISTER_MODE_MISSING);
  const geometry: HeapGeometry = { heapBytes, mutators, rootSlots, tlabPages: TLAB_PAGES };
  const metadata = allocateMetadata(geometry);
  layNil(kernel, ranges.heap);
  setTopPage(openTables(metadata, geometry), 1);
  const cycle = allocateCycle();
  storeRelease(openCycle(cycle), CYCLE.faultThreads, options.faultThreads);
  const links: HeapLinks = {
    kernel: kernel.handle(),
    mode: options.mode,
    ranges,
    uffd: uffd.fd,
    terminationPage,
    geometry,
    metadata,
    cycle,
    // In COPY a page that nobody publishes is lost: "on demand only" is one page a call.
    batch: mode.concurrent && !mode.anyonePublishes ? reservation.batch : options.batch,
    helpers,
    verify: options.verify,
  };
  return { kernel, links };
}

/** @throws HeapTooLargeError if the memory is not to be had */
function openMachine(options: Resolved, mode: MappingMode, reservation: Reservation): Kernel {
  const { populate } = options;
  try {
    return openKernel(options.kernel, { ...machineSize(mode, reservation), populate });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new HeapTooLargeError(options.heapBytes, largestHeap(mode, reservation), mode.name);
  }
}

/** The nil object at granule 0, and filler up to the end of its page: the heap parses from its first word. */
function layNil(kernel: Kernel, heap: number): void {
  kernel.store32(heap, recordHeader(0, 0, 1));
  fillerHeader(PAGE_GRANULES - 1).forEach((word, i) => {
    kernel.store32(heap + 8 + 4 * i, word);
  });
}
