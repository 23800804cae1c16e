/** Opening a heap: the machine, its mappings, its tables and its threads, put together. */
import { openTables } from '../heap/layout.ts';
import { requestCollection, requestNewCollection } from '../heap/requests.ts';
import type { MemoryUse } from '../uffd/kernel.ts';
import { storeRelease } from '../uffd/sync.ts';
import type { Loops } from './compiled.ts';
import { awaitAttached, CYCLE, noteStart, openCycle } from './cycle.ts';
import type { FellBack } from './fallback.ts';
import { layOut } from './lay-out.ts';
import { loadMode } from './modes/index.ts';
import { type HeapOptions, resolveOptions } from './options.ts';
import type { ThreadRecording } from './recording.ts';
import type { CycleRecord } from './records.ts';
import { type PostedRefusal, type RefusedError, unposted } from './refusals.ts';
import type { Stall } from './stalls.ts';
import { HeapClosedError, makeThreadGroup, type Thread, type ThreadMessage } from './threads.ts';
import { type CpuTime, keepTold, type ToldByOne } from './told.ts';

export interface MutatorOutcome {
  /** What `run` returned. */
  readonly result: unknown;
  /** Each userfault it slept in. */
  readonly stalls: readonly Stall[];
  /** Each wait at a safepoint, from the mutator's side: time to safepoint, the pause, and until it had a processor again. */
  readonly waits: readonly Stall[];
  /** Each time that it allocated, found no room, and waited for a collection. */
  readonly outOfRoom: readonly Stall[];
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
  /** The kernel and the mode it runs with. */
  readonly kernel: 'sim' | 'linux';
  readonly mode: string;
  /** Which mode was asked for, if another one runs in its place, and why (HeapOptions.fallback). */
  readonly fellBack: FellBack | null;
  /** Records of the finished collections, in order. */
  readonly cycles: readonly CycleRecord[];
  /** How the collector's inner loops run. */
  readonly loops: Loops;
  /**
   * Why collections were given up, in order: the kernel refused what their flip needed. The heap is as it was, and goes
   * on; whoever asked for one by `collect()` got the same error.
   */
  readonly givenUp: readonly RefusedError[];
  /** Events that found their ring full: figures lack them if this is not 0. */
  lostEvents(): number;
  /** V8's own collections, of all threads that have ended: for these the thread stood still. Their `cycle` is 0. */
  engineCollections(): readonly Stall[];
  /** Processor time of all threads that have ended, from their start to their end; null where it cannot be asked for. */
  cpuMs(): CpuTime | null;
  /** What every thread has done so far, if the heap was opened to record it; else nothing. */
  recordings(): readonly ThreadRecording[];
  /** Memory in use, and its peak; of a closed heap, what it was last. */
  memory(): MemoryUse;
  /** Rejects with the error of the first thread that dies. */
  readonly failure: Promise<never>;
  /** Ends all threads, also mutators that still run, and frees everything. Can be called again. */
  close(): Promise<void>;
}

/** How often it is looked whether a ring of events must be drained before the end of a collection. */
const LOOK_MS = 20;
/** How long the process's end waits for a thread to start, at the most: one may have died on its way. */
const START_MS = 2000;

/**
 * Opens a heap and starts its collector.
 * @throws RangeError for sizes and counts out of range, HeapTooLargeError for more than this Node can map
 * @throws ModeError for a mode of the user's that cannot be loaded, or lacks something
 * @throws KernelUnavailableError if that kernel is not to be had
 * @throws SyscallError if the kernel refuses a mapping
 */
export async function openHeap(options: HeapOptions): Promise<Heap> {
  if (options.mode !== undefined) await loadMode(options.mode);
  const resolved = resolveOptions(options);
  const { kernel, links } = layOut(resolved);
  const threads = makeThreadGroup();
  const told = keepTold(process.hrtime.bigint(), resolved);
  const cycles: CycleRecord[] = [];
  const givenUp: RefusedError[] = [];
  const waiting = new Map<number, Waiter[]>();
  const { control } = openTables(links.metadata, links.geometry);
  const cycle = openCycle(links.cycle);
  let spawned = 0;
  const running = new Set<Thread>(); // mutators that are not done
  let closing: Promise<void> | null = null;
  let lastUse: MemoryUse | null = null; // once the machine is gone

  const cpuOf: Readonly<Record<string, number | undefined>> = {
    mutator: resolved.pin.mutators,
    collector: resolved.pin.collectors,
    compactor: resolved.pin.collectors,
    fault: resolved.pin.faults,
  };

  function start(name: string, data: object, onMessage?: (message: ThreadMessage) => void): Started {
    const { ring, told: toldByIt } = told.openRing(name);
    const [role = ''] = name.split(' ');
    const entry = new URL(`./threads/${role}.js`, import.meta.url);
    noteStart(cycle);
    const placed = { heap: links, ring, cpu: cpuOf[role] ?? null, maker: -1 };
    const thread = threads.start(name, entry, { ...placed, ...data }, onMessage);
    return { thread, told: toldByIt };
  }

  function heardOfCollection({ kind, number, refusal }: ThreadMessage): void {
    if (kind !== 'collected' && kind !== 'givenUp') return;
    try {
      told.drain();
      if (kind === 'collected') cycles.push(told.records.record(number as number));
      else givenUp.push(giveUp(number as number, refusal as PostedRefusal));
      for (const { fulfil, reject } of waiting.get(number as number) ?? []) {
        if (kind === 'collected') fulfil(cycles.at(-1) as CycleRecord);
        else reject(givenUp.at(-1) as RefusedError);
      }
      waiting.delete(number as number);
    } catch (error) {
      threads.fail(error as Error);
    }
  }

  function giveUp(number: number, refusal: PostedRefusal): RefusedError {
    told.records.forget(number);
    return unposted(refusal);
  }

  const collector = start('collector', { maker: 0 }, heardOfCollection);
  const helpers = Array.from({ length: links.helpers }, (_, i) =>
    start(`compactor ${i + 1}`, { maker: 1 + i }),
  );
  const faults = Array.from({ length: resolved.faultThreads }, (_, i) =>
    start(`fault ${i}`, { maker: 1 + links.helpers + i }),
  );
  const own = [collector, ...helpers, ...faults].map(({ thread }) => thread);
  const timer = setInterval(told.drainInTime, LOOK_MS);
  timer.unref();
  threads.failure.catch(() => close()); // a thread that dies ends the run: nothing is left waiting for it

  /** Node ends all threads when the process exits: none may be ended before it is attached (threads.ts). */
  const atExit = (): void => awaitAttached(cycle, START_MS);
  process.on('exit', atExit);

  /** Ends everything at once. */
  async function abandon(): Promise<void> {
    clearInterval(timer);
    told.drain();
    lastUse = kernel.memory();
    // A mutator asleep in a fault is about to be woken, and finds nothing there: it must not go on with that.
    threads.halt('mutator');
    kernel.dispose();
    await threads.terminate();
    process.off('exit', atExit);
    kernel.dispose(); // and what was kept for threads that still ran
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

  let loops: Heap['loops'];
  try {
    const [ready] = await Promise.all(own.map((thread) => thread.heard('ready')));
    loops = (ready?.loops as Loops | undefined) ?? 'js';
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
      const { thread, told: toldByIt } = start(`mutator ${index}`, { index, module: String(module), data });
      running.add(thread);
      const done = thread.heard('done').then(({ result }) => {
        running.delete(thread);
        told.drain();
        const { stalls, waits, outOfRoom } = toldByIt;
        return { result, stalls: stalls.all(), waits: waits.all(), outOfRoom: outOfRoom.all() };
      });
      done.catch(() => {});
      return { index, done };
    },
    collect() {
      const number = requestNewCollection(control);
      const record = new Promise<CycleRecord>((fulfil, reject) => {
        waiting.set(number, [...(waiting.get(number) ?? []), { fulfil, reject }]);
      });
      return Promise.race([record, threads.failure, threads.end]);
    },
    ...{ kernel: resolved.kernel, mode: resolved.mode, fellBack: resolved.fellBack },
    ...{ cycles, givenUp, loops },
    ...{ lostEvents: told.lostEvents, engineCollections: told.engineCollections },
    ...{ cpuMs: told.cpuMs, recordings: told.recordings },
    memory: () => lastUse ?? kernel.memory(),
    failure: threads.failure,
    close,
  };
}

/** Who waits for a collection's record. */
interface Waiter {
  readonly fulfil: (record: CycleRecord) => void;
  readonly reject: (error: RefusedError) => void;
}

interface Started {
  readonly thread: Thread;
  readonly told: ToldByOne;
}

// A request that no collector fulfils: it wakes the collector, to find that the heap is ending.
const MOST_COLLECTIONS = 2 ** 30;
