/** Walks through one CLASS_DUMP of a .hprof, the only part of a heap dump whose fields have sizes of their own. */

import type { FailAt, ObjectRecord } from './hprof-records.ts';
import { bytesOfType, OBJECT_TYPE } from './hprof-tags.ts';

export interface ClassVisitor {
  /** A class begins; the rest of it follows. */
  classDump(record: ObjectRecord): void;
  /** An object that the class refers to: superclass, loader, signers, protection domain, constants, static fields. */
  classReference(hi: number, lo: number): void;
  staticField(type: number): void;
  instanceField(type: number, nameHi: number, nameLo: number): void;
}

export interface ClassWalk {
  readonly idBytes: number;
  /** Where in the file the view begins. */
  readonly base: number;
  readonly failAt: FailAt;
  readonly visitor?: Omit<ClassVisitor, 'classDump'>;
}

/** Superclass, loader, signers and protection domain; two more that are reserved follow. */
const REFERENCES = 4;

/**
 * From the CLASS_DUMP's tag to its end, in the view; null if the view ends before.
 * @throws UsageError for a type that is none
 */
export function walkClass(view: DataView, from: number, walk: ClassWalk): number | null {
  const { idBytes, visitor } = walk;
  const hiAt = (at: number) => (idBytes === 8 ? view.getUint32(at) : 0);
  const loAt = (at: number) => view.getUint32(at + idBytes - 4);
  let at = from + 5 + idBytes;
  for (let i = 0; visitor && i < REFERENCES; i++)
    visitor.classReference(hiAt(at + i * idBytes), loAt(at + i * idBytes));
  at += 6 * idBytes + 4;

  function count(): number | null {
    if (at + 2 > view.byteLength) return null;
    at += 2;
    return view.getUint16(at - 2);
  }

  /** Typed values, each behind an index or a name of `before` bytes. */
  function values(before: number, found: ((type: number) => void) | undefined): boolean {
    const many = count();
    if (many === null) return false;
    for (let i = 0; i < many; i++) {
      if (at + before + 1 > view.byteLength) return false;
      const type = typeAt(at + before);
      const value = at + before + 1;
      at = value + bytesOfType(type, idBytes);
      if (at > view.byteLength) return false;
      found?.(type);
      if (visitor && type === OBJECT_TYPE) visitor.classReference(hiAt(value), loAt(value));
    }
    return true;
  }

  function fields(): boolean {
    const many = count();
    if (many === null || at + many * (idBytes + 1) > view.byteLength) return false;
    for (let i = 0; i < many; i++) {
      const type = typeAt(at + idBytes);
      visitor?.instanceField(type, hiAt(at), loAt(at));
      at += idBytes + 1;
    }
    return true;
  }

  function typeAt(place: number): number {
    const type = view.getUint8(place);
    if (bytesOfType(type, idBytes) > 0) return type;
    throw walk.failAt(walk.base + place, `a field of the type 0x${type.toString(16)}, which is none`);
  }

  const whole = values(2, undefined) && values(idBytes, visitor?.staticField) && fields();
  return whole ? at : null;
}
