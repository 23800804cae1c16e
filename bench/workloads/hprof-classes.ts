/**
 * The classes of a .hprof: where in an instance's fields the references are. A class lists its own fields, which come
 * first in its instances; then those of its superclass follow, and so on. Classes come in any order.
 *
 * A chain of superclasses is as long as a file makes it, so it is never written out for each class: an instance is walked
 * class by class, over those that have fields, which takes no longer than there are bytes of it.
 */
import type { DumpMemory } from './dump-memory.ts';
import { ABSENT, createIdTable } from './hprof-ids.ts';
import { bytesOfType, OBJECT_TYPE } from './hprof-tags.ts';

/** What can be wrong with a class's chain of superclasses. */
export const CHAIN = { whole: 2, broken: 3, cyclic: 4 } as const;
// While chains are resolved.
const UNSEEN = 0;
const OPEN = 1;

const NO_CLASS = -1;

export type HprofClasses = ReturnType<typeof createHprofClasses>;

export function createHprofClasses(memory: DumpMemory) {
  const ids = createIdTable(memory);
  let idBytes = 0;
  let superHi = memory.words(0);
  let superLo = memory.words(0);
  let instanceSize = memory.words(0);
  let ownBytes = memory.words(0);
  let refsEnd = memory.words(0); // in refOffsets
  let refOffsets = memory.words(0); // of the references of all classes, from the first of the class's own fields
  let refs = 0;
  let soft = memory.bytes(0);
  // From resolve() on.
  let chain = memory.bytes(0);
  let fielded = memory.words(0); // class + 1 of the nearest superclass that has fields
  let top = memory.words(0); // the last class of the chain
  let allBytes = memory.doubles(0);
  let allRefs = memory.doubles(0);

  /** A class that has not been seen before; then its fields. */
  function add(hi: number, lo: number, { superclass, size, isSoft }: NewClass): void {
    const n = ids.add(hi, lo);
    superHi = memory.grown(superHi, n + 1);
    superLo = memory.grown(superLo, n + 1);
    instanceSize = memory.grown(instanceSize, n + 1);
    ownBytes = memory.grown(ownBytes, n + 1);
    refsEnd = memory.grown(refsEnd, n + 1);
    soft = memory.grown(soft, n + 1);
    superHi[n] = superclass.hi;
    superLo[n] = superclass.lo;
    instanceSize[n] = size;
    refsEnd[n] = refs;
    soft[n] = isSoft ? 1 : 0;
  }

  /** One more field of the class that was added last. Answers the number of the reference, if it is one. */
  function addField(type: number): number {
    const n = ids.size - 1;
    const offset = ownBytes[n] as number;
    ownBytes[n] = offset + bytesOfType(type, idBytes);
    if (type !== OBJECT_TYPE) return ABSENT;
    refOffsets = memory.grown(refOffsets, refs + 1);
    refOffsets[refs] = offset;
    refsEnd[n] = ++refs;
    return refs - 1;
  }

  function superOf(n: number): number {
    const [hi, lo] = [superHi[n] as number, superLo[n] as number];
    return hi === 0 && lo === 0 ? NO_CLASS : ids.find(hi, lo);
  }

  function hasSuper(n: number): boolean {
    return superHi[n] !== 0 || superLo[n] !== 0;
  }

  /** Once all classes are known: what each inherits. Each class is visited once, in whatever order they came. */
  function resolve(): void {
    chain = memory.bytes(ids.size);
    fielded = memory.words(ids.size);
    top = memory.words(ids.size);
    allBytes = memory.doubles(ids.size);
    allRefs = memory.doubles(ids.size);
    const path = memory.words(ids.size);
    for (let n = 0; n < ids.size; n++) {
      let depth = 0;
      let above = n;
      while (above !== NO_CLASS && chain[above] === UNSEEN) {
        chain[above] = OPEN;
        path[depth++] = above;
        above = superOf(above);
      }
      // A chain that has come to a class which is still open has come back to itself.
      const cyclic = above !== NO_CLASS && chain[above] === OPEN;
      while (depth > 0) inherit(path[--depth] as number, cyclic);
    }
  }

  function inherit(n: number, cyclic: boolean): void {
    const above = superOf(n);
    const refsOfOwn = (refsEnd[n] as number) - refsFrom(n);
    const known = above !== NO_CLASS && !cyclic;
    chain[n] = cyclic
      ? CHAIN.cyclic
      : known
        ? (chain[above] as number)
        : hasSuper(n)
          ? CHAIN.broken
          : CHAIN.whole;
    fielded[n] = !known ? 0 : (ownBytes[above] as number) > 0 ? above + 1 : (fielded[above] as number);
    top[n] = known ? (top[above] as number) : n;
    allBytes[n] = (ownBytes[n] as number) + (known ? (allBytes[above] as number) : 0);
    allRefs[n] = refsOfOwn + (known ? (allRefs[above] as number) : 0);
    if (known && soft[above] === 1) soft[n] = 1;
  }

  function refsFrom(n: number): number {
    return n === 0 ? 0 : (refsEnd[n - 1] as number);
  }

  return {
    /** Must be said before the first class. */
    setIdBytes(bytes: number): void {
      idBytes = bytes;
    },
    add,
    addField,
    resolve,
    find: ids.find,
    get size() {
      return ids.size;
    },
    chainOf: (n: number) => chain[n] as number,
    /** The size that the class says its instances have: of ART's, header included. */
    instanceSize: (n: number) => instanceSize[n] as number,
    /** Bytes of an instance's fields in the file, inherited ones included, and references among them. */
    bytesOf: (n: number) => allBytes[n] as number,
    refsOf: (n: number) => allRefs[n] as number,
    isSoft: (n: number) => soft[n] === 1,
    /** Whether objects refer to their class by a field of their own, as ART's java.lang.Object does. */
    namesClass: (n: number) => (refsEnd[top[n] as number] as number) > refsFrom(top[n] as number),
    /** Whether any class without a superclass has references: ART's java.lang.Object. */
    rootHasReferences(): boolean {
      for (let n = 0; n < ids.size; n++)
        if (!hasSuper(n) && (refsEnd[n] as number) > refsFrom(n)) return true;
      return false;
    },
    // For walking an instance: see hprof-fields.ts.
    ownBytes: (n: number) => ownBytes[n] as number,
    refsFrom,
    refsEnd: (n: number) => refsEnd[n] as number,
    refOffset: (ref: number) => refOffsets[ref] as number,
    /** The nearest superclass that has fields, or −1. */
    nextWithFields: (n: number) => (fielded[n] as number) - 1,
  };
}

export interface NewClass {
  readonly superclass: { readonly hi: number; readonly lo: number };
  readonly size: number;
  readonly isSoft: boolean;
}
