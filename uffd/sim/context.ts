/**
 * userfaultfd contexts: their features, their queues of faults (queue.ts), and who waits for them.
 *
 * No wake is lost: a faulting thread queues itself, *then* looks at its page-table entry again, *then* sleeps; a
 * resolver installs the entry, *then* looks for sleepers. Whichever came second sees the other.
 */
import {
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_EVENT_REMAP,
  UFFD_FEATURE_EVENT_REMOVE,
  UFFD_FEATURE_EVENT_UNMAP,
  UFFD_FEATURE_EXACT_ADDRESS,
  UFFD_FEATURE_SIGBUS,
  UFFD_FEATURE_THREAD_ID,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_UNPOPULATED,
  UFFD_USER_MODE_ONLY,
} from '../abi.ts';
import { cas, fetchAdd, loadAcquire, sleepWhile, storeRelease, wake } from '../sync.ts';
import { CONTEXT_WORDS, checkAlive, MAX_CONTEXTS, type Machine } from './machine.ts';
import {
  append,
  CONTEXT,
  contextWord,
  count,
  first,
  lockLists,
  setTask,
  taskField,
  unlink,
  unlinkFrom,
  unlockLists,
} from './queue.ts';
import { dropSpace, holdSpace, inSpace } from './spaces.ts';
import { LIST, notify, release, TASK } from './tasks.ts';

/** Beside the features, as Linux keeps it: the handshake is done. The machine offers no feature above bit 30. */
const INITIALISED = 1 << 31;

/** A new context of this process's, opened with those flags and not yet through the API handshake; −1 if the table is full. */
export function createContext(m: Machine, flags: number): number {
  for (let context = 0; context < MAX_CONTEXTS; context++) {
    const base = contextWord(context, 0);
    if (!cas(m.contexts, base, 0, 1)) continue;
    // Not the lock: a thread that was woken by the last user's close may be looking at the empty queue still.
    m.contexts.fill(0, base + CONTEXT.features, base + CONTEXT_WORDS);
    storeRelease(m.contexts, contextWord(context, CONTEXT.flags), flags);
    storeRelease(m.contexts, contextWord(context, CONTEXT.space), m.space);
    holdSpace(m, m.space);
    return context;
  }
  return -1;
}

/** The context of a forked process that takes the place of its parent's; −1 if the table is full. */
export function forkContext(child: Machine, parent: number): number {
  const context = createContext(child, openFlags(child, parent));
  if (context >= 0) initialise(child, context, featuresOf(child, parent));
  return context;
}

/** Flags that it was opened with: UFFD_USER_MODE_ONLY, O_NONBLOCK and O_CLOEXEC. */
export function openFlags(m: Machine, context: number): number {
  return loadAcquire(m.contexts, contextWord(context, CONTEXT.flags));
}

/** The machine as the process sees it whose addresses the context watches. */
export function ownerOf(m: Machine, context: number): Machine {
  return inSpace(m, loadAcquire(m.contexts, contextWord(context, CONTEXT.space)));
}

/** One user more. Whoever does this must know that there is one. */
export function holdContext(m: Machine, context: number): void {
  fetchAdd(m.contexts, contextWord(context, CONTEXT.users), 1);
}

/** One user less: without any, its record is another's. */
export function dropContext(m: Machine, context: number): void {
  const { space } = ownerOf(m, context);
  if (fetchAdd(m.contexts, contextWord(context, CONTEXT.users), -1) === 1) dropSpace(m, space);
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
  eventFork: Number(UFFD_FEATURE_EVENT_FORK),
  eventRemap: Number(UFFD_FEATURE_EVENT_REMAP),
  eventRemove: Number(UFFD_FEATURE_EVENT_REMOVE),
  eventUnmap: Number(UFFD_FEATURE_EVENT_UNMAP),
} as const;

/** Whether one of the features (FEATURE) is enabled. */
export function hasFeature(m: Machine, context: number, features: number): boolean {
  return (featuresOf(m, context) & features) !== 0;
}

export function isUserModeOnly(m: Machine, context: number): boolean {
  return (openFlags(m, context) & UFFD_USER_MODE_ONLY) !== 0;
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
  lockLists(m, context);
  setTask(m, task, TASK.awake, 0);
  setTask(m, task, TASK.asleep, 0);
  setTask(m, task, TASK.page, page);
  setTask(m, task, TASK.offset, offset);
  setTask(m, task, TASK.flags, flags);
  setTask(m, task, TASK.faults, (taskField(m, task, TASK.faults) + 1) | 0);
  append(m, context, task, LIST.pending);
  count(m, context, CONTEXT.pending, 1);
  count(m, context, CONTEXT.sleepers, 1);
  unlockLists(m, context);
}

/** Takes a fault out of its list, if it still is in one: the page turned out to be there. */
export function withdrawFault(m: Machine, context: number, task: number): void {
  lockLists(m, context);
  if (taskField(m, task, TASK.list) !== LIST.none) unlink(m, context, task);
  unlockLists(m, context);
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
  lockLists(m, context);
  const task = first(m, context, LIST.pending);
  // Read under the lock: once it is free the thread may be woken, and fault elsewhere.
  const message = task < 0 ? null : messageOf(m, task);
  if (task >= 0) {
    unlinkFrom(m, context, task, LIST.pending);
    count(m, context, CONTEXT.pending, -1);
    append(m, context, task, LIST.read);
  }
  unlockLists(m, context);
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

/** Calls that wait until their event is read. */
export function waitingCalls(m: Machine, context: number): number {
  return loadAcquire(m.contexts, contextWord(context, CONTEXT.events));
}

/** Sleeps until there is something to read, or the timeout (ms). True if there is. @throws MachineGoneError */
export function awaitMessage(m: Machine, context: number, timeoutMs: number): boolean {
  const until = timeoutMs === Infinity ? Infinity : performance.now() + timeoutMs;
  for (;;) {
    const arrivals = loadAcquire(m.contexts, contextWord(context, CONTEXT.arrivals));
    checkAlive(m);
    if (pendingFaults(m, context) + waitingCalls(m, context) > 0) return true;
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
  lockLists(m, context);
  releaseIn(m, context, LIST.pending, start, end, woken);
  releaseIn(m, context, LIST.read, start, end, woken);
  unlockLists(m, context);
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
  for (let task = first(m, context, list), next: number; task >= 0; task = next) {
    next = taskField(m, task, TASK.next) - 1;
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
