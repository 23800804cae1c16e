/** Writes a .hprof, record by record, right or wrong: what tests and fuzz-dumps.ts read. Nothing is checked. */
import { bytesOfType, MAGIC, OBJECT_TYPE, PART, RECORD } from '../workloads/hprof-tags.ts';

export interface HprofShape {
  readonly version: string;
  readonly idBytes: 4 | 8;
}

/** What dumps can be: each version with each size of identifiers. */
export const SHAPES: readonly HprofShape[] = ['1.0.1', '1.0.2', '1.0.3'].flatMap((version) =>
  ([4, 8] as const).map((idBytes) => ({ version, idBytes })),
);

/** A field or element: its type, and its value. */
export type Value = readonly [type: number, value: number | bigint];

export interface WrittenClass {
  readonly id: number;
  readonly superclass?: number;
  readonly loader?: number;
  readonly signers?: number;
  readonly domain?: number;
  readonly instanceSize?: number;
  readonly constants?: readonly Value[];
  readonly statics?: readonly Value[];
  /** Type and name. */
  readonly fields?: readonly (readonly [type: number, name: number])[];
}

export type HprofWriter = ReturnType<typeof createHprofWriter>;

export function createHprofWriter({ version, idBytes }: HprofShape) {
  const bytes: number[] = [];

  function number(value: number | bigint, size: number): void {
    const bits = BigInt.asUintN(8 * size, BigInt(value));
    for (let shift = 8 * (size - 1); shift >= 0; shift -= 8)
      bytes.push(Number((bits >> BigInt(shift)) & 0xffn));
  }

  const u1 = (value: number) => number(value, 1);
  const u2 = (value: number) => number(value, 2);
  const u4 = (value: number) => number(value, 4);
  const id = (value: number | bigint) => number(value, idBytes);
  const ascii = (text: string) => bytes.push(...Buffer.from(text, 'latin1'));
  const value = ([type, of]: Value) => number(of, bytesOfType(type, idBytes));

  function record(tag: number, body: () => void): void {
    u1(tag);
    u4(0);
    const at = bytes.length;
    u4(0);
    body();
    const length = bytes.length - at - 4;
    for (let i = 0; i < 4; i++) bytes[at + i] = (length >>> (24 - 8 * i)) & 0xff;
  }

  return {
    u1,
    u2,
    u4,
    id,
    record,
    header(): void {
      ascii(`${MAGIC}${version}\0`);
      u4(idBytes);
      number(0x1234_5678_9abc, 8);
    },
    utf8: (name: number, text: string) =>
      record(RECORD.utf8, () => {
        id(name);
        ascii(text);
      }),
    loadClass: (serial: number, classId: number, name: number) =>
      record(RECORD.loadClass, () => {
        u4(serial);
        id(classId);
        u4(0);
        id(name);
      }),
    /** `extra`: bytes behind the identifier. */
    root(tag: number, object: number, extra = 0): void {
      u1(tag);
      id(object);
      for (let i = 0; i < extra; i++) u1(0);
    },
    classDump(written: WrittenClass): void {
      const { superclass = 0, loader = 0, signers = 0, domain = 0, instanceSize = 0 } = written;
      const { constants = [], statics = [], fields = [] } = written;
      u1(PART.classDump);
      id(written.id);
      u4(0);
      for (const reference of [superclass, loader, signers, domain, 0, 0]) id(reference);
      u4(instanceSize);
      u2(constants.length);
      for (const [index, constant] of constants.entries()) {
        u2(index);
        u1(constant[0]);
        value(constant);
      }
      u2(statics.length);
      for (const field of statics) {
        id(0x77);
        u1(field[0]);
        value(field);
      }
      u2(fields.length);
      for (const [type, name] of fields) {
        id(name);
        u1(type);
      }
    },
    instance(object: number | bigint, classId: number, values: readonly Value[]): void {
      u1(PART.instanceDump);
      id(object);
      u4(0);
      id(classId);
      u4(values.reduce((sum, [type]) => sum + bytesOfType(type, idBytes), 0));
      values.forEach(value);
    },
    objectArray(object: number, classId: number, elements: readonly number[]): void {
      u1(PART.objectArray);
      id(object);
      u4(0);
      u4(elements.length);
      id(classId);
      for (const element of elements) value([OBJECT_TYPE, element]);
    },
    primitiveArray(object: number, type: number, elements: readonly number[]): void {
      u1(PART.primitiveArray);
      id(object);
      u4(0);
      u4(elements.length);
      u1(type);
      for (const element of elements) value([type, element]);
    },
    primitiveArrayWithoutData(object: number, type: number, length: number): void {
      u1(PART.primitiveArrayWithoutData);
      id(object);
      u4(0);
      u4(length);
      u1(type);
    },
    bytes: () => Uint8Array.from(bytes),
    get length() {
      return bytes.length;
    },
  };
}
