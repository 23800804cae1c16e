/**
 * The mutator of bench/compaction and its like: fills the heap with random-graph objects (8 to 64 bytes, 0 to 3 references to
 * random live ones), drops a random part, and sleeps while the collection runs; again and again. So each collection
 * finds a full heap of which a given part is live, scattered at random, and runs without a mutator beside it.
 */
import { defineMutator, type Mutator } from '../heap/mutator.ts';
import { GRANULE_BYTES } from '../heap/object.ts';
import { createRandom, type Random } from './workloads/random.ts';

export interface CompactionData {
  /** Collections; 0: the heap is filled, and that is all. */
  readonly rounds: number;
  /** Whether it looks at random objects during a collection, and so faults, instead of sleeping (default false). */
  readonly looks?: boolean;
  /** Bytes of objects that the heap is filled up to, and of those that are kept. */
  readonly fullBytes: number;
  readonly liveBytes: number;
  /** Bytes of the first objects, which are never dropped (default 0). */
  readonly keptBytes?: number;
  readonly seed: number;
  /** Size of the objects in granules: [least, most]. */
  readonly granules: readonly [number, number];
}

/** References a table object holds. */
const SLOTS = 8192;
/** Objects looked at between two safepoints. */
const LOOKS = 32;

interface State {
  readonly random: Random;
  /** Table slots in use, and bytes of the objects in them. */
  count: number;
  bytes: number;
  /** Of these, how many are never dropped. */
  kept: number;
  /** Bytes of objects looked at. */
  seen: number;
}

export default defineMutator<CompactionData, number>({
  roots: 1024,
  run(m, data) {
    const state: State = { random: createRandom(data.seed), count: 0, bytes: 0, kept: 0, seen: 0 };
    if (data.rounds === 0) fill(m, state, data);
    for (let round = 1; round <= data.rounds; round++) {
      fill(m, state, data);
      dropDownTo(m, state, data.liveBytes);
      const number = m.collectionsStarted() + 1;
      m.requestCollection(number);
      while (data.looks && m.collectionsFinished() < number) look(m, state);
      m.waitForCollection(number);
    }
    return state.count;
  },
});

function fill(m: Mutator, state: State, data: CompactionData): void {
  const [least, most] = data.granules;
  const { keptBytes = 0 } = data;
  while (state.bytes < data.fullBytes) {
    const granules = least + state.random.below(most - least + 1);
    add(m, state, granules);
    if (state.bytes <= keptBytes) state.kept = state.count;
    m.safepoint();
  }
}

function add(m: Mutator, state: State, granules: number): void {
  if (state.count % SLOTS === 0) m.setRoot(state.count / SLOTS, m.allocObject(SLOTS, 0));
  const references = Math.min(3, granules * 2 - 2, state.random.below(4));
  const object = m.allocObject(references, granules * 2 - 1 - references);
  for (let i = 0; i < references && state.count > 0; i++) {
    m.setRefAt(object, i, slot(m, state.random.below(state.count)));
  }
  put(m, state.count++, object);
  state.bytes += granules * GRANULE_BYTES;
}

function slot(m: Mutator, index: number): number {
  return m.refAt(m.root(Math.floor(index / SLOTS)), index % SLOTS);
}

function put(m: Mutator, index: number, object: number): void {
  m.setRefAt(m.root(Math.floor(index / SLOTS)), index % SLOTS, object);
}

/** Their sizes are summed up, so that the loads are not left out. */
function look(m: Mutator, state: State): void {
  for (let i = 0; i < LOOKS; i++) state.seen += m.bytesOf(slot(m, state.random.below(state.count)));
  m.safepoint();
}

/** Takes random objects out of the table; references among objects to what was dropped are cut. */
function dropDownTo(m: Mutator, state: State, bytes: number): void {
  while (state.bytes > bytes) {
    const index = state.kept + state.random.below(state.count - state.kept);
    const object = slot(m, index);
    state.bytes -= m.bytesOf(object);
    put(m, index, slot(m, --state.count));
    put(m, state.count, 0);
    m.safepoint();
  }
  for (let index = 0; index < state.count; index++) {
    const object = slot(m, index);
    // Objects keep what they refer to alive: a new target among the kept keeps the live size as it was meant.
    for (let i = m.referencesOf(object) - 1; i >= 0; i--) {
      m.setRefAt(object, i, slot(m, state.random.below(state.count)));
    }
    m.safepoint();
  }
}
