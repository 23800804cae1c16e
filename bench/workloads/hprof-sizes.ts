/**
 * What objects of a .hprof occupy in the heap that they are from, in bytes. A dump does not say it: it has identifiers of
 * 8 bytes for references that HotSpot keeps in 4, and no headers. So this is what is assumed:
 *
 * - HotSpot, 64 bits: a header of 12 bytes (compressed class pointers, the default), of an array 16; 4 bytes a reference
 *   where the dump proves that (hprof-nodes.ts), 8 otherwise. 32 bits: 8, 12 and 4. Fields without gaps.
 * - HotSpot's classes: the fields of java.lang.Class and their static ones. What HotSpot adds to Class, Thread and a dozen
 *   others (injected fields, @Contended) is not in a dump, so that these are smaller here; of 270 classes in a heap of
 *   JDK 17 all others had the bytes that jmap -histo says.
 * - ART and Dalvik (1.0.3, or a java.lang.Object that has references; hprof-conv writes 1.0.2): the instance size of the
 *   class, which includes the header there; an array's header is 12 bytes. A class is its static fields, among which ART
 *   writes those of java.lang.Class. A string's characters are an array of their own, as the dump has them.
 *
 * All sizes are multiples of 8, the alignment of both by default. For JDK 17 they were compared with jmap's; ART's are from descriptions.
 */
import type { HprofClasses } from './hprof-classes.ts';
import { bytesOfType } from './hprof-tags.ts';

export interface Runtime {
  readonly android: boolean;
  /** Bytes of an identifier in the file, and of a reference in the heap. */
  readonly idBytes: number;
  readonly referenceBytes: number;
  /** Number of java.lang.Class, or −1. */
  readonly classOfClasses: number;
}

const ALIGNMENT = 8;
const WIDE_HEADER = 12;
const NARROW_HEADER = 8;
/** An array's header is an object's and 4 bytes of length; elements of 8 bytes begin at a multiple of 8. */
const LENGTH_BYTES = 4;

export type HprofSizes = ReturnType<typeof createHprofSizes>;

export function createHprofSizes(classes: HprofClasses, runtime: Runtime) {
  const { android, idBytes, referenceBytes, classOfClasses } = runtime;
  const header = android || idBytes === 4 ? NARROW_HEADER : WIDE_HEADER;

  function fieldsOf(classNumber: number): number {
    return classes.bytesOf(classNumber) - classes.refsOf(classNumber) * (idBytes - referenceBytes);
  }

  function instance(classNumber: number): number {
    if (android) return aligned(classes.instanceSize(classNumber));
    return aligned(header + fieldsOf(classNumber));
  }

  function array(length: number, elementBytes: number): number {
    const start = header + LENGTH_BYTES;
    const first = elementBytes === 8 ? aligned(start) : start;
    return aligned(first + length * elementBytes);
  }

  return {
    instance,
    objectArray: (length: number) => array(length, referenceBytes),
    primitiveArray: (length: number, type: number) => array(length, bytesOfType(type, idBytes)),
    /** `statics`: bytes of the class's static fields in the heap. */
    classObject(statics: number): number {
      if (android) return aligned(Math.max(NARROW_HEADER, statics));
      return aligned(header + (classOfClasses < 0 ? 0 : fieldsOf(classOfClasses)) + statics);
    },
    staticField: (type: number) => Math.min(bytesOfType(type, idBytes), type === 2 ? referenceBytes : 8),
  };
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
