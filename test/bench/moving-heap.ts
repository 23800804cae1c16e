/**
 * A test double of the mutator API in which every safepoint is a collection that moves everything.
 *
 * Objects are JavaScript records. A reference is a ticket, good until the next safepoint: the collection gives all
 * objects new tickets, and using an old one throws. So a program that keeps a reference in a local across a
 * safepoint fails at once, wherever it does so. Offsets are checked against the object as well.
 */
import { CONTROL, type HeapTables } from '../../dist/heap/layout.js';
import type { Mutator } from '../../dist/heap/mutator.js';
import { ARRAY_HEADER_WORDS, fitsRecord, granulesFor, RECORD_HEADER_WORDS } from '../../dist/heap/object.js';
import { reachStage } from '../../dist/heap/requests.js';

interface Thing {
  readonly refs: (Thing | undefined)[];
  readonly data: Int32Array;
  readonly header: number;
  /** Data words asked for; rounding may have added one. */
  readonly asked: number;
  readonly bytes: number;
  /** The ticket it got last, and in which epoch. */
  ticket: number;
  epoch: number;
}

export interface MovingHeap {
  readonly mutator: Mutator;
  /** Bytes of everything that can be reached from the roots. */
  liveBytes(): number;
  /** The largest {@link liveBytes} found: looked at now and then while the program runs. */
  peakBytes(): number;
  /** Bytes ever allocated. */
  allocatedBytes(): number;
  safepoints(): number;
  /** Changes one bit of one data word, or one reference, of the n-th object reachable. */
  damage(n: number): void;
}

/** How many safepoints a requested collection takes to finish. */
const SAFEPOINTS_PER_COLLECTION = 50;

export function createMovingHeap(index: number, roots: number, lookAtLiveEvery = 5000): MovingHeap {
  const slots: (Thing | undefined)[] = Array(roots).fill(undefined);
  let tickets: Thing[] = [];
  let epoch = 0;
  let epochBase = 1;
  let requested = 0;
  let finished = 0;
  let due = 0;
  let peak = 0;
  let allocated = 0;

  function safepoint(): void {
    epoch++;
    epochBase = 1 + ((epochBase + tickets.length + 7) % 1e9);
    tickets = [];
    if (requested > finished && epoch >= due) {
      finished++;
      due = epoch + SAFEPOINTS_PER_COLLECTION;
    }
    if (epoch % lookAtLiveEvery === 0) peak = Math.max(peak, liveBytes());
  }

  function ticketOf(thing: Thing | undefined): number {
    if (!thing) return 0;
    if (thing.epoch !== epoch) {
      thing.epoch = epoch;
      thing.ticket = epochBase + tickets.length;
      tickets.push(thing);
    }
    return thing.ticket;
  }

  function thingAt(ref: number): Thing {
    const thing = tickets[ref - epochBase];
    if (!thing) throw new Error(`stale reference ${ref}: a safepoint has passed since it was read`);
    return thing;
  }

  const orNone = (ref: number): Thing | undefined => (ref === 0 ? undefined : thingAt(ref));

  function allocObject(references: number, dataWords: number): number {
    const header = fitsRecord(references, dataWords) ? RECORD_HEADER_WORDS : ARRAY_HEADER_WORDS;
    const granules = granulesFor(header + references + dataWords);
    const data = new Int32Array(2 * granules - header - references);
    const bytes = granules * 8;
    safepoint();
    allocated += bytes;
    const refs = Array(references).fill(undefined);
    return ticketOf({ refs, data, header, asked: dataWords, bytes, ticket: 0, epoch: -1 });
  }

  function within(index: number, length: number, what: string): number {
    if (index >= 0 && index < length) return index;
    throw new Error(`${what} ${index} of ${length}`);
  }

  function refSlot(thing: Thing, field: number): number {
    return within(field - thing.header, thing.refs.length, 'reference field');
  }

  function dataWord(thing: Thing, field: number): number {
    return within(field - thing.header - thing.refs.length, thing.data.length, 'data field');
  }

  function reachable(): Thing[] {
    const seen = new Set(slots.filter((thing) => thing !== undefined));
    for (const thing of seen) for (const target of thing.refs) if (target) seen.add(target);
    return [...seen];
  }

  function liveBytes(): number {
    return reachable().reduce((sum, thing) => sum + thing.bytes, 0);
  }

  const unused = (): never => {
    throw new Error('no workload has weak handles');
  };
  const noHandles = {
    ...{ weak: unused, deref: unused, finalizer: unused, pollFinalized: () => null, ephemeron: unused },
    ...{ ephemeronValue: unused, dropHandle: unused },
  };
  const mutator: Mutator = {
    index,
    alloc: (shape) => allocObject(shape.references, shape.dataWords),
    allocObject,
    ...noHandles,
    allocNonMoving: (shape) => allocObject(shape.references, shape.dataWords),
    allocObjectNonMoving: allocObject,
    bytesAllocated: () => allocated,
    bytesTaken: () => allocated,
    stoppedMs: () => 0,
    ref: (object, field) => {
      const thing = thingAt(object);
      return ticketOf(thing.refs[refSlot(thing, field)]);
    },
    setRef: (object, field, value) => {
      const thing = thingAt(object);
      thing.refs[refSlot(thing, field)] = orNone(value);
    },
    load: (object, field) => {
      const thing = thingAt(object);
      return thing.data[dataWord(thing, field)] as number;
    },
    store: (object, field, value) => {
      const thing = thingAt(object);
      thing.data[dataWord(thing, field)] = value;
    },
    refAt: (object, slot) => {
      const { refs } = thingAt(object);
      return ticketOf(refs[within(slot, refs.length, 'reference slot')]);
    },
    setRefAt: (object, slot, value) => {
      const { refs } = thingAt(object);
      refs[within(slot, refs.length, 'reference slot')] = orNone(value);
    },
    dataAt: (object, word) => {
      const { data } = thingAt(object);
      return data[within(word, data.length, 'data word')] as number;
    },
    setDataAt: (object, word, value) => {
      const { data } = thingAt(object);
      data[within(word, data.length, 'data word')] = value;
    },
    referencesOf: (object) => thingAt(object).refs.length,
    bytesOf: (object) => thingAt(object).bytes,
    root: (slot) => ticketOf(slots[within(slot, roots, 'root slot')]),
    setRoot: (slot, value) => {
      slots[within(slot, roots, 'root slot')] = orNone(value);
    },
    push: (value) => slots.push(orNone(value)) - 1,
    pop: () => {
      if (slots.length <= roots) throw new Error('the shadow stack is empty');
      return ticketOf(slots.pop());
    },
    peek: (position) => ticketOf(slots[within(position, slots.length, 'stack position')]),
    poke: (position, value) => {
      slots[within(position, slots.length, 'stack position')] = orNone(value);
    },
    safepoint,
    collectionsStarted: () => requested,
    collectionsFinished: () => finished,
    requestCollection: (number) => {
      requested = Math.max(requested, number);
      due = epoch + SAFEPOINTS_PER_COLLECTION;
    },
    waitForCollection: (number) => {
      while (finished < number) safepoint();
    },
    blocked: (wait) => {
      safepoint();
      return wait();
    },
  };

  function damage(n: number): void {
    const things = reachable();
    const thing = things[n % things.length] as Thing;
    if (thing.asked > 0) thing.data[0] = (thing.data[0] as number) ^ 4;
    else thing.refs[0] = thing.refs[0] === things[0] ? undefined : things[0];
  }

  return {
    mutator,
    liveBytes,
    damage,
    peakBytes: () => Math.max(peak, liveBytes()),
    allocatedBytes: () => allocated,
    safepoints: () => epoch,
  };
}

/** The same mutator, for whom a requested collection is over at once: for heaps that nobody collects. */
export function neverCollected(m: Mutator, { control }: HeapTables): Mutator {
  return {
    ...m,
    requestCollection: (number) => {
      if ((control[CONTROL.finished] as number) >= number) return;
      for (const stage of ['started', 'flipped', 'finished'] as const) reachStage(control, stage, number);
    },
  };
}
