/**
 * Under `verify`: a mutator that holds a reference over a safepoint at which it was stopped is told so where it uses it.
 * The rule of heap/mutator.ts by the book: whatever the API hands out is good until this thread stops running, since
 * objects may move then, and nothing else is good. So the check needs no poison in from-space, and does not depend on what
 * has come to lie there since. What does not move is good at any time.
 *
 * Costs a word of memory for each 32 granules, and a look-up for each call; nothing where it is off.
 */
import { StaleReferenceError } from './errors.ts';
import type { HeapTables } from './layout.ts';
import type { Mutator } from './mutator.ts';
import { nonMovingBegin } from './non-moving.ts';
import { LOG_PAGE_GRANULES, type Ref } from './object.ts';
import { describeRef } from './verify.ts';

/** A mutator whose every call is checked. */
export interface CheckedMutator {
  readonly mutator: Mutator;
  /** Objects may have moved: what was handed out so far is good no more. */
  readonly stopped: () => void;
}

export function checkReferences(m: Mutator, tables: HeapTables): CheckedMutator {
  const { note, isGood, forget } = makeGoodReferences(tables);

  function check(call: keyof Mutator, ref: Ref): void {
    if (!isGood(ref)) throw stale(call, ref);
  }

  function checkValue(call: keyof Mutator, ref: Ref): void {
    if (ref !== 0) check(call, ref);
  }

  /** The same call, of an object that is looked at first. */
  function of<Rest extends unknown[], Result>(
    call: keyof Mutator,
    run: (object: Ref, ...rest: Rest) => Result,
    look = check,
  ): (object: Ref, ...rest: Rest) => Result {
    return (object, ...rest) => {
      look(call, object);
      return run(object, ...rest);
    };
  }

  /** A call that answers a reference. */
  function answering<Args extends unknown[]>(run: (...args: Args) => Ref): (...args: Args) => Ref {
    return (...args) => note(run(...args));
  }

  /** A call whose last argument is a reference, or null. */
  function taking<Args extends unknown[], Result>(
    call: keyof Mutator,
    run: (...args: [...Args, Ref]) => Result,
  ): (...args: [...Args, Ref]) => Result {
    return (...args) => {
      checkValue(call, args.at(-1) as Ref);
      return run(...args);
    };
  }

  const mutator: Mutator = {
    ...m,
    alloc: answering(m.alloc),
    allocObject: answering(m.allocObject),
    ref: answering(of('ref', m.ref)),
    setRef: of('setRef', taking('setRef', m.setRef)),
    load: of('load', m.load),
    store: of('store', m.store),
    refAt: answering(of('refAt', m.refAt)),
    setRefAt: of('setRefAt', taking('setRefAt', m.setRefAt)),
    dataAt: of('dataAt', m.dataAt),
    setDataAt: of('setDataAt', m.setDataAt),
    referencesOf: of('referencesOf', m.referencesOf),
    bytesOf: of('bytesOf', m.bytesOf),
    root: answering(m.root),
    setRoot: taking('setRoot', m.setRoot),
    push: taking('push', m.push),
    pop: answering(m.pop),
    peek: answering(m.peek),
    poke: taking('poke', m.poke),
    // Of null these three say themselves that there is no handle of it.
    weak: of('weak', m.weak, checkValue),
    deref: answering(m.deref),
    finalizer: of('finalizer', m.finalizer, checkValue),
    ephemeron: of('ephemeron', taking('ephemeron', m.ephemeron), checkValue),
    ephemeronValue: answering(m.ephemeronValue),
  };
  return { mutator, stopped: forget };
}

/** References that are good: those noted since all were forgotten, and any to what does not move. */
function makeGoodReferences(tables: HeapTables): {
  readonly note: (ref: Ref) => Ref;
  readonly isGood: (ref: Ref) => boolean;
  readonly forget: () => void;
} {
  const moving = nonMovingBegin(tables);
  const end = tables.endPage << LOG_PAGE_GRANULES;
  const known = new Int32Array(moving >>> 5);
  /** Words of `known` that are not 0. */
  const words: number[] = [];
  return {
    note(ref) {
      if (ref === 0 || ref >= moving) return ref;
      const word = ref >>> 5;
      const bits = known[word] as number;
      if (bits === 0) words.push(word);
      known[word] = bits | (1 << (ref & 31));
      return ref;
    },
    isGood: (ref) =>
      (ref >= moving && ref < end) || (((known[ref >>> 5] as number) >>> (ref & 31)) & 1) === 1,
    forget() {
      for (const word of words) known[word] = 0;
      words.length = 0;
    },
  };
}

function stale(call: string, ref: Ref): StaleReferenceError {
  const what =
    ref === 0
      ? 'null is no object'
      : `${describeRef(ref)} is no reference that this thread has got since it last stood at a safepoint, where objects ` +
        'may have moved: keep what must survive one in a root, on the shadow stack or in an object, and read it again';
  return new StaleReferenceError(ref, call, site(), what);
}

/** Where the program made the call: the first line of the stack that is not of this file. */
function site(): string {
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  const line = lines.find((frame) => !frame.includes(import.meta.url)) ?? '';
  return line.replace(/^\s*at (?:.*\()?/, '').replace(/\)$/, '');
}
