/** A running mutator: how its thread allocates, stores, and stops for the collector (mutator-api.ts says what it may do). */
import type { MutatorView } from '../uffd/kernel.ts';
import { MutatorError } from './errors.ts';
import { makeLateMarking } from './late-marking.ts';
import { type HeapTables, ROOT_COUNT_WORDS } from './layout.ts';
import type { Mutator, WaitListener } from './mutator-api.ts';
import { makeNewObjects } from './new-objects.ts';
import {
  ARRAY_REFERENCES_WORD,
  ARRAY_SIZE_WORD,
  GRANULE_BYTES,
  headerWords,
  type Ref,
  recordGranules,
  recordReferences,
} from './object.ts';
import { checkReferences } from './reference-check.ts';
import { awaitStage, newestAt, requestCollection } from './requests.ts';
import {
  enterRunning,
  isHandshakeWanted,
  isStopRequested,
  leaveRunning,
  passHandshake,
} from './safepoint.ts';
import { openWeakHandles } from './weak.ts';

export type { Mutator, WaitListener };

/** What {@link attachMutator} needs beside the heap's tables. */
export interface MutatorOptions {
  readonly index: number;
  /** Named root slots; the rest of the heap's root slots is the shadow stack. */
  readonly roots: number;
  readonly onWait?: WaitListener;
  /** How long the thread has been asleep in faults so far, in ms (default: never). */
  readonly stalledMs?: () => number;
  /** Whether each call looks whether its references are good still (reference-check.ts). */
  readonly checks?: boolean;
}

/** A mutator and what its thread needs to end it. */
export interface AttachedMutator {
  readonly mutator: Mutator;
  /** Gives the allocation buffer back and stops running: the world can be stopped without this thread. */
  detach(): void;
}

/**
 * Makes the calling thread a running mutator of the heap behind `view`.
 * @throws MutatorError if the definition asks for more root slots than there are
 */
export function attachMutator(
  view: MutatorView,
  tables: HeapTables,
  options: MutatorOptions,
): AttachedMutator {
  const { index } = options;
  const { control } = tables;
  const { rootSlots } = tables.geometry;
  const rootWords = tables.roots[index];
  if (rootWords === undefined) {
    throw new MutatorError(`mutator ${index}: the heap was opened for ${tables.roots.length} mutators`);
  }
  if (options.roots > rootSlots) {
    throw new MutatorError(
      `mutator ${index} asks for ${options.roots} roots; the heap has ${rootSlots} a mutator`,
    );
  }
  const roots: Int32Array = rootWords;
  const firstStackSlot = options.roots;
  const { load: loadWord, store: storeWord } = view;
  const { look, noteNew, barrier } = makeLateMarking(tables);
  const owner = { index, safepoint, waitStopped, noteNew };
  const { retire, ...allocators } = makeNewObjects(view, tables, owner);
  let stackTop = firstStackSlot;
  let waitedMs = 0;

  enterRunning(tables, index);
  look();
  view.enter();
  roots.fill(0); // not before: the world may have been stopped, and the collector at work on them
  roots[0] = firstStackSlot;
  const handles = openWeakHandles(tables, index);

  function stopRunning(): void {
    pass(); // also where the collector could do it for us: it might always come too late
    view.leave();
    leaveRunning(tables, index);
  }

  /** What comes after `enterRunning`, and is no part of a wait for that: from `view.enter` on a stall may begin. */
  function lookAround(): void {
    look();
    view.enter();
    checked?.stopped();
  }

  function blocked<T>(wait: () => T): T {
    stopRunning();
    try {
      return wait();
    } finally {
      // Also if it throws: the program may catch that, and go on in the heap. Of a wait of its own choice, what counts as one for the
      // collector's sake is only what it takes to run again.
      if (isStopRequested(control)) timed('safepoint', () => enterRunning(tables, index));
      else enterRunning(tables, index);
      lookAround();
    }
  }

  function waitStopped(why: 'safepoint' | 'allocation', wait: () => void): void {
    stopRunning(); // not timed: it may tell of a stall, which is over when the wait begins
    try {
      timed(why, () => {
        try {
          wait();
        } finally {
          enterRunning(tables, index);
        }
      });
    } finally {
      lookAround();
    }
  }

  function timed(why: 'safepoint' | 'allocation', wait: () => void): void {
    const began = performance.now();
    wait();
    const ended = performance.now();
    waitedMs += ended - began;
    options.onWait?.(why, began, ended);
  }

  function safepoint(): void {
    if (isStopRequested(control)) {
      waitStopped('safepoint', () => {});
      return;
    }
    if (isHandshakeWanted(tables, index)) pass();
    view.quiesce();
  }

  /**
   * Passes a handshake, if one is asked for, and is ready to be stopped. The allocation buffer goes back, so that what is allocated from now on lies on pages that
   * were handed out after the handshake was asked for, where concurrent marking does not look yet.
   */
  function pass(): void {
    retire();
    roots[0] = stackTop;
    if (!isHandshakeWanted(tables, index)) return;
    passHandshake(tables, index);
    look();
  }

  function storeReference(word: number, value: Ref): void {
    storeWord(word, value);
    barrier(word, value);
  }

  function referencesOf(object: Ref): number {
    const header = loadWord(object * 2);
    return header < 0 ? loadWord(object * 2 + ARRAY_REFERENCES_WORD) : recordReferences(header);
  }

  function bytesOf(object: Ref): number {
    const header = loadWord(object * 2);
    const granules = header < 0 ? loadWord(object * 2 + ARRAY_SIZE_WORD) : recordGranules(header);
    return granules * GRANULE_BYTES;
  }

  function slotWord(object: Ref, slot: number): number {
    return object * 2 + headerWords(loadWord(object * 2)) + slot;
  }

  function dataWord(object: Ref, word: number): number {
    return slotWord(object, referencesOf(object) + word);
  }

  function push(value: Ref): number {
    if (stackTop >= rootSlots) throw new MutatorError(`mutator ${index}: the shadow stack is full`);
    const position = stackTop++;
    roots[ROOT_COUNT_WORDS + position] = value;
    return position;
  }

  function pop(): Ref {
    if (stackTop <= firstStackSlot) throw new MutatorError(`mutator ${index}: the shadow stack is empty`);
    return roots[ROOT_COUNT_WORDS + --stackTop] as number;
  }

  const mutator: Mutator = {
    index,
    ...allocators,
    stoppedMs: () => waitedMs + (options.stalledMs?.() ?? 0),
    ref: (object, field) => loadWord(object * 2 + field),
    setRef: (object, field, value) => storeReference(object * 2 + field, value),
    load: (object, field) => loadWord(object * 2 + field),
    store: (object, field, value) => storeWord(object * 2 + field, value),
    refAt: (object, slot) => loadWord(slotWord(object, slot)),
    setRefAt: (object, slot, value) => storeReference(slotWord(object, slot), value),
    dataAt: (object, word) => loadWord(dataWord(object, word)),
    setDataAt: (object, word, value) => storeWord(dataWord(object, word), value),
    referencesOf,
    bytesOf,
    root: (slot) => roots[ROOT_COUNT_WORDS + slot] as number,
    setRoot: (slot, value) => {
      if (slot < 0 || slot >= firstStackSlot)
        throw new MutatorError(`setRoot: slot ${slot} of ${firstStackSlot}`);
      roots[ROOT_COUNT_WORDS + slot] = value;
    },
    push,
    pop,
    peek: (position) => roots[ROOT_COUNT_WORDS + position] as number,
    poke: (position, value) => {
      roots[ROOT_COUNT_WORDS + position] = value;
    },
    ...handles,
    safepoint,
    collectionsStarted: () => newestAt(control, 'started'),
    collectionsFinished: () => newestAt(control, 'finished'),
    requestCollection: (number) => requestCollection(control, number),
    waitForCollection: (number) => void blocked(() => awaitStage(control, 'finished', number)),
    blocked,
  };
  const checked = options.checks ? checkReferences(mutator, tables) : null;
  return { mutator: checked?.mutator ?? mutator, detach: stopRunning };
}

/** What a mutator module exports as default: {@link defineMutator}. */
export interface MutatorDefinition<Data = unknown, Result = unknown> {
  /** Named root slots. */
  readonly roots?: number;
  /** The program. `data` is what `spawn` was given; the result is posted back and must be cloneable. */
  readonly run: (m: Mutator, data: Data) => Result;
}

/** Declares a mutator: `export default defineMutator({ roots, run })` in a module of its own. */
export function defineMutator<Data, Result>(
  definition: MutatorDefinition<Data, Result>,
): MutatorDefinition<Data, Result> {
  return definition;
}
