/**
 * What must hold at the boundaries between phases, by name: what `verify: 'phases'` asserts. The names are those of
 * art-cmc.md, section 10, but for N1 and P5. What it lists beside these cannot happen here (C4: allocation buffers are given
 * back at every safepoint; C5: there is one block; E7: the next mremap fails loudly), is asserted in every collection,
 * checked or not (D1, page-state.ts), or is nothing that a look at one moment could tell (D3, D4, D6, D8, D9).
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
  D2: 'every page was made by one thread',
  D5: 'from-space that is given back is read by no page that is yet to be made',
  D7: 'a made page holds what its objects were, at their new places, with their references forwarded',
  E1: 'nobody works on a page or sleeps in a fault once the watch has ended',
  E2: 'every page is made, and published where the mode must publish it',
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
