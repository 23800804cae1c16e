/**
 * Handles that do not keep an object alive: weak references, finalizers and ephemerons. They lie in a table beside the
 * heap, one a mutator. A mutator works on its own table while it runs, the collector on all of them while the world is
 * stopped, and nobody else: so its words are plain, and the mutator lock orders them.
 *
 *     weak        → object          until the object dies
 *     finalizer   → object, token   when the object dies the token can be polled; the object is gone
 *     ephemeron   → key, value      the value lives as long as the key does, and the ephemeron's owner
 *
 * A dead object's handles are dead from the marking pause on: nothing brings an object back (after ART's reference
 * processing, art-cmc.md, 2.3; ephemerons after Hayes, OOPSLA 1997).
 */
import { MutatorError } from './errors.ts';
import { type HeapTables, WEAK_ENTRY_WORDS, WEAK_HEAD_WORDS } from './layout.ts';
import type { Ref } from './object.ts';

export const WEAK = { free: 0, reference: 1, finalizer: 2, ephemeron: 3, dead: 4, finalized: 5 } as const;

// Words of a table before its entries: entries that have ever been used, and the heads of two lists of entries, each
// as the entry's number + 1, 0 for none.
const USED = 0;
const FREE = 1;
const FINALIZED = 2;
// Words of an entry: its kind, what it is about (in a list: the next entry), and an ephemeron's value or a token.
const KIND = 0;
const KEY = 1;
const VALUE = 2;

function wordOf(entry: number): number {
  return WEAK_HEAD_WORDS + entry * WEAK_ENTRY_WORDS;
}

/** The number of a handle, from 0. */
export type WeakHandle = number;

/**
 * What a mutator does with its handles: HeapOptions.weakHandles of them. All throw MutatorError for a handle that is not
 * theirs, and what makes one if none is free.
 */
export interface WeakHandles {
  readonly weak: (object: Ref) => WeakHandle;
  /** The object, or 0 once a marking pause has found it dead: a reference like any other, good until a safepoint. */
  readonly deref: (handle: WeakHandle) => Ref;
  /** When the object has died, `token` (32 bits) can be polled. */
  readonly finalizer: (object: Ref, token: number) => WeakHandle;
  /** The token of an object that has died, each once; null: none waits. */
  readonly pollFinalized: () => number | null;
  readonly ephemeron: (key: Ref, value: Ref) => WeakHandle;
  /** The value, or 0 once the key is dead. */
  readonly ephemeronValue: (handle: WeakHandle) => Ref;
  /** Gives a handle back, of any kind. */
  readonly dropHandle: (handle: WeakHandle) => void;
}

export function openWeakHandles({ weak }: HeapTables, index: number): WeakHandles {
  const table = weak[index] as Int32Array;
  const capacity = Math.max(0, (table.length - WEAK_HEAD_WORDS) / WEAK_ENTRY_WORDS);
  table.fill(0);

  function make(kind: number, key: Ref, value: number): WeakHandle {
    if (key === 0) throw new MutatorError(`mutator ${index}: a weak handle of null`);
    const at = wordOf(takeEntry());
    table[at + KIND] = kind;
    table[at + KEY] = key;
    table[at + VALUE] = value;
    return (at - WEAK_HEAD_WORDS) / WEAK_ENTRY_WORDS;
  }

  function takeEntry(): number {
    const free = table[FREE] ?? 0;
    if (free !== 0) {
      table[FREE] = table[wordOf(free - 1) + KEY] as number;
      return free - 1;
    }
    const used = table[USED] ?? 0;
    if (used === capacity) {
      throw new MutatorError(
        `mutator ${index}: all ${capacity} weak handles are in use; drop some, or open the heap with more weakHandles`,
      );
    }
    table[USED] = used + 1;
    return used;
  }

  function give(entry: number): void {
    table[wordOf(entry) + KIND] = WEAK.free;
    table[wordOf(entry) + KEY] = table[FREE] as number;
    table[FREE] = entry + 1;
  }

  function kindOf(handle: WeakHandle): number {
    const isEntry = Number.isInteger(handle) && handle >= 0 && handle < (table[USED] as number);
    return isEntry ? (table[wordOf(handle) + KIND] as number) : WEAK.free;
  }

  function unknown(handle: WeakHandle): MutatorError {
    return new MutatorError(`mutator ${index}: ${handle} is no such handle, or was dropped`);
  }

  /** The entry's first word. @throws MutatorError unless it is of that kind, or dead */
  function entryOf(handle: WeakHandle, kind: number): number {
    const found = kindOf(handle);
    if (found !== kind && found !== WEAK.dead) throw unknown(handle);
    return wordOf(handle);
  }

  return {
    weak: (object) => make(WEAK.reference, object, 0),
    finalizer: (object, token) => make(WEAK.finalizer, object, token),
    ephemeron: (key, value) => make(WEAK.ephemeron, key, value),
    deref: (handle) => table[entryOf(handle, WEAK.reference) + KEY] as Ref,
    ephemeronValue: (handle) => table[entryOf(handle, WEAK.ephemeron) + VALUE] as Ref,
    pollFinalized() {
      const entry = table[FINALIZED] as number;
      if (entry === 0) return null;
      const at = wordOf(entry - 1);
      table[FINALIZED] = table[at + KEY] as number;
      const token = table[at + VALUE] as number;
      give(entry - 1);
      return token;
    },
    dropHandle(handle) {
      const kind = kindOf(handle);
      if (kind === WEAK.free) throw unknown(handle);
      if (kind !== WEAK.finalized) give(handle); // else it is too late: its token waits to be polled
    },
  };
}

/** World stopped: calls `tell` with each entry in use that is not dead, of all mutators. */
function forEntries(
  { weak }: HeapTables,
  tell: (table: Int32Array, at: number, kind: number, entry: number) => void,
): void {
  for (const table of weak) {
    for (let entry = 0; entry < (table[USED] as number); entry++) {
      const at = wordOf(entry);
      const kind = table[at + KIND] as number;
      if (kind === WEAK.reference || kind === WEAK.finalizer || kind === WEAK.ephemeron)
        tell(table, at, kind, entry);
    }
  }
}

/** Whether there are any handles to look at. */
export function hasHandles({ weak }: HeapTables): boolean {
  return weak.some((table) => (table[USED] ?? 0) !== 0);
}

/** World stopped: calls `tell` with the key and the value of each ephemeron. */
export function forEphemerons(tables: HeapTables, tell: (key: Ref, value: Ref) => void): void {
  forEntries(tables, (table, at, kind) => {
    if (kind === WEAK.ephemeron) tell(table[at + KEY] as Ref, table[at + VALUE] as Ref);
  });
}

/** World stopped: what is about objects that are not alive dies; tokens of finalizers can be polled from now on. */
export function clearDead(
  tables: HeapTables,
  isAlive: (ref: Ref) => boolean,
): { cleared: number; finalized: number } {
  let [cleared, finalized] = [0, 0];
  forEntries(tables, (table, at, kind, entry) => {
    if (isAlive(table[at + KEY] as Ref)) return;
    if (kind !== WEAK.finalizer) {
      table.fill(0, at, at + WEAK_ENTRY_WORDS);
      table[at + KIND] = WEAK.dead;
      cleared++;
      return;
    }
    table[at + KIND] = WEAK.finalized;
    table[at + KEY] = table[FINALIZED] as number;
    table[FINALIZED] = entry + 1;
    finalized++;
  });
  return { cleared, finalized };
}

/** World stopped: every object has moved. */
export function forwardHandles(tables: HeapTables, forward: (ref: Ref) => Ref): void {
  forEntries(tables, (table, at, kind) => {
    table[at + KEY] = forward(table[at + KEY] as Ref);
    if (kind === WEAK.ephemeron) table[at + VALUE] = forward(table[at + VALUE] as Ref);
  });
}

/** World stopped: calls `tell` with what each handle refers to, and where it is, for the verifier. */
export function forHandleTargets(tables: HeapTables, tell: (target: Ref, where: () => string) => void): void {
  for (const [mutator, table] of tables.weak.entries()) {
    forEntries({ ...tables, weak: [table] }, (_, at, kind, entry) => {
      const where = () => `mutator ${mutator}: weak handle ${entry}`;
      tell(table[at + KEY] as Ref, where);
      if (kind === WEAK.ephemeron) tell(table[at + VALUE] as Ref, where);
    });
  }
}
