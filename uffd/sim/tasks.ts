/**
 * Task slots: one for each attached thread, with what the kernel keeps of a thread. A slot is also the node by
 * which its fault hangs in a context's queue (a thread is in one fault at a time), the word it sleeps on, and its
 * epoch for the reuse of frames.
 */
import { cas, loadAcquire, sleepWhile, storeRelease, wake } from '../sync.ts';
import { checkAlive, type Machine, MAX_TASKS, STATE, TASK_WORDS } from './machine.ts';

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
} as const;

export const LIST = { none: 0, pending: 1, read: 2 } as const;

const FIRST_TID = 1000;

/** Index of a word of a slot. */
export function taskWord(task: number, word: number): number {
  return task * TASK_WORDS + word;
}

/** Takes a free slot for the calling thread. @throws RangeError if all are taken */
export function takeTask(m: Machine): number {
  for (let task = 0; task < MAX_TASKS; task++) {
    // Claims the slot; whoever was faster has it, and we try the next.
    if (cas(m.tasks, taskWord(task, TASK.used), 0, 1)) {
      storeRelease(m.tasks, taskWord(task, TASK.seen), 0);
      return task;
    }
  }
  throw new RangeError(`openKernel: the machine has at most ${MAX_TASKS} threads attached`);
}

export function freeTask(m: Machine, task: number): void {
  storeRelease(m.tasks, taskWord(task, TASK.seen), 0);
  storeRelease(m.tasks, taskWord(task, TASK.used), 0);
}

export function threadId(task: number): number {
  return FIRST_TID + task;
}

/** The thread may hold translations from now on. Must precede its first load of a page-table entry. */
export function enterTranslating(m: Machine, task: number): void {
  storeRelease(m.tasks, taskWord(task, TASK.seen), loadAcquire(m.state, STATE.epoch));
}

/** The thread holds no translation it got before. */
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

function tellGraceWaiters(m: Machine): void {
  if (loadAcquire(m.state, STATE.graceWaiters) === 0) return;
  storeRelease(m.state, STATE.graceTicks, loadAcquire(m.state, STATE.graceTicks) + 1);
  wake(m.state, STATE.graceTicks);
}

/** The oldest epoch that some thread may still translate by: frames retired at or before it are invisible. */
export function oldestSeen(m: Machine): number {
  let oldest = loadAcquire(m.state, STATE.epoch);
  for (let task = 0; task < MAX_TASKS; task++) {
    const seen = loadAcquire(m.tasks, taskWord(task, TASK.seen));
    if (seen !== 0 && seen - oldest < 0) oldest = seen;
  }
  return oldest;
}

/** Sleeps until woken by {@link wakeTask}, or at once if that has happened. @throws MachineGoneError */
export function sleepInFault(m: Machine, task: number): void {
  const word = taskWord(task, TASK.awake);
  while (loadAcquire(m.tasks, word) === 0) {
    checkAlive(m);
    sleepWhile(m.tasks, word, 0);
  }
  checkAlive(m);
}

export function wakeTask(m: Machine, task: number): void {
  storeRelease(m.tasks, taskWord(task, TASK.awake), 1);
  wake(m.tasks, taskWord(task, TASK.awake));
}
