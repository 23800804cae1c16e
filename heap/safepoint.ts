/**
 * The safepoint protocol, both sides of it. Every running mutator holds the mutator lock shared; whoever stops
 * the world takes it exclusively, which waits until each mutator has reached a safepoint and let go (ART's
 * mutator lock). A mutator that blocks for another reason lets go first, and so counts as stopped.
 */
import {
  isExclusiveWanted,
  lockExclusive,
  lockShared,
  type SharedWords,
  unlockExclusive,
  unlockShared,
} from '../uffd/sync.ts';
import { CONTROL } from './layout.ts';

/** A mutator starts to run: waits while the world is stopped. */
export function enterRunning(control: SharedWords): void {
  lockShared(control, CONTROL.mutatorLock);
}

/** A mutator stops running: from here on it touches neither the heap nor a reference. */
export function leaveRunning(control: SharedWords): void {
  unlockShared(control, CONTROL.mutatorLock);
}

/** What a mutator polls: whether it is asked to stop. May be stale; the next poll sees it. */
export function isStopRequested(control: SharedWords): boolean {
  return isExclusiveWanted(control, CONTROL.mutatorLock);
}

/** Stops the world: returns when no mutator runs. */
export function stopTheWorld(control: SharedWords): void {
  lockExclusive(control, CONTROL.mutatorLock);
}

/** Lets the mutators run again. */
export function resumeTheWorld(control: SharedWords): void {
  unlockExclusive(control, CONTROL.mutatorLock);
}
