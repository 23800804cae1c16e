/**
 * How a collection is asked for and awaited. Collections are numbered from 1; `requested`, `started`, `flipped`
 * and `finished` are the newest number to have got so far. They only grow.
 */
import {
  cas,
  loadAcquire,
  loadRelaxed,
  raise,
  type SharedWords,
  sleepWhile,
  storeRelease,
  wake,
} from '../uffd/sync.ts';
import { CONTROL, REASON } from './layout.ts';

/** Asks for every collection up to `number` (already requested ones included: nothing happens twice). */
export function requestCollection(
  control: SharedWords,
  number: number,
  reason: number = REASON.explicit,
): void {
  for (;;) {
    const newest = loadAcquire(control, CONTROL.requested);
    if (newest >= number) return;
    storeRelease(control, CONTROL.reason, reason);
    // Takes the request from `newest` to `number`; a thread that raised it meanwhile makes us look again.
    if (cas(control, CONTROL.requested, newest, number)) break;
  }
  wake(control, CONTROL.requested);
}

/** Asks for one collection that begins after this call, and answers its number. */
export function requestNewCollection(control: SharedWords, reason: number = REASON.explicit): number {
  const number = loadAcquire(control, CONTROL.started) + 1;
  requestCollection(control, number, reason);
  return number;
}

/**
 * Mutators have been given room up to `top`: asks for the next collection if that is as much as the word says, by
 * default of the pages of the moving space, and none is asked for.
 */
export function requestInTime(control: SharedWords, top: number, startAt: number = CONTROL.startAt): void {
  if (top < loadRelaxed(control, startAt)) return;
  const finished = loadAcquire(control, CONTROL.finished);
  if (loadAcquire(control, CONTROL.requested) !== finished) return;
  const reason = startAt === CONTROL.startAt ? loadRelaxed(control, CONTROL.startReason) : REASON.headroom;
  requestCollection(control, finished + 1, reason);
}

/**
 * Asks for a collection that begins after this call and does its marking with the world stopped, so that nothing
 * dead is left; answers its number.
 */
export function requestLastResort(control: SharedWords): number {
  for (;;) {
    const number = loadAcquire(control, CONTROL.started) + 1;
    raise(control, CONTROL.lastResort, number);
    // The collector says that it has started, and then looks whether this one is the last resort: either it has
    // seen our word, or we see here that it was too early to.
    if (loadAcquire(control, CONTROL.started) >= number) continue;
    requestCollection(control, number, REASON.lastResort);
    return number;
  }
}

/** Whether collection `number`, which has started, was asked for as the last resort. */
export function isLastResort(control: SharedWords, number: number): boolean {
  return loadAcquire(control, CONTROL.lastResort) >= number;
}

/** Records that collection `number` has got to a stage, and wakes who waits for that. */
export function reachStage(
  control: SharedWords,
  stage: 'started' | 'flipped' | 'finished',
  number: number,
): void {
  storeRelease(control, CONTROL[stage], number);
  wake(control, CONTROL[stage]);
}

/** The newest collection to have got to a stage. */
export function newestAt(
  control: SharedWords,
  stage: 'requested' | 'started' | 'flipped' | 'finished',
): number {
  return loadAcquire(control, CONTROL[stage]);
}

/**
 * Sleeps until collection `number` has got to a stage, or for so long; whether it has. The caller must not be running
 * (safepoint.ts).
 */
export function awaitStage(
  control: SharedWords,
  stage: 'requested' | 'started' | 'flipped' | 'finished',
  number: number,
  timeoutMs = Infinity,
): boolean {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const newest = loadAcquire(control, CONTROL[stage]);
    if (newest >= number) return true;
    const left = until - performance.now();
    if (left <= 0) return false;
    sleepWhile(control, CONTROL[stage], newest, left);
  }
}
