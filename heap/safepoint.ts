/**
 * The safepoint protocol, both sides of it.
 *
 * Stopping the world: every running mutator holds the mutator lock shared; whoever stops the world takes it
 * exclusively, which waits until each mutator has reached a safepoint and let go (ART's mutator lock). A mutator
 * that blocks for another reason lets go first, and so counts as stopped.
 *
 * A handshake: every mutator, one by one and each at a safepoint of its own, leaves a snapshot of its roots, and
 * nobody waits but the collector (ART's checkpoint). For one that is not running the collector takes the snapshot,
 * and keeps it from running meanwhile.
 *
 * Invariant: once {@link awaitHandshake} has returned, everything that any mutator did before it passed is seen.
 */
import {
  cas,
  fetchAdd,
  isExclusiveWanted,
  loadAcquire,
  loadRelaxed,
  lockExclusive,
  lockShared,
  type SharedWords,
  sleepWhile,
  storeRelease,
  unlockExclusive,
  unlockShared,
  wake,
} from '../uffd/sync.ts';
import { CONTROL, type HeapTables, LINE_WORDS } from './layout.ts';

// Of a mutator, in a cache line of its own: where it is, and the newest handshake it has passed.
const WHERE = 0;
const PASSED = 1;
const OUTSIDE = 0;
const RUNNING = 1;
const VISITED = 2; // outside, and the collector takes its roots: it must not begin to run

function lineOf(index: number): number {
  return index * LINE_WORDS;
}

/** A mutator starts to run: waits while the world is stopped. */
export function enterRunning({ control, mutatorStates }: HeapTables, index: number): void {
  lockShared(control, CONTROL.mutatorLock);
  const where = lineOf(index) + WHERE;
  while (!cas(mutatorStates, where, OUTSIDE, RUNNING)) sleepWhile(mutatorStates, where, VISITED);
}

/** A mutator stops running: from here on it touches neither the heap nor a reference. Its roots are in their table. */
export function leaveRunning(tables: HeapTables, index: number): void {
  const { control, mutatorStates } = tables;
  storeRelease(mutatorStates, lineOf(index) + WHERE, OUTSIDE);
  // A collector that found it running before that store has asked before, and is told; any other finds it outside.
  if (loadAcquire(control, CONTROL.handshake) !== loadRelaxed(mutatorStates, lineOf(index) + PASSED))
    tellCollector(control);
  unlockShared(control, CONTROL.mutatorLock);
}

/** What a mutator polls: whether it is asked to stop. May be stale; the next poll sees it. */
export function isStopRequested(control: SharedWords): boolean {
  return isExclusiveWanted(control, CONTROL.mutatorLock);
}

/** What a mutator polls, too: whether it is asked to pass a handshake. */
export function isHandshakeWanted({ control, mutatorStates }: HeapTables, index: number): boolean {
  return loadRelaxed(control, CONTROL.handshake) !== loadRelaxed(mutatorStates, lineOf(index) + PASSED);
}

/** A running mutator passes the handshake asked for: its roots are in their table, and all that it wrote is sound. */
export function passHandshake(tables: HeapTables, index: number): void {
  const wanted = loadAcquire(tables.control, CONTROL.handshake);
  snapshotRoots(tables, index);
  storeRelease(tables.mutatorStates, lineOf(index) + PASSED, wanted);
  tellCollector(tables.control);
}

function snapshotRoots({ roots, rootSnapshots }: HeapTables, index: number): void {
  const from = roots[index] as Int32Array;
  rootSnapshots[index]?.set(from.subarray(0, 1 + (from[0] as number)));
}

function tellCollector(control: SharedWords): void {
  fetchAdd(control, CONTROL.handshakeNews, 1);
  wake(control, CONTROL.handshakeNews);
}

/** Asks all mutators for a handshake; answers its number. One at a time, and only the collector asks. */
export function requestHandshake({ control }: HeapTables): number {
  return (fetchAdd(control, CONTROL.handshake, 1) + 1) | 0; // as the word, which may wrap round
}

/** Returns when every mutator has passed handshake `number`, those that do not run by our hand. */
export function awaitHandshake(tables: HeapTables, number: number): void {
  const { control, roots } = tables;
  for (let index = 0; index < roots.length; index++) {
    for (;;) {
      const news = loadAcquire(control, CONTROL.handshakeNews);
      if (hasPassed(tables, index, number) || visit(tables, index, number)) break;
      sleepWhile(control, CONTROL.handshakeNews, news);
    }
  }
}

function hasPassed({ mutatorStates }: HeapTables, index: number, number: number): boolean {
  return loadAcquire(mutatorStates, lineOf(index) + PASSED) === number;
}

/** Passes the handshake for a mutator that does not run; false if it runs. */
function visit(tables: HeapTables, index: number, number: number): boolean {
  const { mutatorStates } = tables;
  const line = lineOf(index);
  if (!cas(mutatorStates, line + WHERE, OUTSIDE, VISITED)) return false;
  snapshotRoots(tables, index);
  storeRelease(mutatorStates, line + PASSED, number);
  storeRelease(mutatorStates, line + WHERE, OUTSIDE);
  wake(mutatorStates, line + WHERE);
  return true;
}

/** Stops the world: returns when no mutator runs. */
export function stopTheWorld(control: SharedWords): void {
  lockExclusive(control, CONTROL.mutatorLock);
}

/** Lets the mutators run again. */
export function resumeTheWorld(control: SharedWords): void {
  unlockExclusive(control, CONTROL.mutatorLock);
}
