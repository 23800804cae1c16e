/**
 * What must hold at the boundaries between phases, by name: what `verify: 'phases'` asserts. The names are those of
 * art-cmc.md, section 10, but for N1 and P5. Of what it lists beside these,
 *
 *  - D1 is asserted in every collection, checked or not (page-state.ts: a move that is not legal throws), and E6 after every
 *    one that has `verify` (heap/verify.ts walks the heap; a workload's checksum says that the graph is the same);
 *  - E4 is C5 here, where bytes are counted by pages of the moving space, and N1, for the places of what does not move;
 *  - C4, D3, D9 and E7 are kept by how things are built: an allocation buffer is given back at every safepoint, and its bounds
 *    are no other thread's to see; who makes pages has no view of to-space; the kernel's calls take no heap address as
 *    memory to read or write; and where a heap is more than one mapping the next flip is told so (modes/two-files.ts), or
 *    fails loudly;
 *  - D8 (whoever waits will be served) is a matter of time: at one moment it can be told only at the end, as E1.
 */

export const INVARIANTS = {
  I1: 'every root and every reference of a marked object is null or refers to a marked object',
  I2: 'mark bits are where objects begin, and live bits are the granules of marked objects and of the dense prefix',
  I3: 'the heap parses from its first word to its top, which is the end of a page',
  I4: 'a marked object that refers to an unmarked one does so from a slot on a dirty card',
  P1: 'the offset vector is the exclusive prefix sum of the live granules, and what it adds up to is what the plan says',
  P2: 'live objects keep their order, stay in the dense prefix or move down, and lie side by side',
  P3: 'the granule that a to-space page begins with is live, belongs to the object that is said, and goes there',
  P4: 'first granules ascend, and so do first objects, where a page begins with another one',
  P5: 'the dense prefix is marked objects and filler, end to end',
  N1: 'at the flip, what is kept of what does not move is the places of marked objects, and no others',
  C1: 'each root was forwarded once',
  C2: 'no page of to-space is there or claimed, and from-space, and the dense prefix, have what the heap had',
  C3: 'the file that to-space is made in was empty, but for the dense prefix',
  C5: 'the moving space ends with the last page that will be made, and all above that is free',
  D2: 'every page was made by one thread',
  D4: 'who makes a page for a fault is counted among those that the end of the watch waits for',
  D5: 'from-space that is given back is read by no page that is yet to be made',
  D6: 'from-space is given back from the top down, and every page is claimed before the watch ends',
  D7: 'a made page holds what its objects were, at their new places, with their references forwarded',
  E1: 'nobody works on a page or sleeps in a fault once the watch has ended',
  E2: 'every page is made, and published where the mode must publish it',
  E3: 'the file that the heap has left is empty, but for what stays in the heap and what the kernel has not let go of',
  E5: 'mark bits, live bits and offset vector are clear for the next collection',
} as const;

export type InvariantName = keyof typeof INVARIANTS;

/** An invariant does not hold: a bug in the runtime, or memory that somebody else has written to. */
export class InvariantError extends Error {
  readonly code = 'INVARIANT_VIOLATED';
  readonly invariant: InvariantName;
  constructor(invariant: InvariantName, where: string) {
    super(`invariant ${invariant} (${INVARIANTS[invariant]}): ${where}`);
    this.name = 'InvariantError';
    this.invariant = invariant;
  }
}

/** @throws InvariantError unless `holds` */
export function assertThat(invariant: InvariantName, holds: boolean, where: () => string): void {
  if (!holds) throw new InvariantError(invariant, where());
}
