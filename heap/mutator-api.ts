/**
 * The mutator API: what a program that lives in the managed heap may do.
 *
 * The one rule: **a reference held in a local is good until the next safepoint** (`alloc…`, `safepoint`,
 * `blocked`, `waitForCollection`, and nothing else), since a collection may move its object there. What must survive one is
 * kept in a root slot, on the shadow stack, or in another object.
 */
import type { Ref } from './object.ts';
import type { Field, Shape } from './shape.ts';
import type { WeakHandles } from './weak.ts';

/** What a mutator thread works with. One per thread; its functions close over the thread's state. */
export interface Mutator extends WeakHandles {
  /** This mutator's number, from 0. */
  readonly index: number;

  /** A new object of the shape, all its fields 0. A safepoint. @throws HeapOutOfMemoryError */
  readonly alloc: (shape: Shape) => Ref;
  /**
   * A new object with that many reference slots and 32-bit data words, for `refAt`, `dataAt` … A safepoint. Where the heap
   * has a large-object space (HeapOptions.largeBytes), large ones go there: they never move, and those without references
   * cost a collection nothing.
   */
  readonly allocObject: (references: number, dataWords: number) => Ref;

  /**
   * The same in the non-moving space (HeapOptions.nonMovingBytes): the object never moves. For what is pinned or lives
   * long; slower than `alloc`. A safepoint. @throws HeapOutOfMemoryError, MutatorError if there is no such space
   */
  readonly allocNonMoving: (shape: Shape) => Ref;
  readonly allocObjectNonMoving: (references: number, dataWords: number) => Ref;

  /** Bytes that this mutator has allocated so far, in all spaces: of objects, headers included. */
  readonly bytesAllocated: () => number;
  /** What it has taken from the heap for them: with what allocation buffers had left when they were given back, as each wait does. */
  readonly bytesTaken: () => number;
  /** How long it has not run so far, in ms: stopped at a safepoint, out of room, or asleep in a fault. */
  readonly stoppedMs: () => number;

  /** The reference in a reference field. */
  readonly ref: (object: Ref, field: Field) => Ref;
  readonly setRef: (object: Ref, field: Field, value: Ref) => void;
  /** The 32-bit value (signed) in a data field. */
  readonly load: (object: Ref, field: Field) => number;
  readonly store: (object: Ref, field: Field, value: number) => void;

  /** The same by number, for any object: its header is read for where the slots are. */
  readonly refAt: (object: Ref, slot: number) => Ref;
  readonly setRefAt: (object: Ref, slot: number, value: Ref) => void;
  readonly dataAt: (object: Ref, word: number) => number;
  readonly setDataAt: (object: Ref, word: number, value: number) => void;
  /** Number of reference slots, and size in bytes (header included). */
  readonly referencesOf: (object: Ref) => number;
  readonly bytesOf: (object: Ref) => number;

  /** Root slots: `root(i)` for 0 ≤ i < the number of roots the mutator's definition asked for. */
  readonly root: (slot: number) => Ref;
  readonly setRoot: (slot: number, value: Ref) => void;
  /** The shadow stack: `push` answers the position, which `peek` and `poke` take; `pop` takes the last off. */
  readonly push: (value: Ref) => number;
  readonly pop: () => Ref;
  readonly peek: (position: number) => Ref;
  readonly poke: (position: number, value: Ref) => void;

  /**
   * Call it in every loop that runs long: lets a collection stop this thread. Allocation looks only when its buffer
   * is used up.
   */
  readonly safepoint: () => void;

  /** Number of the newest collection begun, and of the newest finished (0: none yet). */
  readonly collectionsStarted: () => number;
  readonly collectionsFinished: () => number;
  /** Asks for all collections up to that number, and does not wait. */
  readonly requestCollection: (number: number) => void;
  /** Sleeps until the collection of that number is finished. A safepoint. */
  readonly waitForCollection: (number: number) => void;
  /** Runs `wait`, which may sleep but must not touch the heap, while the world can be stopped. A safepoint. */
  readonly blocked: <T>(wait: () => T) => T;
}

/** Told of waits of a mutator, with their limits in ms (performance.now): a stop of the world, or for free memory. */
export type WaitListener = (why: 'safepoint' | 'allocation', beganMs: number, endedMs: number) => void;
