/**
 * The simulated machine: one SharedArrayBuffer that holds all kernel state. This file lays it out; the classes and
 * functions beside it are views over it, so that any thread that attaches sees the same machine. No kernel state
 * lives in JavaScript objects.
 *
 * Locks, and the order in which they are taken: mmLock (mm-lock.ts) → a context's lock → frameLock. fileLock, which
 * guards the tables of descriptors, is taken with no other but a context's lock, after that.
 *
 * Each process (fork.ts) has its own address space and descriptors, and a Machine is the machine as one of them sees it. Files,
 * frames, contexts and locks are the same for all.
 */
import * as features from '../abi/features.ts';
import { HUGE_PAGE_BYTES, MachineGoneError, PAGE_BYTES, PAGE_WORDS } from '../kernel.ts';
import { loadAcquire, type SharedWords, storeRelease } from '../sync.ts';
import { emptySpace, tablesOf } from './page-table.ts';
import { type Profile, type ProfileOptions, packProfile, profileOf, unpackProfile } from './profile.ts';

/** Sizes of a simulated machine, and which Linux it runs. */
export interface SimOptions extends ProfileOptions {
  /** Physical memory for pages, in bytes (default 256 MiB). */
  readonly memoryBytes?: number;
  /** Addresses that can be mapped: [0, addressBytes) (default 4 × memory). */
  readonly addressBytes?: number;
  /** Huge pages (2 MiB) in the pool, as vm.nr_hugepages; they are taken out of `memoryBytes` (default 0). */
  readonly hugePages?: number;
  /** Touch all physical memory at the start, so that no measurement pays the host's page faults (default false). */
  readonly populate?: boolean;
  /**
   * What this kernel lacks, and answers for as one without it does: features of userfaultfd by their Linux names
   * (`UFFD_FEATURE_MOVE`), or `userfaultfd` itself (default: nothing).
   */
  readonly lacks?: readonly string[];
}

/** In {@link Machine.lacks}, beside UFFD_FEATURE_*: there is no userfaultfd. */
export const NO_USERFAULTFD = 1 << 30;

const LINE = 16; // words in a cache line
const STATE_NAMES = [
  'mmLock', // two words
  'fileLock',
  'frameLock',
  'disposed', // 1 once the opener has ended the machine
  'epoch', // moves with every operation that took translations away; odd, so that it is never 0
  'graceWaiters', // threads that wait for others to quiesce
  'graceTicks', // moves when a thread quiesces while somebody waits
  'freeFrames', // entries on the stack of free frames
  'limboHead', // the ring of frames that were unmapped but may still be seen: its first entry, and how many
  'limboCount',
  'freshFrame', // frames from here on were never used, and are zero
  'framesUsed', // frames that hold data now
  'framesPeak',
  'freeHuge', // entries on the stack of free huge pages
  'hugeUsed', // huge pages that somebody has, and those that are kept for somebody (huge-pool.ts)
  'hugeReserved',
  'owners', // of private pages, so far (vmas.ts)
  'taskSlots', // task slots that were ever in use
] as const;

/** Index of each word of the machine's own state. */
export const STATE = Object.fromEntries(STATE_NAMES.map((name, i) => [name, i * LINE])) as {
  readonly [name in (typeof STATE_NAMES)[number]]: number;
};

/** Words of a process's space (spaces.ts). */
export const SPACE = {
  users: 0, // the process while it lives, and each context that is bound to it; 0: the record is free
  alive: 1,
  threads: 2, // attached to it
  vmas: 3, // VMAs in use
} as const;
export const SPACE_WORDS = LINE;
/** Processes of a machine at a time: the first one, and those that were forked. */
export const MAX_SPACES = 4;

export const MAX_TASKS = 256;
export const MAX_DESCRIPTORS = 1024;
export const MAX_FILES = 256;
export const MAX_CONTEXTS = 128;
/** As vm.max_map_count. */
export const MAX_VMAS = 65530;

/** Words of a record in each table. Offsets within a record are with the code that owns the table. */
export const TASK_WORDS = LINE;
export const DESCRIPTION_WORDS = 8;
export const FILE_WORDS = 24;
export const VMA_WORDS = 9;
export const CONTEXT_WORDS = 2 * LINE;

const MAGIC = 0x6d666c74;
const HEADER_WORDS = 6; // magic, frames, address pages, what is lacking, the profile, huge pages

/** 4 KiB pages in a huge page. */
export const PAGES_PER_HUGE = HUGE_PAGE_BYTES / PAGE_BYTES;

/** Views over a machine's memory. */
export interface Machine {
  readonly shared: SharedArrayBuffer;
  /** The process whose address space and descriptors these are; 0 is the first one. */
  readonly space: number;
  readonly frameCount: number;
  /** Pages that can be mapped. */
  readonly addressPages: number;
  /** UFFD_FEATURE_* that this kernel lacks though its profile has them, and NO_USERFAULTFD. */
  readonly lacks: number;
  readonly profile: Profile;
  /** Huge pages in the pool. */
  readonly hugePages: number;
  /** The pool's first frame: each of its pages is PAGES_PER_HUGE frames in a row, from here up to the last frame. */
  readonly hugeStart: number;
  readonly state: SharedWords;
  readonly tasks: SharedWords;
  readonly spaces: SharedWords;
  /** Of this process: descriptor → description + 1, or 0. */
  readonly descriptors: SharedWords;
  readonly descriptions: SharedWords;
  readonly files: SharedWords;
  readonly vmas: SharedWords;
  readonly contexts: SharedWords;
  /** One word a page of addresses: the entry, as a distance (page-table.ts). */
  readonly ptes: SharedWords;
  /** One word a table of `ptes`: whether it may have entries (page-table.ts). */
  readonly tablesInUse: SharedWords;
  /** From `hugeStart` on it is the stack of free huge pages, each by its first frame. */
  readonly freeStack: SharedWords;
  /** Two words an entry: frame, and the epoch from which on nobody can see it. */
  readonly limbo: SharedWords;
  /** All of physical memory, as words. Frame f is words [f << 10, (f + 1) << 10). Frame 0 is the zero page. */
  readonly frames: Int32Array;
  /** The same memory as bytes, for copies. */
  readonly bytes: Uint8Array;
}

type Sizes = 'frameCount' | 'addressPages' | 'lacks' | 'profile' | 'hugePages' | 'hugeStart';
type Tables = Omit<Machine, 'shared' | 'space' | Sizes | 'frames' | 'bytes'>;

/** The machine in `shared`, as a process of it sees it. */
export function openViews(shared: SharedArrayBuffer, space: number): Machine {
  const header = new Int32Array(shared, 0, HEADER_WORDS);
  const frameCount = header[1] as number;
  const addressPages = header[2] as number;
  const hugePages = header[5] as number;
  let offset = 4 * HEADER_WORDS;
  const next = (words: number): Int32Array => {
    offset = Math.ceil(offset / 64) * 64;
    const view = new Int32Array(shared, offset, words);
    offset += 4 * words;
    return view;
  };
  const tables = tableWords(frameCount, addressPages).map(([name, words, copies]) => {
    const all = next(words * copies);
    return [name, copies === 1 ? all : all.subarray(space * words, (space + 1) * words)];
  });
  const framesOffset = Math.ceil(offset / PAGE_BYTES) * PAGE_BYTES;
  return {
    ...(Object.fromEntries(tables) as Tables),
    shared,
    space,
    frameCount,
    addressPages,
    lacks: header[3] as number,
    profile: unpackProfile(header[4] as number),
    hugePages,
    hugeStart: frameCount - hugePages * PAGES_PER_HUGE,
    frames: new Int32Array(shared, framesOffset, frameCount * PAGE_WORDS),
    bytes: new Uint8Array(shared, framesOffset, frameCount * PAGE_BYTES),
  };
}

/** Name and words of each table, and whether there is one for all processes (1) or one a process. */
function tableWords(
  frameCount: number,
  addressPages: number,
): readonly (readonly [name: string, words: number, copies: number])[] {
  return [
    ['state', STATE_NAMES.length * LINE, 1],
    ['tasks', MAX_TASKS * TASK_WORDS, 1],
    ['spaces', MAX_SPACES * SPACE_WORDS, 1],
    ['descriptors', MAX_DESCRIPTORS, MAX_SPACES],
    ['descriptions', MAX_DESCRIPTORS * DESCRIPTION_WORDS, 1],
    ['files', MAX_FILES * FILE_WORDS, 1],
    ['vmas', (MAX_VMAS + 1) * VMA_WORDS, MAX_SPACES],
    ['contexts', MAX_CONTEXTS * CONTEXT_WORDS, 1],
    ['ptes', addressPages, MAX_SPACES],
    ['tablesInUse', tablesOf(addressPages), MAX_SPACES],
    ['freeStack', frameCount, 1],
    ['limbo', 2 * frameCount, 1],
  ];
}

/** Bytes of shared memory that a machine of these sizes takes beside its frames. */
function overheadBytes(frameCount: number, addressPages: number): number {
  const words = tableWords(frameCount, addressPages).reduce(
    (sum, [, n, copies]) => sum + n * copies + LINE,
    0,
  );
  return 4 * (HEADER_WORDS + words) + 2 * PAGE_BYTES;
}

// A page-table entry keeps its frame number in 21 bits.
const MAX_FRAMES = 1 << 21;
/** The most physical memory that a machine can have. */
export const MAX_MEMORY_BYTES = (MAX_FRAMES - 1) * PAGE_BYTES;
/** The most addresses of a program on a 32-bit kernel, in bytes: as i386 and arm divide them (VMSPLIT_3G). */
export const MAX_NARROW_BYTES = 3 * 2 ** 30;

/**
 * Makes a machine.
 * @throws RangeError if a size is no positive multiple of the page, or more than this Node can share, or than the
 * kernel's word size has addresses for; if memory has not so many huge pages; and for a kernel that there is not
 */
export function createMachine(options: SimOptions): Machine {
  const memoryBytes = options.memoryBytes ?? 256 * 1024 * 1024;
  const frameCount = pagesIn('memoryBytes', memoryBytes) + 1; // and the zero page
  const addressPages = pagesIn('addressBytes', options.addressBytes ?? 4 * memoryBytes);
  if (frameCount > MAX_FRAMES) {
    throw new RangeError(`memoryBytes: a simulated machine has at most ${MAX_MEMORY_BYTES} bytes`);
  }
  const hugePages = hugePagesIn(memoryBytes, options.hugePages ?? 0);
  const profile = profileOf(options);
  if (profile.bits === 32 && addressPages > MAX_NARROW_BYTES / PAGE_BYTES) {
    throw new RangeError(`addressBytes: a 32-bit kernel has at most ${MAX_NARROW_BYTES} bytes for a program`);
  }
  const bytes = overheadBytes(frameCount, addressPages) + frameCount * PAGE_BYTES;
  const shared = new SharedArrayBuffer(bytes); // throws RangeError past what this Node can share
  const lacks = lackingBits(options.lacks ?? []);
  const header = [MAGIC, frameCount, addressPages, lacks, packProfile(profile), hugePages];
  new Int32Array(shared, 0, HEADER_WORDS).set(header);
  const machine = openViews(shared, 0);
  fillPool(machine);
  emptySpace(machine);
  machine.spaces.set([1, 1], 0); // the first process, alive
  storeRelease(machine.state, STATE.epoch, 1);
  storeRelease(machine.state, STATE.freshFrame, 1);
  if (options.populate) machine.frames.fill(0);
  return machine;
}

/** @throws RangeError for a number of huge pages that leaves nothing of the memory, or is none */
function hugePagesIn(memoryBytes: number, hugePages: number): number {
  const most = Math.ceil(memoryBytes / HUGE_PAGE_BYTES) - 1;
  if (Number.isSafeInteger(hugePages) && hugePages >= 0 && (hugePages <= most || hugePages === 0))
    return hugePages;
  throw new RangeError(
    `hugePages: ${hugePages} is not from 0 to ${most}: they are 2 MiB each, of ${memoryBytes} bytes of memory, and some must be left`,
  );
}

/** All huge pages are free. */
function fillPool({ state, freeStack, hugePages, hugeStart }: Machine): void {
  for (let i = 0; i < hugePages; i++)
    freeStack[hugeStart + i] = hugeStart + (hugePages - 1 - i) * PAGES_PER_HUGE;
  state[STATE.freeHuge] = hugePages;
}

/** @throws RangeError for what no kernel has */
export function lackingBits(names: readonly string[]): number {
  const bits = names.map((name) => {
    if (name === 'userfaultfd') return NO_USERFAULTFD;
    const [bit] =
      Object.entries(features)
        .find(([known]) => known === name)
        ?.slice(1) ?? [];
    if (bit === undefined) throw new RangeError(`lacks: ${name} is neither userfaultfd nor a UFFD_FEATURE_*`);
    return Number(bit);
  });
  return bits.reduce((all, bit) => all | bit, 0);
}

/** Attaches to the machine in `shared`, in a process of it. @throws TypeError if there is none */
export function attachMachine(shared: SharedArrayBuffer, space = 0): Machine {
  if (shared.byteLength < 4 * HEADER_WORDS || new Int32Array(shared, 0, 1)[0] !== MAGIC) {
    throw new TypeError('openKernel: the handle holds no simulated machine');
  }
  return openViews(shared, space);
}

function pagesIn(name: string, bytes: number): number {
  if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes % PAGE_BYTES !== 0) {
    throw new RangeError(`${name}: ${bytes} is no positive multiple of the page size, ${PAGE_BYTES} bytes`);
  }
  return bytes / PAGE_BYTES;
}

/** @throws MachineGoneError once the machine was disposed of */
export function checkAlive(m: Machine): void {
  if (loadAcquire(m.state, STATE.disposed) !== 0) throw new MachineGoneError();
}
