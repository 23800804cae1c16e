/**
 * Events that are no faults: FORK, REMAP, REMOVE and UNMAP, told to the userfaultfds that have asked for them
 * (UFFD_FEATURE_EVENT_*). The call that raises one goes on once it is read, or the userfaultfd is closed. Source:
 * userfaultfd(2); Linux, Documentation/admin-guide/mm/userfaultfd.rst, "Non-cooperative userfaultfd".
 *
 * An event is prepared while the call holds the mm lock exclusively, and told when it has given that back. From then until it
 * is read the context is *changing*: no page is put in place by it, since whoever would do that may not know yet where the
 * pages are. (Linux ends that a moment later, when the call goes on.)
 *
 * Each event prepared is a user of its context, which so is no other one's while the call waits, closed or not.
 */
import { UFFD_EVENT_FORK, UFFD_EVENT_REMAP, UFFD_EVENT_REMOVE, UFFD_EVENT_UNMAP } from '../abi.ts';
import { fetchAdd, loadAcquire, storeRelease } from '../sync.ts';
import { announce, dropContext, FEATURE, hasFeature, holdContext, waitingCalls } from './context.ts';
import type { Machine } from './machine.ts';
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
  unlockLists,
} from './queue.ts';
import { LIST, notify, release, sleepUntilReleased, TASK } from './tasks.ts';
import { type Vma, vmasIn } from './vmas.ts';

/**
 * An event, its numbers in pages: of REMAP from, to and length; of REMOVE and UNMAP start and end. Of FORK the context of the new
 * process, and once it is read the descriptor that the reader has for it.
 */
export interface Event {
  readonly kind: number;
  readonly first: number;
  readonly second: number;
  readonly third: number;
}

/** An event that is about to be told to a context. */
export interface Prepared extends Event {
  readonly context: number;
}

function prepare(m: Machine, prepared: Prepared): Prepared {
  holdContext(m, prepared.context);
  fetchAdd(m.contexts, contextWord(prepared.context, CONTEXT.changing), 1);
  return prepared;
}

/**
 * Pages [start, end) are about to be unmapped by one call: an event for each context that watches a part of them; of those below
 * `reached` if the call ends there with an error, which it tells all the same.
 */
export function prepareUnmap(m: Machine, start: number, end: number, reached = end): Prepared[] {
  const contexts = new Set(vmasIn(m, start, reached).map(({ context }) => context));
  return [...contexts]
    .filter((context) => context >= 0 && hasFeature(m, context, FEATURE.eventUnmap))
    .map((context) => prepare(m, { context, kind: UFFD_EVENT_UNMAP, first: start, second: end, third: 0 }));
}

/** Whether what the VMA is registered with wants to know where its pages go; then they stay registered. */
export function isToldOfMoves(m: Machine, { context }: Vma): boolean {
  return context >= 0 && hasFeature(m, context, FEATURE.eventRemap);
}

/** The VMA's pages are moved to `to`. Its length is what was asked for. */
export function prepareRemap(m: Machine, { context, start }: Vma, to: number, pages: number): Prepared {
  return prepare(m, { context, kind: UFFD_EVENT_REMAP, first: start, second: to, third: pages });
}

/** The pages of a VMA's range are about to be dropped, once that is read; null if nobody wants to know. */
export function prepareRemove(m: Machine, { context, start, end }: Vma): Prepared | null {
  if (context < 0 || !hasFeature(m, context, FEATURE.eventRemove)) return null;
  return prepare(m, { context, kind: UFFD_EVENT_REMOVE, first: start, second: end, third: 0 });
}

/** A process is being forked that has part of what the context watches, to be watched by `child`. */
export function prepareFork(m: Machine, context: number, child: number): Prepared {
  return prepare(m, { context, kind: UFFD_EVENT_FORK, first: child, second: 0, third: 0 });
}

/** Tells the events, one after the other, and waits until each is read. @throws MachineGoneError */
export function tellEvents(m: Machine, task: number, events: readonly Prepared[]): void {
  for (const event of events) {
    if (queueEvent(m, task, event)) {
      announce(m, event.context);
      sleepUntilReleased(m, task);
    }
    dropContext(m, event.context);
  }
}

/** Nobody is told after all: the call has failed. */
export function forgetEvent(m: Machine, { context }: Prepared): void {
  endChange(m, context);
  dropContext(m, context);
}

/** False if the userfaultfd is closed: nobody will read it. */
function queueEvent(m: Machine, task: number, { context, ...event }: Prepared): boolean {
  lockLists(m, context);
  const isOpen = loadAcquire(m.contexts, contextWord(context, CONTEXT.released)) === 0;
  if (isOpen) {
    setTask(m, task, TASK.awake, 0);
    setTask(m, task, TASK.flags, event.kind);
    setTask(m, task, TASK.page, event.first);
    setTask(m, task, TASK.second, event.second);
    setTask(m, task, TASK.third, event.third);
    count(m, context, CONTEXT.events, 1); // before it is in the list, where others see that it waits
    append(m, context, task, LIST.events);
  } else endChange(m, context);
  unlockLists(m, context);
  return isOpen;
}

function endChange(m: Machine, context: number): void {
  fetchAdd(m.contexts, contextWord(context, CONTEXT.changing), -1);
}

/** Whether the layout changes in a way that has not been read yet: no page may be put in place. */
export function isChanging(m: Machine, context: number): boolean {
  return loadAcquire(m.contexts, contextWord(context, CONTEXT.changing)) > 0;
}

/**
 * Takes the oldest unread event, whose call goes on; null if there is none. Of FORK `open` makes a descriptor for the context:
 * where it cannot, its −errno is the answer, and the event stays.
 */
export function takeEvent(
  m: Machine,
  context: number,
  open: (child: number) => number,
): Event | number | null {
  if (waitingCalls(m, context) === 0) return null;
  lockLists(m, context);
  const task = first(m, context, LIST.events);
  const event = task < 0 ? null : opened(eventOf(m, task), open);
  const isTaken = event !== null && event.first >= 0;
  if (isTaken) endWait(m, context, task);
  unlockLists(m, context);
  if (isTaken) notify(m, task);
  return event === null || isTaken ? event : event.first;
}

function opened(event: Event, open: (child: number) => number): Event {
  return event.kind === UFFD_EVENT_FORK ? { ...event, first: open(event.first) } : event;
}

function eventOf(m: Machine, task: number): Event {
  const field = (word: number): number => taskField(m, task, word);
  return {
    kind: field(TASK.flags),
    first: field(TASK.page),
    second: field(TASK.second),
    third: field(TASK.third),
  };
}

/** Under the context's lock. */
function endWait(m: Machine, context: number, task: number): void {
  unlink(m, context, task);
  endChange(m, context);
  release(m, task);
}

/** The userfaultfd is closed: no call waits any more, and none will. */
export function releaseEvents(m: Machine, context: number): void {
  const woken: number[] = [];
  lockLists(m, context);
  storeRelease(m.contexts, contextWord(context, CONTEXT.released), 1);
  for (let task = first(m, context, LIST.events); task >= 0; task = first(m, context, LIST.events)) {
    endWait(m, context, task);
    woken.push(task);
  }
  unlockLists(m, context);
  for (const task of woken) notify(m, task);
}
