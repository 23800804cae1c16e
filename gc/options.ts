/** How a heap is opened, and what is assumed where nothing is said. */
import { LARGE_OBJECT_BYTES } from '../heap/layout.ts';
import { HUGE_PAGE_BYTES, PAGE_BYTES } from '../uffd/kernel.ts';
import type { ProfileOptions } from '../uffd/open.ts';
import type { Details } from './events.ts';
import { type FellBack, settle } from './fallback.ts';
import { type ModeName, modeNamed } from './modes/index.ts';
import type { Refusal } from './refuse.ts';

/** How a heap is opened. */
export interface HeapOptions {
  /** Which kernel (default `auto`: the real one where it can be had, else the simulated one). */
  readonly kernel?: 'sim' | 'linux' | 'auto';
  /** One of ours, or the path or file URL of a module that exports one (`minorfault/modes`); default `continue`. */
  readonly mode?: ModeName | (string & {});
  /**
   * Where the kernel lacks what the mode needs: `copy` in its place, or `stw` where there is no userfaultfd at all
   * (`heap.fellBack` says so). Default false: then that is an error. With `auto`, the real kernel wherever it can be reached.
   */
  readonly fallback?: boolean;
  /** What the simulated kernel shall lack: `userfaultfd`, or features of it by name (default: nothing). */
  readonly lacks?: readonly string[];
  /**
   * Which Linux the simulated kernel shall be, as `5.13` or `5.10-android` (default: the newest). With it, or one of the
   * two below, `auto` is the simulated kernel.
   */
  readonly linux?: string | undefined;
  /** Word size of that kernel (default 64), and its architecture (default `x86_64`). */
  readonly bits?: 32 | 64 | undefined;
  readonly arch?: string | undefined;
  /**
   * Size of the heap's pages (default 4 KiB): of 2 MiB, huge pages, faults are fewer and stalls longer. For all modes but `move`,
   * without spaces whose objects do not move. On linux they come out of the pool that `sysctl
   * vm.nr_hugepages` sets: twice the heap, in `stw` once. Pages are counted by 4 KiB everywhere all the same.
   */
  readonly page?: PageSize;
  /** Capacity of the moving space in bytes: a multiple of the page size. */
  readonly heapBytes: number;
  /** Capacity of the non-moving space beside it, for `allocNonMoving`: a multiple of the page size (default 0). */
  readonly nonMovingBytes?: number;
  /**
   * Capacity of the large-object space beside them: a multiple of the page size (default 0: large objects move, a page at a
   * time). What is in it never moves, and raw data, which has no references, costs a collection nothing.
   */
  readonly largeBytes?: number;
  /** Objects of at least so many bytes go there (default 12 KiB). */
  readonly largeObjectBytes?: number;
  /** How many mutators may be spawned. */
  readonly mutators: number;
  /** Compactors, the collector among them (default 1). */
  readonly gcThreads?: number;
  readonly faultThreads?: number;
  /** Pages of 4 KiB a publishing ioctl, whole pages at the least (default 64); 0: on demand only. */
  readonly batch?: number;
  /**
   * The order in which compactors take pages: from the top down, so that from-space can be given back as they go and what
   * is newest comes first; or from the bottom up, as `stw` always does (default `down`).
   */
  readonly order?: 'down' | 'up';
  /**
   * The dense prefix: pages at the heap's bottom of which at least this part is live are not moved, and only their
   * references are updated: in place, but in the mode `copy`. What is dead there stays (default 0.95); 1: only what is
   * wholly live; null: every object is moved.
   */
  readonly densePrefix?: number | null;
  /** Root slots of each mutator, its shadow stack included (default 65 536). */
  readonly rootSlots?: number;
  /** Weak references, finalizers and ephemerons that each mutator can have at a time (default 1024). */
  readonly weakHandles?: number;
  /** Where threads run (Linux, with the FFI); a role not named runs where the scheduler likes (default: none). */
  readonly pin?: Pinning;
  /**
   * A collection begins when live objects are down to this fraction of what is in use (ART's target utilization);
   * null: when the rest of the heap is what mutators will want while it runs (default).
   */
  readonly utilization?: number | null;
  /** With `utilization`: bytes that the heap may grow by above what is live, at least and at most. */
  readonly minFreeBytes?: number;
  readonly maxFreeBytes?: number;
  /** A collection begins when none has for so many milliseconds; null: never for that reason (default). */
  readonly periodMs?: number | null;
  /**
   * Checks the whole heap after every collection (default false); with `'phases'` also the collector's invariants at the
   * boundaries between phases, and each page that is made (gc/invariants): slow, and pauses are then not the collector's.
   */
  readonly verify?: boolean | 'phases';
  /**
   * Runs the collector's inner loops compiled (WebAssembly) where its memory is within reach of that: on the real kernel,
   * for heaps of somewhat above 1 GiB at the most. 'js': always in JavaScript (default 'auto').
   */
  readonly loops?: 'auto' | 'js';
  /** Calls that the kernel shall refuse the collector, to try out what a program does then (default none). */
  readonly refuse?: readonly Refusal[];
  /** Touches the simulated machine's memory first, so that no figure holds the host's page faults (default false). */
  readonly populate?: boolean;
  /**
   * Tells of single pages, calls and stalls, of which records have counts (default true). Off, to measure what it costs
   * (bench/events.ts): these counts are then 0, and no stall is known. 'half': of two collections in four.
   */
  readonly detailedEvents?: Details;
  /** Keeps every event of every thread, for `heap.recordings()`: 56 bytes each (default false). */
  readonly record?: boolean;
}

const DEFAULT_ROOT_SLOTS = 65_536;
const MOST_PAGES = 2 ** 22;
/**
 * Pages a call. With two compactors a call costs more than with one, presumably since it makes the other's processor forget
 * translations: MOVE compacted 1.3 times as fast with two as with one at 16 pages a call, 1.6 times at 64 (64 MiB, Linux
 * 6.18), and mutators waited no longer.
 */
export const DEFAULT_BATCH = 64;
export const MOST_BATCH = 4096;
/** How dense the prefix is where nothing is said: ART's (art-cmc.md, 7.4). And the least that makes sense. */
export const DENSITY = 0.95;
export const LEAST_DENSITY = 0.5;
/** The least growth, where nothing is said: this part of the heap. */
const MIN_FREE_PART = 32;
export const MAX_PERIOD_MS = 24 * 3600 * 1000;

/** In bytes, or as the command line has them. */
export type PageSize = '4KiB' | '2MiB' | typeof PAGE_BYTES | typeof HUGE_PAGE_BYTES;

/** Processors for threads: of mutators, of compactors (the collector among them), of fault threads. */
export interface Pinning {
  readonly mutators?: number;
  readonly collectors?: number;
  readonly faults?: number;
}

/** {@link HeapOptions} with everything said. */
export type ResolvedOptions = Required<Omit<HeapOptions, 'kernel' | 'page' | keyof ProfileOptions>> & {
  readonly kernel: 'sim' | 'linux';
  /** In bytes. */
  readonly page: number;
  readonly profile: ProfileOptions;
  readonly fellBack: FellBack | null;
};

/**
 * The mode, if it is a user's, must have been loaded.
 * @throws RangeError naming the option, what it is and what it takes
 * @throws KernelUnavailableError for the linux kernel where it is not to be had, or a simulated one that has not enough
 */
export function resolveOptions(options: HeapOptions): ResolvedOptions {
  const { mode: wanted = 'continue', kernel = 'auto', fallback = false, lacks = [], heapBytes } = options;
  const { linux, bits, arch, ...others } = options;
  const profile: ProfileOptions = { linux, bits, arch };
  const page = pageBytes(options.page ?? PAGE_BYTES);
  if (page !== PAGE_BYTES) requireHuge(options);
  const settled = settle({ kernel, modes: [wanted], fallback, lacks, pages: [page], heapBytes, ...profile });
  const [mode = wanted] = settled.modes;
  const resolved: ResolvedOptions = {
    gcThreads: 1,
    faultThreads: 1,
    batch: DEFAULT_BATCH,
    order: 'down',
    densePrefix: DENSITY,
    rootSlots: DEFAULT_ROOT_SLOTS,
    nonMovingBytes: 0,
    largeBytes: 0,
    largeObjectBytes: LARGE_OBJECT_BYTES,
    weakHandles: 1024,
    verify: false,
    populate: false,
    record: false,
    detailedEvents: true,
    loops: 'auto',
    refuse: [],
    pin: {},
    utilization: null,
    minFreeBytes: Math.min(defaultMinFree(options.heapBytes), options.maxFreeBytes ?? options.heapBytes),
    maxFreeBytes: options.heapBytes,
    periodMs: null,
    ...others,
    ...{ mode, fallback, lacks, profile, page },
    kernel: settled.kernel,
    fellBack: settled.fellBack[0] ?? null,
  };
  requireWhole('heapBytes', resolved.heapBytes / PAGE_BYTES, 1, MOST_PAGES, 'pages of 4096 bytes');
  requireFixed(resolved);
  requireWhole('mutators', resolved.mutators, 1, 64, 'threads');
  requireWhole('gcThreads', resolved.gcThreads, 1, 64, 'threads');
  requireWhole('faultThreads', resolved.faultThreads, 1, 64, 'threads');
  requireWhole('batch', resolved.batch, 0, MOST_BATCH, 'pages');
  requireWhole('weakHandles', resolved.weakHandles, 0, 2 ** 24, 'handles');
  requireWhole('rootSlots', resolved.rootSlots, 1, 2 ** 24, 'slots');
  requireTrigger(resolved);
  requireDense(resolved);
  requireOneOf('loops', resolved.loops, ['auto', 'js']);
  requireOneOf('order', resolved.order, ['down', 'up']);
  requireOneOf('detailedEvents', resolved.detailedEvents, [true, false, 'half']);
  // Where nobody faults, nobody serves faults.
  return modeNamed(mode, page).concurrent ? resolved : { ...resolved, faultThreads: 0 };
}

const PAGE_SIZES: Readonly<Record<string, number>> = { '4KiB': PAGE_BYTES, '2MiB': HUGE_PAGE_BYTES };

function pageBytes(page: PageSize): number {
  const bytes = PAGE_SIZES[page] ?? Object.values(PAGE_SIZES).find((size) => size === page);
  if (bytes !== undefined) return bytes;
  throw new RangeError(
    `page: ${page} is no size of a page; it takes ${Object.keys(PAGE_SIZES).join(' or ')}`,
  );
}

/** What a heap of huge pages can be. */
function requireHuge({ heapBytes, nonMovingBytes = 0, largeBytes = 0 }: HeapOptions): void {
  requireWhole('heapBytes', heapBytes / HUGE_PAGE_BYTES, 1, MOST_PAGES / 512, 'pages of 2 MiB');
  const [name] = Object.entries({ nonMovingBytes, largeBytes }).find(([, bytes]) => bytes !== 0) ?? [];
  if (name !== undefined)
    throw new RangeError(
      `page: a heap of 2 MiB pages has no such space; leave ${name} out, or use page 4KiB`,
    );
}

/** Bytes that a heap may grow by in any case, where nothing is said: whole pages. */
export function defaultMinFree(heapBytes: number): number {
  return Math.ceil(heapBytes / MIN_FREE_PART / PAGE_BYTES) * PAGE_BYTES;
}

/** Granules are numbered with 31 bits; the large-object space has its addresses twice (heap/fixed-spaces.ts). */
function requireFixed({ heapBytes, nonMovingBytes, largeBytes, largeObjectBytes }: ResolvedOptions): void {
  const left = MOST_PAGES - heapBytes / PAGE_BYTES;
  requireWhole('nonMovingBytes', nonMovingBytes / PAGE_BYTES, 0, left, 'pages of 4096 bytes');
  const most = Math.floor((left - nonMovingBytes / PAGE_BYTES) / 2);
  requireWhole('largeBytes', largeBytes / PAGE_BYTES, 0, most, 'pages of 4096 bytes');
  requireWhole('largeObjectBytes', largeObjectBytes, PAGE_BYTES, 2 ** 31, 'bytes');
}

function requireTrigger({
  utilization,
  minFreeBytes,
  maxFreeBytes,
  heapBytes,
  periodMs,
}: ResolvedOptions): void {
  if (utilization !== null && !(utilization > 0 && utilization < 1)) {
    throw new RangeError(
      `utilization: ${utilization} is out of range; it takes a fraction between 0 and 1, as 0.5`,
    );
  }
  requireWhole('minFreeBytes', minFreeBytes, 1, heapBytes, 'bytes');
  requireWhole('maxFreeBytes', maxFreeBytes, minFreeBytes, heapBytes, 'bytes');
  if (periodMs !== null) requireWhole('periodMs', periodMs, 1, MAX_PERIOD_MS, 'ms');
}

function requireDense({ densePrefix }: ResolvedOptions): void {
  if (densePrefix === null || (densePrefix >= LEAST_DENSITY && densePrefix <= 1)) return;
  throw new RangeError(
    `densePrefix: ${densePrefix} is out of range; it takes a fraction from ${LEAST_DENSITY} to 1, as 0.95, or null`,
  );
}

function requireOneOf<Value extends string | boolean>(
  name: string,
  value: Value,
  known: readonly Value[],
): void {
  if (known.includes(value)) return;
  throw new RangeError(`${name}: ${value} is unknown; it takes ${known.join(' or ')}`);
}

function requireWhole(name: string, value: number, least: number, most: number, unit: string): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(
    `${name}: ${value} ${unit} is out of range; it takes a whole number from ${least} to ${most}`,
  );
}
