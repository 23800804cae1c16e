/**
 * Physical memory: who has which frame.
 *
 * A frame that was mapped and is no longer goes to limbo, with the epoch from which on no thread can have kept a
 * translation to it; it is used again only when every thread has passed a quiescent point since (the simulated TLB
 * shootdown). Frames that nobody could see go straight back to the stack of free ones.
 *
 * A huge page is PAGES_PER_HUGE frames in a row, of the pool at the end of memory. It goes through all of this as one, by its
 * first frame.
 */
import { PAGE_WORDS } from '../kernel.ts';
import { fetchAdd, loadAcquire, lock, sleepWhile, unlock } from '../sync.ts';
import { checkAlive, type Machine, PAGES_PER_HUGE, STATE } from './machine.ts';
import { isBefore, oldestSeen, tellGraceWaiters } from './tasks.ts';

/** What a frame is for: data counts as memory in use, a table (of the page cache) does not. */
export type FrameUse = 'data' | 'table';

/** No frame was to be had. Frame 0 is the zero page, which is never handed out. */
export const NO_FRAME = 0;

/** A frame whose contents are zero, or NO_FRAME when memory is full. */
export function allocateZeroedFrame(m: Machine, use: FrameUse): number {
  const frame = allocateFrame(m, use);
  if (frame > 0) return zeroFrames(m, frame, 1);
  return -frame; // never used before: zero already
}

function zeroFrames(m: Machine, frame: number, count: number): number {
  m.frames.fill(0, frame * PAGE_WORDS, (frame + count) * PAGE_WORDS);
  return frame;
}

/** A frame with any contents, or NO_FRAME. */
export function allocateDirtyFrame(m: Machine): number {
  return Math.abs(allocateFrame(m, 'data'));
}

/** A frame; as a negative number if it was never used (so its contents are zero); NO_FRAME if there is none. */
function allocateFrame(m: Machine, use: FrameUse): number {
  for (;;) {
    lock(m.state, STATE.frameLock);
    const frame = takeFrame(m);
    if (frame !== NO_FRAME && use === 'data') countUsed(m, 1);
    const inLimbo = frame === NO_FRAME && word(m, STATE.limboCount) > 0;
    unlock(m.state, STATE.frameLock);
    if (!inLimbo) return frame;
    awaitGrace(m, STATE.freeFrames);
  }
}

/**
 * A huge page, its contents zero if that is asked for: its first frame. There must be one (huge-pool.ts counts them): free, or
 * in limbo, where this waits for it.
 */
export function allocateHuge(m: Machine, zeroed: boolean): number {
  for (;;) {
    lock(m.state, STATE.frameLock);
    if (word(m, STATE.freeHuge) === 0) drainLimbo(m);
    const frame = pop(m, STATE.freeHuge, m.hugeStart);
    if (frame !== NO_FRAME) countUsed(m, PAGES_PER_HUGE);
    unlock(m.state, STATE.frameLock);
    if (frame === NO_FRAME) awaitGrace(m, STATE.freeHuge);
    else return zeroed ? zeroFrames(m, frame, PAGES_PER_HUGE) : frame;
  }
}

function takeFrame(m: Machine): number {
  if (word(m, STATE.freeFrames) === 0) drainLimbo(m);
  const frame = pop(m, STATE.freeFrames, 0);
  if (frame !== NO_FRAME) return frame;
  const fresh = word(m, STATE.freshFrame);
  if (fresh === m.hugeStart) return NO_FRAME;
  m.state[STATE.freshFrame] = fresh + 1;
  return -fresh;
}

/** The last of so many free frames as the word says, from `bottom` on, or NO_FRAME. */
function pop(m: Machine, count: number, bottom: number): number {
  const free = word(m, count);
  if (free === 0) return NO_FRAME;
  m.state[count] = free - 1;
  return m.freeStack[bottom + free - 1] as number;
}

/** How many frames go by the name of this one. */
function framesOf(m: Machine, frame: number): number {
  return frame >= m.hugeStart ? PAGES_PER_HUGE : 1;
}

/** Gives back a frame that no page-table entry ever pointed to, or that the page cache's own table was. */
export function releaseFrame(m: Machine, frame: number, use: FrameUse): void {
  lock(m.state, STATE.frameLock);
  pushFree(m, frame);
  if (use === 'data') countUsed(m, -framesOf(m, frame));
  unlock(m.state, STATE.frameLock);
  tellGraceWaiters(m);
}

/**
 * Takes a frame out of use whose page-table entries were just cleared. The caller holds the mm lock exclusively and
 * ends with {@link endShootdown}, after its last clear and before it allocates.
 */
export function retireFrame(m: Machine, frame: number): void {
  lock(m.state, STATE.frameLock);
  const count = word(m, STATE.limboCount);
  const slot = limboSlot(m, count);
  m.limbo[slot] = frame;
  // The epoch that endShootdown is about to begin: whoever has seen it cannot have seen the entry.
  m.limbo[slot + 1] = loadAcquire(m.state, STATE.epoch) + EPOCH_STEP;
  m.state[STATE.limboCount] = count + 1;
  countUsed(m, -framesOf(m, frame));
  unlock(m.state, STATE.frameLock);
}

// Epochs are odd, so that none is 0, a task's "not translating", when they wrap.
const EPOCH_STEP = 2;

/** Begins a new epoch: translations made before it may be stale. */
export function endShootdown(m: Machine): void {
  fetchAdd(m.state, STATE.epoch, EPOCH_STEP);
}

/** Index of entry `i` of the ring of frames in limbo. A frame is in it at most once, so it never overflows. */
function limboSlot(m: Machine, i: number): number {
  return 2 * ((word(m, STATE.limboHead) + i) % m.frameCount);
}

/** Moves every frame that nobody can see any more from limbo to the free stack. */
function drainLimbo(m: Machine): void {
  const count = word(m, STATE.limboCount);
  if (count === 0) return;
  const oldest = oldestSeen(m);
  let drained = 0;
  for (; drained < count; drained++) {
    const slot = limboSlot(m, drained);
    if (isBefore(oldest, m.limbo[slot + 1] as number)) break;
    pushFree(m, m.limbo[slot] as number);
  }
  m.state[STATE.limboHead] = limboSlot(m, drained) / 2;
  m.state[STATE.limboCount] = count - drained;
}

function pushFree(m: Machine, frame: number): void {
  const isHuge = frame >= m.hugeStart;
  const count = isHuge ? STATE.freeHuge : STATE.freeFrames;
  const free = word(m, count);
  m.freeStack[(isHuge ? m.hugeStart : 0) + free] = frame;
  m.state[count] = free + 1;
}

/** So many more frames, or fewer, hold data. */
function countUsed(m: Machine, change: number): void {
  const used = word(m, STATE.framesUsed) + change;
  m.state[STATE.framesUsed] = used;
  if (used > word(m, STATE.framesPeak)) m.state[STATE.framesPeak] = used;
}

/**
 * Sleeps until frames may have come out of limbo, of the kind that the word counts. The caller itself must be quiescent.
 * @throws MachineGoneError
 */
function awaitGrace(m: Machine, count: number): void {
  fetchAdd(m.state, STATE.graceWaiters, 1);
  const ticks = loadAcquire(m.state, STATE.graceTicks);
  lock(m.state, STATE.frameLock);
  drainLimbo(m);
  const hopeless = word(m, count) === 0 && word(m, STATE.limboCount) > 0;
  unlock(m.state, STATE.frameLock);
  if (hopeless) sleepWhile(m.state, STATE.graceTicks, ticks);
  fetchAdd(m.state, STATE.graceWaiters, -1);
  checkAlive(m);
}

/** A word of state under the lock that the caller holds: a plain load. */
function word(m: Machine, index: number): number {
  return m.state[index] as number;
}

/**
 * Frames that hold data now, and at the most so far. Without the lock, which a thread that was ended may hold for
 * good: this is asked once more when a run has failed.
 */
export function frameUse(m: Machine): { used: number; peak: number } {
  return { used: loadAcquire(m.state, STATE.framesUsed), peak: loadAcquire(m.state, STATE.framesPeak) };
}
