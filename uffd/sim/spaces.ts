/**
 * The processes of a machine. Each has a space: its addresses and its descriptors. A space's record is another's once its process
 * has ended and no userfaultfd is bound to it any more.
 */
import { cas, fetchAdd, loadAcquire, storeRelease } from '../sync.ts';
import { MAX_SPACES, type Machine, openViews, SPACE, SPACE_WORDS } from './machine.ts';

const seenBy = new WeakMap<Machine, Map<number, Machine>>();

/** The machine as another of its processes sees it. */
export function inSpace(m: Machine, space: number): Machine {
  if (space === m.space) return m;
  let others = seenBy.get(m);
  if (others === undefined) {
    others = new Map();
    seenBy.set(m, others);
  }
  let other = others.get(space);
  if (other === undefined) {
    other = openViews(m.shared, space);
    others.set(space, other);
  }
  return other;
}

function spaceWord(space: number, word: number): number {
  return space * SPACE_WORDS + word;
}

/** A process that is not alive yet, as it sees the machine; null if there are as many as can be. */
export function takeSpace(m: Machine): Machine | null {
  for (let space = 0; space < MAX_SPACES; space++)
    if (cas(m.spaces, spaceWord(space, SPACE.users), 0, 1)) return inSpace(m, space);
  return null;
}

export function isAlive({ spaces, space }: Machine): boolean {
  return loadAcquire(spaces, spaceWord(space, SPACE.alive)) === 1;
}

export function setAlive({ spaces, space }: Machine, alive: boolean): void {
  storeRelease(spaces, spaceWord(space, SPACE.alive), alive ? 1 : 0);
}

/** A context is bound to the space: it stays this process's, alive or not. */
export function holdSpace({ spaces }: Machine, space: number): void {
  fetchAdd(spaces, spaceWord(space, SPACE.users), 1);
}

export function dropSpace({ spaces }: Machine, space: number): void {
  fetchAdd(spaces, spaceWord(space, SPACE.users), -1);
}

/** A thread attaches to the process, or leaves it. Answers how many are left. */
export function countThread({ spaces, space }: Machine, change: 1 | -1): number {
  return fetchAdd(spaces, spaceWord(space, SPACE.threads), change) + change;
}

/** The machine as each process sees it that lives, or is about to. */
export function allSpaces(m: Machine): Machine[] {
  const found: Machine[] = [];
  for (let space = 0; space < MAX_SPACES; space++)
    if (loadAcquire(m.spaces, spaceWord(space, SPACE.users)) > 0) found.push(inSpace(m, space));
  return found;
}
