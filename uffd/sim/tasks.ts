/**
 * Task slots: one for each attached thread, with what the kernel keeps of a thread. A slot is also the node by
 * which its fault hangs in a context's queue (a thread is in one fault at a time), the word it sleeps on, and its
 * epoch for the reuse of frames.
 */
import { cas, fetchAdd, loadAcquire, sleepWhile, storeRelease, wake } from '../sync.ts';
import { checkAlive, MAX_TASKS, type Machine, STATE, TASK_WORDS } from './machine.ts';

/** Words of a slot. */
export const TASK = {
  used: 0,
  awake: 1, // 0 while asleep in a fault, 1 from the wake on
  list: 2, // which list of its context it hangs in: LIST
  page: 3, // the faulting page
  flags: 4, // of the message
  next: 5, // slot + 1 in its list, or 0
  previous: 6,
  seen: 7, // epoch at the last quiescent point, 0 while the thread holds no translations
  sleeps: 8, // how often the thread has slept in a fault; only it looks
  offset: 9, // of the faulting byte on its page
  // Of a call that waits until its event is read: which event is in `flags`, its first number in `page`
  second: 10,
  third: 11,
  asleep: 13, // 1 once the thread has looked at its page again, and sleeps
  faults: 12, // how often it was queued, and so tells one fault from the next
} as const;

export const LIST = { none: 0, pending: 1, read: 2, events: 3 } as const;

const FIRST_TID = 1000;

/** Index of a word of a slot. */
export function taskWord(task: number, word: number): number {
  return task * TASK_WORDS + word;
}

/** Takes a free slot for the calling thread. @throws RangeError if all are taken */
export function takeTask(m: Machine): number {
  for (let task = 0; task < MAX_TASKS; task++) {
    // Claims the slot; whoever was faster has it, and we try the next.
    if (!cas(m.tasks, taskWord(task, TASK.used), 0, 1)) continue;
    storeRelease(m.tasks, taskWord(task, TASK.seen), 0);
    raiseSlots(m, task + 1);
    return task;
  }
  throw new RangeError(`openKernel: the machine has at most ${MAX_TASKS} threads attached`);
}

function raiseSlots(m: Machine, slots: number): void {
  for (;;) {
    const before = loadAcquire(m.state, STATE.taskSlots);
    // Only ever raised; whoever finds it high enough leaves it.
    if (before >= slots || cas(m.state, STATE.taskSlots, before, slots)) return;
  }
}

export function freeTask(m: Machine, task: number): void {
  leaveTranslating(m, task);
  storeRelease(m.tasks, taskWord(task, TASK.used), 0);
}

export function threadId(task: number): number {
  return FIRST_TID + task;
}

/** Whether the thread may hold translations. Its own word: a plain load. */
export function isTranslating(m: Machine, task: number): boolean {
  return (m.tasks[taskWord(task, TASK.seen)] as number) !== 0;
}

/** The thread may hold translations from now on. */
export function enterTranslating(m: Machine, task: number): void {
  const seen = taskWord(task, TASK.seen);
  let epoch = loadAcquire(m.state, STATE.epoch);
  storeRelease(m.tasks, seen, epoch);
  // The load after the store is the barrier: no page-table entry is loaded before others can see that we translate.
  for (;;) {
    const now = loadAcquire(m.state, STATE.epoch);
    if (now === epoch) return;
    epoch = now;
    storeRelease(m.tasks, seen, epoch);
    // Who looked while the older epoch stood there waits for us; and no later quiesce has anything to tell.
    tellGraceWaiters(m);
  }
}

/** The thread holds no translation it got before. Whatever moves `seen` on tells those who wait for that. */
export function quiesce(m: Machine, task: number): void {
  const seen = taskWord(task, TASK.seen);
  // Relaxed loads: a stale epoch only means that the next safepoint does it.
  if ((m.tasks[seen] as number) === (m.state[STATE.epoch] as number)) return;
  storeRelease(m.tasks, seen, loadAcquire(m.state, STATE.epoch));
  tellGraceWaiters(m);
}

/** The thread holds no translations, and gets none before it enters again. */
export function leaveTranslating(m: Machine, task: number): void {
  storeRelease(m.tasks, taskWord(task, TASK.seen), 0);
  tellGraceWaiters(m);
}

/** Lets threads that wait for a frame look again. */
export function tellGraceWaiters(m: Machine): void {
  if (loadAcquire(m.state, STATE.graceWaiters) === 0) return;
  fetchAdd(m.state, STATE.graceTicks, 1);
  wake(m.state, STATE.graceTicks);
}

/** The oldest epoch that some thread may still translate by: frames retired at or before it are invisible. */
export function oldestSeen(m: Machine): number {
  let oldest = loadAcquire(m.state, STATE.epoch);
  const slots = loadAcquire(m.state, STATE.taskSlots);
  for (let task = 0; task < slots; task++) {
    const seen = loadAcquire(m.tasks, taskWord(task, TASK.seen));
    if (seen !== 0 && isBefore(seen, oldest)) oldest = seen;
  }
  return oldest;
}

/** Whether epoch a is older than b. Epochs are 32-bit and wrap. */
export function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

/** Sleeps in a fault until woken, or not at all if that has happened. @throws MachineGoneError */
export function sleepInFault(m: Machine, task: number): void {
  m.tasks[taskWord(task, TASK.sleeps)] = sleepsOf(m, task) + 1;
  storeRelease(m.tasks, taskWord(task, TASK.asleep), 1);
  sleepUntilReleased(m, task);
}

/** Sleeps until woken, or not at all if that has happened. @throws MachineGoneError */
export function sleepUntilReleased(m: Machine, task: number): void {
  const word = taskWord(task, TASK.awake);
  while (loadAcquire(m.tasks, word) === 0) {
    checkAlive(m);
    sleepWhile(m.tasks, word, 0);
  }
  checkAlive(m);
}

/** How the thread sleeps that has that id, if it does for certain: as whoever watches sees it. */
export function sleepOf(m: Machine, tid: number): 'fault' | 'event' | null {
  const field = (word: number): number => loadAcquire(m.tasks, taskWord(tid - FIRST_TID, word));
  const list = field(TASK.list);
  if (list === LIST.events) return 'event';
  return list !== LIST.none && field(TASK.asleep) === 1 ? 'fault' : null;
}

/** How often the calling thread has slept in a fault so far. */
export function sleepsOf(m: Machine, task: number): number {
  return m.tasks[taskWord(task, TASK.sleeps)] as number;
}

/** Lets a sleeper go on. It does so once it is notified too, which may wait until locks are given back. */
export function release(m: Machine, task: number): void {
  storeRelease(m.tasks, taskWord(task, TASK.awake), 1);
}

export function notify(m: Machine, task: number): void {
  wake(m.tasks, taskWord(task, TASK.awake));
}

/** The machine ends: every sleeper goes on, and finds that out. */
export function wakeAllTasks(m: Machine): void {
  for (let task = 0; task < MAX_TASKS; task++) {
    release(m, task);
    notify(m, task);
  }
  fetchAdd(m.state, STATE.graceTicks, 1);
  wake(m.state, STATE.graceTicks);
}
