/** Waiting for room: what an allocation does in any space that has none left. */
import type { SharedWords } from '../uffd/sync.ts';
import type { HeapOutOfMemoryError } from './errors.ts';
import { REASON } from './layout.ts';
import { awaitStage, newestAt, requestLastResort, requestNewCollection } from './requests.ts';

/** How a space is asked for room. */
export interface Room {
  /** Takes it: where it is, or −1 if there is none. */
  readonly take: () => number;
  /** Whether a collection has left too little, whoever may have taken room since; it was the last resort, or was not. */
  readonly isTooLittle: (wasLastResort: boolean) => boolean;
  readonly outOfMemory: () => HeapOutOfMemoryError;
}

/**
 * Takes room, and collects while there is none. `waitStopped` runs a wait while the world can be stopped.
 * @throws HeapOutOfMemoryError if the last resort has not helped
 */
export function takeOrCollect(
  control: SharedWords,
  waitStopped: (wait: () => void) => void,
  room: Room,
): number {
  let inVain = 0;
  for (;;) {
    const at = room.take();
    if (at >= 0) return at;
    const started = newestAt(control, 'started');
    const number = awaitedCollection(control, started, inVain);
    waitStopped(() => void awaitStage(control, 'flipped', number));
    // One beside mutators may have kept what died meanwhile, and what they allocated; the last resort has not.
    if (number > started && room.isTooLittle(inVain > 0) && ++inVain === 2) throw room.outOfMemory();
  }
}

/** The collection that an allocation waits for which has found no room, the last resort if one was in vain. */
function awaitedCollection(control: SharedWords, started: number, inVain: number): number {
  if (inVain > 0) return requestLastResort(control);
  // A collection whose pause is yet to come will free room; one past it has given what it had.
  if (newestAt(control, 'flipped') < started) return started;
  return requestNewCollection(control, REASON.allocation);
}
