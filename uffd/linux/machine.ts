/**
 * What the threads of one machine share over the real kernel: which addresses and descriptors are its own, which
 * ranges are watched, and whether it has ended. The memory itself is the process's; this is the book kept of it, in
 * one SharedArrayBuffer.
 *
 * Two rules come from it. (1) Nothing that this package does touches memory that is not the machine's: an address
 * that is not in the book is refused before C sees it. (2) Addresses of which a view was handed out stay backed (by
 * empty private memory, once the mapping is gone) until no thread can have the view: it cannot be taken back, and a
 * stray access must not end the process.
 */
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  O_CLOEXEC,
  PROT_READ,
  PROT_WRITE,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  uffdioRange,
} from '../abi.ts';
import { MachineGoneError } from '../kernel.ts';
import { LINEAR_BYTES, type WasmMemory } from '../linear.ts';
import { exchange, loadAcquire, lock, type SharedWords, storeRelease, unlock } from '../sync.ts';
import * as table from './intervals.ts';
import type { Libc } from './libc.ts';

const MAX_RANGES = 1024;
const MAX_WATCHES = 1024;
const MAX_DESCRIPTORS = 1024;
const MAGIC = 0x6d666c78;

/** Words of the shared state. */
export const STATE = {
  magic: 0,
  disposed: 1,
  lock: 2,
  wakeFd: 3, // an eventfd that every poll looks at too; readable once the machine has ended
  watchEpoch: 4, // moves with every REGISTER and UNREGISTER
  attached: 5, // 1 once another thread has attached
  peakPages: 6,
  movesBegun: 7, // calls of mremap: while one is under way, its pages are at neither or at both places
  movesEnded: 8,
  pid: 9, // of a forked process: its number, and where its mailbox is; 0: this is the process itself
  mailboxLow: 10,
  mailboxHigh: 11,
  asking: 12, // held by the thread whose turn it is to ask
  threads: 13, // that ask it
  descriptors: 14, // how many; they follow
} as const;
const STATE_WORDS = 15 + MAX_DESCRIPTORS;

/** Views of one machine's shared state, in one thread. */
export interface LinuxMachine {
  readonly shared: SharedArrayBuffer;
  readonly state: SharedWords;
  /** Mapped ranges; the tag is the descriptor they map, or one of TAG, and says whether of huge pages (huge-pages.ts). */
  readonly ranges: Float64Array;
  /** Watched ranges; the tag is the userfaultfd. */
  readonly watches: Float64Array;
  readonly linear: Linear | null;
}

/** The linear memory that ranges of the machine can be placed in, and its first address. */
export interface Linear {
  readonly memory: WasmMemory;
  readonly start: number;
}

/** What a mapped range is of, if not of a file. */
export const TAG = {
  private: -1,
  /** Linear memory that nobody has asked for, or given back. */
  free: -2,
  /** Linear memory that somebody has asked for. */
  held: -3,
} as const;

/** @param memory linear memory that nothing else uses, or null */
export function createMachine(libc: Libc, memory: WasmMemory | null): LinuxMachine {
  const rangesAt = 8 * Math.ceil((4 * STATE_WORDS) / 8);
  const numbers = table.intervalNumbers(MAX_RANGES) + table.intervalNumbers(MAX_WATCHES);
  const machine = openViews(libc, new SharedArrayBuffer(rangesAt + 8 * numbers), memory);
  if (machine.linear !== null) {
    const { start } = machine.linear;
    // Viewed: it is V8's to unmap, so it must stay backed.
    table.put(machine.ranges, { start, end: start + LINEAR_BYTES, tag: TAG.free, viewed: true });
  }
  storeRelease(machine.state, STATE.magic, MAGIC);
  storeRelease(machine.state, STATE.wakeFd, libc.eventfd(0, O_CLOEXEC));
  return machine;
}

/** @throws TypeError if there is no such machine in `shared` */
export function attachMachine(
  libc: Libc,
  shared: SharedArrayBuffer,
  memory: WasmMemory | null,
): LinuxMachine {
  const machine = openViews(libc, shared, memory);
  if (machine.state[STATE.magic] !== MAGIC)
    throw new TypeError('openKernel: the handle holds no linux machine');
  storeRelease(machine.state, STATE.attached, 1);
  return machine;
}

/** The book in `shared`. */
export function openViews(libc: Libc, shared: SharedArrayBuffer, memory: WasmMemory | null): LinuxMachine {
  const rangesAt = 8 * Math.ceil((4 * STATE_WORDS) / 8);
  const rangeNumbers = table.intervalNumbers(MAX_RANGES);
  return {
    shared,
    state: new Int32Array(shared, 0, STATE_WORDS),
    ranges: new Float64Array(shared, rangesAt, rangeNumbers),
    watches: new Float64Array(shared, rangesAt + 8 * rangeNumbers, table.intervalNumbers(MAX_WATCHES)),
    linear: memory && { memory, start: libc.addressOf(new Uint8Array(memory.buffer)) },
  };
}

/** @throws MachineGoneError once the machine was disposed of */
export function checkAlive(m: LinuxMachine): void {
  if (loadAcquire(m.state, STATE.disposed) !== 0) throw new MachineGoneError();
}

/** Runs `body` with the book to itself. It must not fault. */
export function keepingBook<T>(m: LinuxMachine, body: () => T): T {
  lock(m.state, STATE.lock);
  try {
    return body();
  } finally {
    unlock(m.state, STATE.lock);
  }
}

/** Whether all of [address, address + length) is mapped by this machine. */
export function isOurs(m: LinuxMachine, address: number, length: number): boolean {
  return isRange(address, length) && keepingBook(m, () => table.covers(m.ranges, address, address + length));
}

/** How many of `length` bytes from `address` on are mapped by this machine, up to the first that is not. */
export function oursFrom(m: LinuxMachine, address: number, length: number): number {
  if (!isRange(address, length)) return 0;
  return keepingBook(m, () => Math.min(table.reach(m.ranges, address, address + length) - address, length));
}

function isRange(address: number, length: number): boolean {
  return Number.isSafeInteger(address) && Number.isSafeInteger(length) && address > 0 && length >= 0;
}

/** Notes a watch begun or ended. */
export function noteWatch(
  m: LinuxMachine,
  fd: number,
  start: number,
  length: number,
  watched: boolean,
): void {
  keepingBook(m, () => {
    if (watched) table.put(m.watches, { start, end: start + length, tag: fd, viewed: false });
    else table.remove(m.watches, start, start + length);
  });
  storeRelease(m.state, STATE.watchEpoch, loadAcquire(m.state, STATE.watchEpoch) + 1);
}

/** Whether some of [start, end) is watched. */
export function isWatched(m: LinuxMachine, start: number, end: number): boolean {
  return keepingBook(m, () => table.meets(m.watches, start, end));
}

/** In the entry of a descriptor: it is open on a file of huge pages. */
const HUGE_FILE = 1 << 30;

export function noteDescriptor(m: LinuxMachine, fd: number, huge: boolean): void {
  keepingBook(m, () => {
    const count = m.state[STATE.descriptors] as number;
    if (count === MAX_DESCRIPTORS) return; // then it is closed with the process
    m.state[STATE.descriptors + 1 + count] = huge ? fd | HUGE_FILE : fd;
    m.state[STATE.descriptors] = count + 1;
  });
}

/** Whether a descriptor of the machine's is open on a file of huge pages. */
export function isHugeFile(m: LinuxMachine, fd: number): boolean {
  return fd >= 0 && keepingBook(m, () => entries(m).includes(fd | HUGE_FILE));
}

export function forgetDescriptor(m: LinuxMachine, fd: number): void {
  keepingBook(m, () => {
    const kept = entries(m).filter((other) => (other & ~HUGE_FILE) !== fd);
    m.state.set([kept.length, ...kept], STATE.descriptors);
    table.removeTagged(m.watches, fd);
  });
}

function entries(m: LinuxMachine): Int32Array {
  const first = STATE.descriptors + 1;
  return m.state.subarray(first, first + (m.state[STATE.descriptors] as number));
}

function descriptors(m: LinuxMachine): number[] {
  return Array.from(entries(m), (entry) => entry & ~HUGE_FILE);
}

/** Empty private memory in the place of what was there. It takes no memory until it is touched. */
export function backWithNothing(
  libc: Libc,
  start: number,
  length: number,
  fixed: number = MAP_FIXED,
): number {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed;
  return libc.mmap(start, length, PROT_READ | PROT_WRITE, flags, -1, 0);
}

/** What of [start, end) lies in linear memory and is in no mapping any longer is free again. The caller keeps the book. */
export function freeLinear(m: LinuxMachine, start: number, end: number): void {
  if (isLinear(m.linear, start, end)) table.put(m.ranges, { start, end, tag: TAG.free, viewed: true });
}

/** Whether [start, end) lies in linear memory. */
export function isLinear(linear: Linear | null, start: number, end: number): linear is Linear {
  return linear !== null && linear.start <= start && end <= linear.start + LINEAR_BYTES;
}

/**
 * Marks the machine as ended and wakes everything asleep in it: in a fault, by ending every watch (and by WAKE,
 * since older kernels leave minor-fault sleepers asleep); in a poll, by the eventfd. Takes no lock that a dead
 * thread may hold: it is what every way out of the process goes through.
 */
export function quell(m: LinuxMachine, libc: Libc): void {
  storeRelease(m.state, STATE.disposed, 1);
  for (const { start, end, tag } of table.intervals(m.watches)) {
    const range = uffdioRange.encode({ start, len: end - start });
    libc.ioctl(tag, UFFDIO_UNREGISTER, range);
    libc.ioctl(tag, UFFDIO_WAKE, range);
  }
  libc.write(loadAcquire(m.state, STATE.wakeFd), new Uint8Array(new BigUint64Array([1n]).buffer), 8);
}

/**
 * Gives back memory. Every address stays backed: another thread may be in the middle of an access, since it was
 * asleep in a fault until just now. Answers the book of them, for {@link unmapBut}.
 */
export function backAll(m: LinuxMachine, libc: Libc): Float64Array {
  for (const { start, end, tag } of table.intervals(m.ranges))
    if (tag >= TAG.private) backWithNothing(libc, start, end - start);
  const kept = m.ranges.slice();
  if (m.linear !== null) table.remove(kept, m.linear.start, m.linear.start + LINEAR_BYTES); // V8 gives it back
  table.clear(m.ranges);
  table.clear(m.watches);
  return kept;
}

/** Gives back addresses, once nobody else uses them or has a view of them: all but those that `views` are of. */
export function unmapBut(views: readonly table.Extent[], kept: Float64Array, libc: Libc): void {
  const rest = new Float64Array(kept.length + table.intervalNumbers(views.length)); // a view may cut a range in two
  rest.set(kept);
  for (const { start, end } of views) table.remove(rest, start, end);
  for (const { start, end } of table.intervals(rest)) libc.munmap(start, end - start);
}

/** Whether another thread has attached to the machine at any time. */
export function hasAttached(m: LinuxMachine): boolean {
  return loadAcquire(m.state, STATE.attached) !== 0;
}

/**
 * Gives back files, but not their numbers, which must not come to mean other files of the process while threads may
 * be about to use them: they are kept, for the eventfd.
 */
export function reserveDescriptors(m: LinuxMachine, libc: Libc): void {
  for (const fd of descriptors(m)) libc.dup3(loadAcquire(m.state, STATE.wakeFd), fd, O_CLOEXEC);
}

/** Gives back the numbers of the descriptors, once no other thread uses the machine. Can be called again. */
export function closeKept(m: LinuxMachine, libc: Libc): void {
  for (const fd of descriptors(m)) libc.close(fd);
  m.state[STATE.descriptors] = 0;
  const wakeFd = exchange(m.state, STATE.wakeFd, -1);
  if (wakeFd >= 0) libc.close(wakeFd);
}
