/**
 * The page-state machine: the heart of the runtime. One atomic word a to-space page says who makes the page and
 * who publishes it. Nothing but this file changes a state, and only along the moves below.
 *
 *     unprocessed ──claim──▶ processing ──fill──▶ processed ──publish──▶ publishing ──▶ published
 *          │                     │                    │                      ▲
 *          │                   want                 want (private buffer)    │
 *          │                     ▼                    ▼                      │
 *          │                   wanted ◀───────────────┘ ──────owner──────────┤
 *          └──fault──▶ faultProcessing ──────────────────────────────────────┘
 *
 * | move | who | what it means | what the loser of the race does |
 * |---|---|---|---|
 * | unprocessed → processing | compactor | it fills the page | skips the page: a fault thread has it |
 * | unprocessed → faultProcessing | fault thread | a mutator waits: it fills the page | looks again |
 * | processing → processed | its compactor | filled; nobody waits | finds wanted, and publishes at once |
 * | processing → wanted | fault thread | a mutator waits: the compactor shall publish | looks again |
 * | processed → wanted | fault thread, copy | the same, for a page in a compactor's own buffer | looks again |
 * | processed → publishing | anyone in continue, its owner in copy | it issues the ioctl | somebody else does |
 * | wanted → publishing | its compactor | as asked | nobody competes |
 * | faultProcessing → publishing | its fault thread | filled | nobody competes |
 * | publishing → published | who publishes | the page is mapped | nobody competes |
 * | publishing → processed | who publishes, in continue | refused for good: the end of the watch maps it | nobody competes |
 * | processing → published | compactor, stop-the-world | made and put in its place | nobody competes |
 *
 * After ART's states (art-cmc.md, 3.6). Deviations: *wanted* also takes processed pages of COPY, since we batch
 * there too; ART's state 6 exists here in every mode; a partial ioctl is repeated by its caller, so that pages go
 * back from *publishing* to *processed* only once the kernel has refused for good (refusals.ts).
 */
import { cas, loadAcquire, type SharedWords, sleepWhile } from '../uffd/sync.ts';

export const PAGE = {
  unprocessed: 0,
  processing: 1,
  processed: 2,
  wanted: 3,
  faultProcessing: 4,
  publishing: 5,
  published: 6,
} as const;

export type PageStateName = keyof typeof PAGE;
export type PageStateValue = (typeof PAGE)[PageStateName];

/** Every legal move, [from, to]. */
export const LEGAL_MOVES: readonly (readonly [PageStateName, PageStateName])[] = [
  ['unprocessed', 'processing'],
  ['unprocessed', 'faultProcessing'],
  ['processing', 'processed'],
  ['processing', 'wanted'],
  ['processing', 'published'],
  ['processed', 'wanted'],
  ['processed', 'publishing'],
  ['wanted', 'publishing'],
  ['faultProcessing', 'publishing'],
  ['publishing', 'published'],
  ['publishing', 'processed'],
];

const STATES = Object.keys(PAGE).length;
const legal = new Uint8Array(STATES * STATES);
for (const [from, to] of LEGAL_MOVES) legal[PAGE[from] * STATES + PAGE[to]] = 1;
const NAMES = Object.keys(PAGE) as PageStateName[];

/** A move that the table does not have: a bug in the runtime. */
export class IllegalMoveError extends Error {
  readonly code = 'ILLEGAL_PAGE_STATE';
  constructor(page: number, from: number, to: number, found?: number) {
    const says = found === undefined ? 'the table has no such move' : `the page is ${NAMES[found]}`;
    super(`page ${page}: ${NAMES[from]} → ${NAMES[to]}: ${says}`);
    this.name = 'IllegalMoveError';
  }
}

export function stateOf(states: SharedWords, page: number): number {
  return loadAcquire(states, page);
}

/** Looks at a page before a thread sleeps for it; and how long it sleeps (ms), since nobody wakes it. */
const LOOKS = 2000;
const NAP_MS = 0.05;

/** Waits until another thread, which has claimed the page, has published it. */
export function awaitMade(states: SharedWords, page: number): void {
  for (let looks = 0; ; looks++) {
    const state = stateOf(states, page);
    if (state === PAGE.published) return;
    if (looks >= LOOKS) sleepWhile(states, page, state, NAP_MS);
  }
}

/** Tries a move for which threads compete: true if this thread made it. @throws IllegalMoveError */
export function tryAdvance(
  states: SharedWords,
  page: number,
  from: PageStateValue,
  to: PageStateValue,
): boolean {
  if (legal[from * STATES + to] === 0) throw new IllegalMoveError(page, from, to);
  return cas(states, page, from, to);
}

/** Makes a move for which nobody competes. @throws IllegalMoveError also if the page is not in `from` */
export function advance(states: SharedWords, page: number, from: PageStateValue, to: PageStateValue): void {
  if (!tryAdvance(states, page, from, to)) throw new IllegalMoveError(page, from, to, stateOf(states, page));
}

/** Back to unprocessed, for the next collection; only while no thread may work on pages (cycle.ts: the closed door). */
export function resetStates(states: SharedWords, pages: number): void {
  states.fill(PAGE.unprocessed, 0, pages);
}
