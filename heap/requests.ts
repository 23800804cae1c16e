/**
 * How a collection is asked for and awaited. Collections are numbered from 1; `requested`, `started`, `flipped`
 * and `finished` are the newest number to have got so far. They only grow.
 */
import { cas, loadAcquire, type SharedWords, sleepWhile, storeRelease, wake } from '../uffd/sync.ts';
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

/** Sleeps until collection `number` has got to a stage. The caller must not be running (safepoint.ts). */
export function awaitStage(
  control: SharedWords,
  stage: 'requested' | 'started' | 'flipped' | 'finished',
  number: number,
): void {
  for (;;) {
    const newest = loadAcquire(control, CONTROL[stage]);
    if (newest >= number) return;
    sleepWhile(control, CONTROL[stage], newest);
  }
}
