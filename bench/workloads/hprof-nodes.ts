/**
 * The first time through a .hprof: numbers for all objects in the order of the file, the fields of all classes, and how
 * many references there can be at most. What refers to what is found the second time (hprof-edges.ts), when it is known
 * what each identifier is.
 */
import type { DumpMemory } from './dump-memory.ts';
import { createHprofClasses } from './hprof-classes.ts';
import { ABSENT, createIdTable, shownId } from './hprof-ids.ts';
import { type FailAt, type HprofVisitor, type Id, type ObjectRecord, SKIPPED } from './hprof-records.ts';

/** Names that decide how a class or a field is read. */
const REFERENCE = 'java.lang.ref.Reference';
const SOFT_REFERENCE = 'java.lang.ref.SoftReference';
const CLASS = 'java.lang.Class';
const REFERENT = 'referent';
const KNOWN: readonly string[] = [REFERENCE, SOFT_REFERENCE, CLASS, REFERENT];

const WIDE_ARRAY_HEADER = 16;

export type HprofNodes = ReturnType<typeof createHprofNodes>;

export function createHprofNodes(memory: DumpMemory, failAt: FailAt) {
  const ids = createIdTable(memory);
  const classes = createHprofClasses(memory);
  const names = createNamed(memory);
  const classNames = createNamed(memory);
  let version = '';
  let idBytes = 0;
  let references = 0;
  let classOfClasses = ABSENT;
  let referent = ABSENT; // the number of the reference that is Reference.referent
  let isReference = false; // the class whose fields are being told is java.lang.ref.Reference
  let narrow = false; // references are proven to be of 4 bytes in the heap
  const array = { hi: 0, lo: 0, length: 0 }; // the object array before

  function add({ offset, hi, lo }: ObjectRecord): void {
    if (hi === 0 && lo === 0) throw failAt(offset, 'an object of the identifier 0, which is null');
    if (ids.add(hi, lo) === ABSENT)
      throw failAt(offset, `object ${shownId(hi, lo)} once more; a file must be of one dump`);
    if (array.length > 0) compare(hi, lo);
  }

  /** Two objects do not overlap: an array that is followed too soon has references of 4 bytes. */
  function compare(hi: number, lo: number): void {
    const distance = (hi - array.hi) * 2 ** 32 + lo - array.lo;
    if (distance > 0 && distance < WIDE_ARRAY_HEADER + 8 * array.length) narrow = true;
    array.length = 0;
  }

  /** Names come before the heap that they are needed for; if they did not, weak references would pass for strong ones. */
  function requireEarly(offset: number, name: string): void {
    if (classes.size === 0) return;
    throw failAt(offset, `the name ${name}, after classes that it is needed for`);
  }

  const visitor: HprofVisitor = {
    start(which, bytes) {
      version = which;
      idBytes = bytes;
      classes.setIdBytes(bytes);
    },
    name(offset, hi, lo, text) {
      const known = KNOWN.indexOf(text.replaceAll('/', '.'));
      if (known < 0) return;
      requireEarly(offset, text);
      names.set(hi, lo, known);
    },
    loadClass(offset, { hi, lo }, name) {
      const known = names.of(name.hi, name.lo);
      if (known < 0) return;
      requireEarly(offset, KNOWN[known] as string);
      classNames.set(hi, lo, known);
    },
    root() {
      references++;
    },
    classDump(record) {
      const { hi, lo, classHi, classLo, length: size } = record;
      add(record);
      const name = KNOWN[classNames.of(hi, lo)];
      classes.add(hi, lo, {
        superclass: { hi: classHi, lo: classLo },
        size,
        isSoft: name === SOFT_REFERENCE,
      });
      isReference = name === REFERENCE;
      if (name === CLASS) classOfClasses = classes.size - 1;
    },
    classReference(hi, lo) {
      if (hi !== 0 || lo !== 0) references++;
    },
    staticField() {},
    instanceField(type, nameHi, nameLo) {
      const ref = classes.addField(type);
      if (isReference && ref !== ABSENT && KNOWN[names.of(nameHi, nameLo)] === REFERENT) referent = ref;
    },
    instance(record) {
      add(record);
      references += 1 + Math.floor(record.length / idBytes);
      return SKIPPED;
    },
    objectArray(record) {
      add(record);
      references += 1 + record.length;
      array.hi = record.hi;
      array.lo = record.lo;
      array.length = record.length;
      return SKIPPED;
    },
    primitiveArray: add,
  };

  return {
    visitor,
    ids,
    classes,
    isReferent: (ref: number) => ref === referent,
    /** At most so many edges: no more than there are identifiers in the file. */
    get references() {
      return references;
    },
    get idBytes() {
      return idBytes;
    },
    runtime() {
      const android = version === '1.0.3' || classes.rootHasReferences();
      return { android, idBytes, referenceBytes: narrow ? 4 : idBytes, classOfClasses };
    },
  };
}

/** Which of the known names an identifier stands for. */
function createNamed(memory: DumpMemory) {
  const ids = createIdTable(memory);
  let known = memory.bytes(0);
  return {
    set(hi: Id['hi'], lo: Id['lo'], name: number): void {
      ids.add(hi, lo);
      known = memory.grown(known, ids.size);
      known[ids.find(hi, lo)] = name;
    },
    /** −1 for none. */
    of(hi: Id['hi'], lo: Id['lo']): number {
      const n = ids.find(hi, lo);
      return n === ABSENT ? -1 : (known[n] as number);
    },
  };
}
