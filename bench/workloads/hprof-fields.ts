/** Finds the references among the fields of one instance after the other. */
import type { HprofClasses } from './hprof-classes.ts';
import type { Body } from './hprof-records.ts';

export interface FieldsBody extends Body {
  /** The next instance is of this class. */
  start(classNumber: number): void;
}

/** Tells `found` of every reference by its number (hprof-classes.ts), null or not. */
export function createFieldsBody(
  classes: HprofClasses,
  idBytes: number,
  found: (hi: number, lo: number, ref: number) => void,
): FieldsBody {
  let owner = -1; // the class whose fields are being read
  let passed = 0; // bytes of them
  let ref = 0;

  function enter(next: number): void {
    owner = next;
    passed = 0;
    if (next >= 0) ref = classes.refsFrom(next);
  }

  /** Passes over `bytes`, as far as they are there. */
  function pass(bytes: number, at: number, end: number): number {
    const here = Math.min(bytes, end - at);
    passed += here;
    return at + here;
  }

  function take(view: DataView, from: number, end: number): number {
    let at = from;
    while (owner >= 0) {
      for (const refsEnd = classes.refsEnd(owner); ref < refsEnd; ref++) {
        at = pass(classes.refOffset(ref) - passed, at, end);
        if (passed < classes.refOffset(ref) || at + idBytes > end) return at;
        found(idBytes === 8 ? view.getUint32(at) : 0, view.getUint32(at + idBytes - 4), ref);
        at = pass(idBytes, at, end);
      }
      at = pass(classes.ownBytes(owner) - passed, at, end);
      if (passed < classes.ownBytes(owner)) return at;
      enter(classes.nextWithFields(owner));
    }
    return at;
  }

  return { take, start: enter };
}
