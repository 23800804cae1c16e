/**
 * userfaultfd contexts: the queue of faults nobody has read yet (pending, first in first out), the faults read and
 * still asleep, and who waits for them. Queue nodes are the task slots of the faulting threads.
 *
 * No wake is lost: a faulting thread queues itself, *then* looks at its page-table entry again, *then* sleeps; a
 * resolver installs the entry, *then* looks for sleepers. Whichever came second sees the other.
 */
import {
  UFFD_FEATURE_EXACT_ADDRESS,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_THREAD_ID,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_UNPOPULATED,
} from '../abi.ts';
import {
  cas,
  fetchAdd,
  loadAcquire,
  loadRelaxed,
  lock,
  sleepWhile,
  storeRelaxed,
  storeRelease,
  unlock,
  wake,
} from '../sync.ts';
import { CONTEXT_WORDS, checkAlive, MAX_CONTEXTS, type Machine } from './machine.ts';
import { LIST, notify, release, TASK, taskWord } from './tasks.ts';

/** Words of a context. */
const CONTEXT = {
  used: 0,
  lock: 1,
  features: 2, // those enabled, and INITIALISED
  userModeOnly: 3,
  heads: 4, // one a list: pending is heads + LIST.pending, read is heads + LIST.read
  tails: 7,
  sleepers: 10, // faults in either list
  pending: 11,
  arrivals: 12, // moves with every fault queued; readers and pollers sleep on it
} as const;

/** Beside the features, as Linux keeps it: the handshake is done. The machine offers no feature above bit 30. */
const INITIALISED = 1 << 31;

function contextWord(context: number, word: number): number {
  return context * CONTEXT_WORDS + word;
}

/** A new context, not yet through the API handshake, or −1 if the table is full. */
export function createContext(m: Machine, userModeOnly: boolean): number {
  for (let context = 0; context < MAX_CONTEXTS; context++) {
    const base = contextWord(context, 0);
    if (!cas(m.contexts, base, 0, 1)) continue;
    // Not the lock: a thread that was woken by the last user's close may be looking at the empty queue still.
    m.contexts.fill(0, base + CONTEXT.features, base + CONTEXT_WORDS);
    storeRelease(m.contexts, contextWord(context, CONTEXT.userModeOnly), userModeOnly ? 1 : 0);
    return context;
  }
  return -1;
}

export function freeContext(m: Machine, context: number): void {
  storeRelease(m.contexts, contextWord(context, CONTEXT.used), 0);
}

/** The handshake's last step: enables features, once. False if it was done before. */
export function initialise(m: Machine, context: number, features: number): boolean {
  // Takes the word from "no handshake" to its result; a second handshake, however close behind, finds it taken.
  return cas(m.contexts, contextWord(context, CONTEXT.features), 0, features | INITIALISED);
}

export function isInitialised(m: Machine, context: number): boolean {
  return loadAcquire(m.contexts, contextWord(context, CONTEXT.features)) !== 0;
}

export function featuresOf(m: Machine, context: number): number {
  return loadAcquire(m.contexts, contextWord(context, CONTEXT.features)) & ~INITIALISED;
}

/** Features that change what happens, as the machine keeps them: as numbers, since a bigint takes long at every fault. */
export const FEATURE = {
  sigbus: Number(UFFD_FEATURE_SIGBUS),
  threadId: Number(UFFD_FEATURE_THREAD_ID),
  exactAddress: Number(UFFD_FEATURE_EXACT_ADDRESS),
  wpUnpopulated: Number(UFFD_FEATURE_WP_UNPOPULATED),
  wpAsync: Number(UFFD_FEATURE_WP_ASYNC),
} as const;

/** Whether one of the features (FEATURE) is enabled. */
export function hasFeature(m: Machine, context: number, features: number): boolean {
  return (featuresOf(m, context) & features) !== 0;
}

export function isUserModeOnly(m: Machine, context: number): boolean {
  return loadAcquire(m.contexts, contextWord(context, CONTEXT.userModeOnly)) === 1;
}

/** A message with these flags to this context: what a fault may come to. */
export interface Message {
  readonly context: number;
  readonly flags: number;
}

/**
 * Queues the calling task's fault, at a byte of a page. The mm lock is held, so that no UNREGISTER slips in between; once
 * it is given back, {@link announce} tells the readers.
 */
export function queueFault(
  m: Machine,
  { context, flags }: Message,
  task: number,
  { page, offset }: Pick<FaultMessage, 'page' | 'offset'>,
): void {
  lock(m.contexts, contextWord(context, CONTEXT.lock));
  setTask(m, task, TASK.awake, 0);
  setTask(m, task, TASK.page, page);
  setTask(m, task, TASK.offset, offset);
  setTask(m, task, TASK.flags, flags);
  setTask(m, task, TASK.faults, (taskField(m, task, TASK.faults) + 1) | 0);
  append(m, context, task, LIST.pending);
  count(m, context, CONTEXT.pending, 1);
  count(m, context, CONTEXT.sleepers, 1);
  unlock(m.contexts, contextWord(context, CONTEXT.lock));
}

/** Takes a fault out of its list, if it still is in one: the page turned out to be there. */
export function withdrawFault(m: Machine, context: number, task: number): void {
  lock(m.contexts, contextWord(context, CONTEXT.lock));
  if (taskField(m, task, TASK.list) !== LIST.none) unlink(m, context, task);
  unlock(m.contexts, contextWord(context, CONTEXT.lock));
}

/** Lets readers and pollers look again. */
export function announce(m: Machine, context: number): void {
  fetchAdd(m.contexts, contextWord(context, CONTEXT.arrivals), 1);
  wake(m.contexts, contextWord(context, CONTEXT.arrivals));
}

/** A fault as it is told to the reader. */
export interface FaultMessage {
  readonly task: number;
  readonly page: number;
  /** Of the byte that was accessed, on the page. */
  readonly offset: number;
  readonly flags: number;
}

/** Takes the oldest unread fault and leaves its thread asleep; null if there is none. */
export function takeMessage(m: Machine, context: number): FaultMessage | null {
  if (pendingFaults(m, context) === 0) return null;
  lock(m.contexts, contextWord(context, CONTEXT.lock));
  const task = loadRelaxed(m.contexts, contextWord(context, CONTEXT.heads + LIST.pending)) - 1;
  // Read under the lock: once it is free the thread may be woken, and fault elsewhere.
  const message = task < 0 ? null : messageOf(m, task);
  if (task >= 0) {
    unlinkFrom(m, context, task, LIST.pending);
    count(m, context, CONTEXT.pending, -1);
    append(m, context, task, LIST.read);
  }
  unlock(m.contexts, contextWord(context, CONTEXT.lock));
  return message;
}

function messageOf(m: Machine, task: number): FaultMessage {
  const { page, offset, flags } = TASK;
  return {
    task,
    page: taskField(m, task, page),
    offset: taskField(m, task, offset),
    flags: taskField(m, task, flags),
  };
}

export function pendingFaults(m: Machine, context: number): number {
  return loadAcquire(m.contexts, contextWord(context, CONTEXT.pending));
}

export function sleepingFaults(m: Machine, context: number): number {
  return loadAcquire(m.contexts, contextWord(context, CONTEXT.sleepers));
}

/** Sleeps until a fault is pending, or the timeout (ms). True if one is. @throws MachineGoneError */
export function awaitFault(m: Machine, context: number, timeoutMs: number): boolean {
  const until = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
  for (;;) {
    const arrivals = loadAcquire(m.contexts, contextWord(context, CONTEXT.arrivals));
    checkAlive(m);
    if (pendingFaults(m, context) > 0) return true;
    const left = until === Infinity ? Infinity : until - performance.now();
    if (left <= 0) return false;
    sleepWhile(m.contexts, contextWord(context, CONTEXT.arrivals), arrivals, left);
  }
}

/**
 * Wakes every thread that sleeps in this context on a page in [start, end), and forgets its fault, read or not.
 * Whether the page is there now is not looked at: a thread that finds it missing faults again.
 */
export function wakeRange(m: Machine, context: number, start: number, end: number): void {
  if (sleepingFaults(m, context) === 0) return;
  const woken: number[] = [];
  lock(m.contexts, contextWord(context, CONTEXT.lock));
  releaseIn(m, context, LIST.pending, start, end, woken);
  releaseIn(m, context, LIST.read, start, end, woken);
  unlock(m.contexts, contextWord(context, CONTEXT.lock));
  for (const task of woken) notify(m, task);
}

function releaseIn(
  m: Machine,
  context: number,
  list: number,
  start: number,
  end: number,
  woken: number[],
): void {
  let next = loadRelaxed(m.contexts, contextWord(context, CONTEXT.heads + list));
  while (next !== 0) {
    const task = next - 1;
    next = taskField(m, task, TASK.next);
    const page = taskField(m, task, TASK.page);
    if (page < start || page >= end) continue;
    unlink(m, context, task);
    release(m, task);
    woken.push(task);
  }
}

/** The machine ends: lets every reader and poller see it. */
export function announceAll(m: Machine): void {
  for (let context = 0; context < MAX_CONTEXTS; context++) announce(m, context);
}

// What follows is called under the context's lock, which guards the lists: their words are loaded and stored
// plainly. The two counts are read without it.

function taskField(m: Machine, task: number, word: number): number {
  return loadRelaxed(m.tasks, taskWord(task, word));
}

function setTask(m: Machine, task: number, word: number, value: number): void {
  storeRelaxed(m.tasks, taskWord(task, word), value);
}

function count(m: Machine, context: number, word: number, change: number): void {
  const index = contextWord(context, word);
  storeRelease(m.contexts, index, loadRelaxed(m.contexts, index) + change);
}

function unlink(m: Machine, context: number, task: number): void {
  const list = taskField(m, task, TASK.list);
  unlinkFrom(m, context, task, list);
  if (list === LIST.pending) count(m, context, CONTEXT.pending, -1);
  count(m, context, CONTEXT.sleepers, -1);
  setTask(m, task, TASK.list, LIST.none);
}

function append(m: Machine, context: number, task: number, list: number): void {
  const tail = contextWord(context, CONTEXT.tails + list);
  const last = loadRelaxed(m.contexts, tail);
  setTask(m, task, TASK.list, list);
  setTask(m, task, TASK.previous, last);
  setTask(m, task, TASK.next, 0);
  setNext(m, context, last, list, task + 1);
  storeRelaxed(m.contexts, tail, task + 1);
}

function unlinkFrom(m: Machine, context: number, task: number, list: number): void {
  const next = taskField(m, task, TASK.next);
  const previous = taskField(m, task, TASK.previous);
  setNext(m, context, previous, list, next);
  if (next === 0) storeRelaxed(m.contexts, contextWord(context, CONTEXT.tails + list), previous);
  else setTask(m, next - 1, TASK.previous, previous);
}

/** Links `next` behind the node `previous` (slot + 1), or at the head of the list if that is 0. */
function setNext(m: Machine, context: number, previous: number, list: number, next: number): void {
  if (previous === 0) storeRelaxed(m.contexts, contextWord(context, CONTEXT.heads + list), next);
  else setTask(m, previous - 1, TASK.next, next);
}
