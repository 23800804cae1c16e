/** What every thread of a heap is started with, and how it finds its way into the shared machine. */
import { parentPort } from 'node:worker_threads';
import { type HeapGeometry, type HeapTables, openTables } from '../../heap/layout.ts';
import { loadAttach } from '../../uffd/attach.ts';
import { type Kernel, type KernelLinear, MachineGoneError, type OpenHandle } from '../../uffd/kernel.ts';
import { loadAcquire, type SharedWords } from '../../uffd/sync.ts';
import { attachUserfaultfd, type Userfaultfd } from '../../uffd/userfaultfd.ts';
import { openCompiled } from '../compiled.ts';
import { openCpuClock } from '../cpu-clock.ts';
import { CYCLE, noteAttached, openCycle } from '../cycle.ts';
import { watchEngine } from '../engine.ts';
import { EVENT, type EventRing, type EventWriter, openWriter, type ROLE } from '../events.ts';
import { assertingFill } from '../invariants/page.ts';
import { type Maker, makeMaker } from '../maker.ts';
import { loadMode, modeNamed } from '../modes/index.ts';
import type { Ranges } from '../modes/mode.ts';
import { observed } from '../observe.ts';
import { makePatience, patientKernel, patientUserfaultfd } from '../patience.ts';
import { type Refusals, refusing } from '../refuse.ts';
import type { TriggerPolicy } from '../trigger.ts';

/** The same for every thread of a heap. Structured-cloneable. */
export interface HeapLinks {
  readonly kernel: OpenHandle;
  readonly mode: string;
  /** Bytes of a page. */
  readonly page: number;
  readonly ranges: Ranges;
  readonly uffd: number;
  readonly terminationPage: number;
  readonly geometry: HeapGeometry;
  readonly metadata: Int32Array;
  /** Whether it lies in linear memory, so that the inner loops can run compiled (compiled.ts). */
  readonly compiled: boolean;
  readonly cycle: SharedArrayBuffer;
  readonly markPool: SharedArrayBuffer;
  /** The mode's own. */
  readonly modeWords: SharedWords;
  readonly batch: number;
  /** The order in which compactors take pages. */
  readonly order: 'down' | 'up';
  readonly helpers: number;
  /** Whether the whole heap is checked after every collection, and invariants are between its phases. */
  readonly verify: boolean;
  readonly assertPhases: boolean;
  readonly trigger: TriggerPolicy;
  /** What part of a dense prefix must be live at the least; null: all objects are moved. */
  readonly densePrefix: number | null;
  /** How long there may be no collection; null: for ever. */
  readonly periodMs: number | null;
  /** What the kernel shall refuse, to try it out. */
  readonly refusals: Refusals;
}

/** What one thread is started with. */
export interface ThreadLinks {
  readonly heap: HeapLinks;
  readonly ring: EventRing;
  /** The processor to run on; null: where the scheduler likes. */
  readonly cpu: number | null;
  /** Number among the threads that make pages; −1 for a mutator. */
  readonly maker: number;
}

/** A thread's way into the heap. */
export interface Attached {
  readonly kernel: Kernel;
  readonly tables: HeapTables;
  readonly cycle: SharedWords;
  readonly events: EventWriter;
  /** Processor time of this thread so far, in µs. */
  readonly cpuUs: () => number;
  /** Tells what is known of the whole thread, V8's own collections in it and its processor time: to be waited for before it ends. */
  readonly tellWhole: () => Promise<void>;
}

async function attachThread({ heap, ring, cpu }: ThreadLinks): Promise<Attached> {
  if (cpu !== null) (await import('../../uffd/linux/scheduling.ts')).pinThread(cpu);
  const attachKernel = await loadAttach(heap.kernel);
  const events = openWriter(ring);
  const cpuUs = await openCpuClock(heap.kernel.minorfault);
  const tellEngine = watchEngine(events);
  return {
    kernel: attachKernel(heap.kernel),
    tables: openTables(heap.metadata, heap.geometry),
    cycle: openCycle(heap.cycle),
    ...{ events, cpuUs },
    async tellWhole() {
      await tellEngine();
      events.emit(EVENT.cpu, cpuUs(), 0);
    },
  };
}

/**
 * Attaches the thread, runs what gives it its views, and tells that it is over, also if it throws: before that the
 * thread must not be ended (threads.ts).
 */
export async function attaching<T>(links: ThreadLinks, makeViews: (attached: Attached) => T): Promise<T> {
  const { heap } = links;
  try {
    return makeViews(await attachThread(links));
  } catch (error) {
    if (!(error instanceof MachineGoneError)) throw error;
  } finally {
    noteAttached(openCycle(heap.cycle));
    parentPort?.postMessage({ kind: 'attached' });
  }
  return process.exit(); // of this thread: the heap was closed before it came to it
}

/**
 * Runs what the thread is for. Once the machine is gone, what it throws is of no interest (words read as zero are
 * one cause), and must not be thrown: Node 20 aborts the process if a worker has an uncaught exception while it is
 * being terminated (node::errors::TriggerUncaughtException).
 * @returns whether it came to its end
 */
export function untilGone(kernel: Kernel, body: () => void): boolean {
  try {
    body();
    return true;
  } catch (error) {
    if (!isGone(kernel)) throw error;
    return false;
  }
}

function isGone(kernel: Kernel): boolean {
  try {
    kernel.fdinfo(-1);
    return false;
  } catch {
    return true;
  }
}

/** A thread that makes pages, and the userfaultfd it uses. */
export async function attachMaker(
  links: ThreadLinks,
  role: (typeof ROLE)[keyof typeof ROLE],
): Promise<Attached & { readonly uffd: Userfaultfd; readonly maker: Maker }> {
  await loadMode(links.heap.mode);
  return attaching(links, (attached) => makerOf(links, attached, role));
}

function makerOf(
  links: ThreadLinks,
  found: Attached,
  role: (typeof ROLE)[keyof typeof ROLE],
): Attached & { readonly uffd: Userfaultfd; readonly maker: Maker } {
  const attached = { ...found, kernel: refusing(found.kernel, links.heap.refusals) };
  const { kernel, tables, cycle, events } = attached;
  const patience = makePatience(cycle, events);
  const watch = patientUserfaultfd(attachUserfaultfd(kernel, links.heap.uffd), patience);
  const uffd = observed(watch, events, cycle);
  const mode = modeNamed(links.heap.mode, links.heap.page);
  const thread = mode.attach({
    kernel: patientKernel(kernel, patience),
    uffd,
    ranges: links.heap.ranges,
    maker: links.maker,
    side: () => loadAcquire(cycle, CYCLE.side),
    prefix: () => loadAcquire(cycle, CYCLE.prefixPages),
    shared: links.heap.modeWords,
  });
  const compiled = links.heap.compiled ? openCompiled(kernel.linear as KernelLinear, tables) : null;
  const ascends = links.heap.order === 'up';
  const maker = makeMaker({ mode, thread, tables, cycle, events, role, patience, compiled, ascends });
  if (!links.heap.assertPhases) return { ...attached, uffd, maker };
  return { ...attached, uffd, maker: { ...maker, fill: assertingFill(maker.fill, maker) } };
}
