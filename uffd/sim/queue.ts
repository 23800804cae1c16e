/**
 * What a userfaultfd context keeps in shared memory, and its lists of sleeping threads: faults that nobody has read yet
 * (pending), faults that were read, and calls that wait until their event is read (events.ts). First in, first out. The
 * nodes are the task slots of the sleeping threads: a thread sleeps in one thing at a time.
 */
import { loadRelaxed, lock, storeRelaxed, storeRelease, unlock } from '../sync.ts';
import { CONTEXT_WORDS, type Machine } from './machine.ts';
import { LIST, TASK, taskWord } from './tasks.ts';

/** Words of a context. */
export const CONTEXT = {
  users: 0, // who may still use it: its open file, and each event that is on its way. 0: the record is free
  lock: 1,
  features: 2, // those enabled, and INITIALISED
  flags: 3, // it was opened with
  heads: 4, // one a list (LIST): pending is heads + LIST.pending
  tails: 8,
  sleepers: 12, // faults in either list
  pending: 13,
  arrivals: 14, // moves with every fault or event queued; readers and pollers sleep on it
  events: 15, // calls that wait until their event is read
  changing: 16, // events that are on their way, and not read yet
  released: 17, // 1 once its file is closed
  space: 18, // the process whose addresses it watches
} as const;

export function contextWord(context: number, word: number): number {
  return context * CONTEXT_WORDS + word;
}

/** The lists and their counts are the calling thread's, until it gives them back. */
export function lockLists(m: Machine, context: number): void {
  lock(m.contexts, contextWord(context, CONTEXT.lock));
}

export function unlockLists(m: Machine, context: number): void {
  unlock(m.contexts, contextWord(context, CONTEXT.lock));
}

// What follows is called under the context's lock, which guards the lists: their words are loaded and stored
// plainly. The counts are read without it.

export function taskField(m: Machine, task: number, word: number): number {
  return loadRelaxed(m.tasks, taskWord(task, word));
}

export function setTask(m: Machine, task: number, word: number, value: number): void {
  storeRelaxed(m.tasks, taskWord(task, word), value);
}

export function count(m: Machine, context: number, word: number, change: number): void {
  const index = contextWord(context, word);
  storeRelease(m.contexts, index, loadRelaxed(m.contexts, index) + change);
}

/** The first thread of a list, or −1. */
export function first(m: Machine, context: number, list: number): number {
  return loadRelaxed(m.contexts, contextWord(context, CONTEXT.heads + list)) - 1;
}

/** Takes a thread out of the list that it is in. */
export function unlink(m: Machine, context: number, task: number): void {
  const list = taskField(m, task, TASK.list);
  unlinkFrom(m, context, task, list);
  if (list === LIST.pending) count(m, context, CONTEXT.pending, -1);
  count(m, context, list === LIST.events ? CONTEXT.events : CONTEXT.sleepers, -1);
  setTask(m, task, TASK.list, LIST.none);
}

/** To the list's end. */
export function append(m: Machine, context: number, task: number, list: number): void {
  const tail = contextWord(context, CONTEXT.tails + list);
  const last = loadRelaxed(m.contexts, tail);
  setTask(m, task, TASK.list, list);
  setTask(m, task, TASK.previous, last);
  setTask(m, task, TASK.next, 0);
  setNext(m, context, last, list, task + 1);
  storeRelaxed(m.contexts, tail, task + 1);
}

/** Out of that list, not counted: it goes into another. */
export function unlinkFrom(m: Machine, context: number, task: number, list: number): void {
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
