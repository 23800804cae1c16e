/**
 * Takes a .hprof apart as its bytes come, in pieces of any size, and tells a visitor of its records in order. Nothing is
 * kept of it but what a piece cuts in two, a class at the most: what is as long as a file can make it (instances, arrays,
 * names) is passed on or passed over piece by piece.
 *
 * No length in the file is believed: a part must end within its heap dump, a heap dump within the file.
 */
import { type ClassVisitor, walkClass } from './hprof-class-dump.ts';
import {
  bytesOfType,
  headBytes,
  MAGIC,
  OBJECT_TYPE,
  PART,
  PARTS,
  RECORD,
  RECORD_NAMES,
  VERSIONS,
} from './hprof-tags.ts';
import type { UsageError } from './workload.ts';

/** The head of an object. The reader fills the same record again for each one. */
export interface ObjectRecord {
  /** Where in the file its part begins. */
  offset: number;
  hi: number;
  lo: number;
  /** Its class; a class's superclass; 0 for an array of primitives. */
  classHi: number;
  classLo: number;
  /** Bytes of an instance's fields in the file, or elements of an array; what a class says of its instances' size. */
  length: number;
  /** The type of a primitive array's elements. */
  type: number;
}

/** What takes the bytes of an object's fields or elements. */
export interface Body {
  /** Takes bytes of the view from `at`, none from `end` on; answers where the first is that it has not taken. */
  take(view: DataView, at: number, end: number): number;
}

export const SKIPPED: Body = { take: (_view, _at, end) => end };

export interface HprofVisitor extends ClassVisitor {
  start(version: string, idBytes: number): void;
  /** A name of at most LONGEST_NAME bytes, as Latin-1. */
  name(offset: number, hi: number, lo: number, text: string): void;
  loadClass(offset: number, id: Id, name: Id): void;
  root(hi: number, lo: number): void;
  instance(record: ObjectRecord): Body;
  objectArray(record: ObjectRecord): Body;
  primitiveArray(record: ObjectRecord): void;
}

export interface Id {
  readonly hi: number;
  readonly lo: number;
}

export type FailAt = (offset: number, found: string) => UsageError;

export const LONGEST_NAME = 64;
const HEADER_BYTES = MAGIC.length + '1.0.2'.length + 1 + 4 + 8;
const RECORD_BYTES = 9; // tag, time, length
const NO_BYTES = new DataView(new ArrayBuffer(0));

export interface HprofReader {
  write(chunk: Uint8Array): void;
  /** @throws UsageError if the file ends too early */
  end(): void;
}

/** `failAt` makes the error for what is found at a byte of the file; `truncated` for where it ends. */
export function createHprofReader(
  visitor: HprofVisitor,
  failAt: FailAt,
  truncated: (bytes: number, where: string) => UsageError,
): HprofReader {
  let view: DataView = NO_BYTES;
  let at = 0; // in the view
  let base = 0; // where in the file the view begins
  let idBytes = 0;
  let heads: Uint8Array = new Uint8Array(0);
  let heapEnd = 0; // where in the file the heap dump ends that is being read
  let ended = true; // there is no heap dump that a HEAP_DUMP_END must still follow
  let body = SKIPPED;
  let bodyLeft = 0;
  let within = 'the header'; // what a file that ends now is truncated in, and where that begins
  let withinOffset = 0;
  const record: ObjectRecord = { offset: 0, hi: 0, lo: 0, classHi: 0, classLo: 0, length: 0, type: 0 };

  const hiAt = (from: number) => (idBytes === 8 ? view.getUint32(from) : 0);
  const loAt = (from: number) => view.getUint32(from + idBytes - 4);
  const idAt = (from: number): Id => ({ hi: hiAt(from), lo: loAt(from) });

  /** One thing more; false if the rest of the view does not hold it. */
  function step(): boolean {
    if (bodyLeft > 0) return takeBody();
    if (at === view.byteLength) return false;
    if (base + at < heapEnd) return takePart();
    return idBytes === 0 ? takeHeader() : takeRecord();
  }

  function takeBody(): boolean {
    const taken = body.take(view, at, Math.min(view.byteLength, at + bodyLeft)) - at;
    at += taken;
    bodyLeft -= taken;
    return taken > 0;
  }

  function takeHeader(): boolean {
    if (view.byteLength < HEADER_BYTES) return false;
    const text = latin1(0, MAGIC.length + 5);
    const version = text.slice(MAGIC.length);
    if (!text.startsWith(MAGIC) || !VERSIONS.includes(version) || view.getUint8(text.length) !== 0)
      throw failAt(0, `${JSON.stringify(text)}, not ${MAGIC}${VERSIONS.join(', ')}`);
    idBytes = view.getUint32(text.length + 1);
    if (idBytes !== 4 && idBytes !== 8)
      throw failAt(text.length + 1, `identifiers of ${idBytes} bytes, not 4 or 8`);
    heads = headBytes(idBytes);
    at = HEADER_BYTES;
    visitor.start(version, idBytes);
    return true;
  }

  function takeRecord(): boolean {
    if (view.byteLength - at < RECORD_BYTES) return false;
    const tag = view.getUint8(at);
    const offset = base + at;
    const name = RECORD_NAMES.get(tag);
    if (name === undefined) throw failAt(offset, `the tag ${hex(tag)}, which no record has`);
    const length = view.getUint32(at + 5);
    within = name;
    withinOffset = offset;
    if (tag === RECORD.utf8 || tag === RECORD.loadClass) return takeNaming(tag, length);
    at += RECORD_BYTES;
    if (tag === RECORD.heapDump || tag === RECORD.heapDumpSegment) {
      heapEnd = offset + RECORD_BYTES + length;
      ended = tag === RECORD.heapDump;
    } else {
      skip(length);
    }
    ended ||= tag === RECORD.heapDumpEnd;
    return true;
  }

  /** A name, or a class's; both are passed over if they cannot be one that matters. */
  function takeNaming(tag: number, length: number): boolean {
    const from = at + RECORD_BYTES;
    const least = tag === RECORD.utf8 ? idBytes : 8 + 2 * idBytes;
    if (length < least)
      throw failAt(base + at, `${within} of ${length} bytes, which must have ${least} or more`);
    const needed = tag === RECORD.loadClass ? least : length <= idBytes + LONGEST_NAME ? length : 0;
    if (view.byteLength - from < needed) return false;
    if (tag === RECORD.loadClass) visitor.loadClass(base + at, idAt(from + 4), idAt(from + 8 + idBytes));
    else if (needed > 0)
      visitor.name(base + at, hiAt(from), loAt(from), latin1(from + idBytes, from + length));
    at = from;
    skip(length);
    return true;
  }

  function takePart(): boolean {
    const tag = view.getUint8(at);
    const head = heads[tag] as number;
    const offset = base + at;
    if (head === 0) throw failAt(offset, `the tag ${hex(tag)}, which no part of a heap dump has`);
    if (offset + head > heapEnd) throw overrun(tag, offset);
    if (view.byteLength - at < head) return false;
    record.offset = offset;
    record.hi = hiAt(at + 1);
    record.lo = loAt(at + 1);
    if (tag === PART.classDump) return takeClass();
    at += head;
    if (tag === PART.instanceDump) takeInstance(head);
    else if (tag === PART.objectArray) takeObjectArray(head);
    else if (tag === PART.primitiveArray || tag === PART.primitiveArrayWithoutData) takePrimitives(tag);
    else if (tag !== PART.heapDumpInfo && tag !== PART.unreachable) visitor.root(record.hi, record.lo);
    return true;
  }

  function takeInstance(head: number): void {
    const from = at - head;
    record.length = view.getUint32(at - 4);
    readClass(from + 5 + idBytes);
    startBody(PART.instanceDump, record.length, visitor.instance(record));
  }

  function takeObjectArray(head: number): void {
    const from = at - head;
    record.length = view.getUint32(from + 5 + idBytes);
    readClass(at - idBytes);
    startBody(PART.objectArray, record.length * idBytes, visitor.objectArray(record));
  }

  function takePrimitives(tag: number): void {
    record.length = view.getUint32(at - 5);
    record.type = view.getUint8(at - 1);
    record.classHi = record.classLo = 0;
    const each = record.type === OBJECT_TYPE ? 0 : bytesOfType(record.type, idBytes);
    if (each === 0) throw failAt(record.offset, `an array of the type ${hex(record.type)}, which is none`);
    visitor.primitiveArray(record);
    if (tag === PART.primitiveArray) startBody(tag, record.length * each, SKIPPED);
  }

  /** All of a class is in the view before the visitor hears of it. */
  function takeClass(): boolean {
    const whole = walkClass(view, at, { idBytes, base, failAt });
    const heapLeft = heapEnd - base;
    if (whole === null ? view.byteLength >= heapLeft : whole > heapLeft)
      throw overrun(PART.classDump, record.offset);
    if (whole === null) return false;
    readClass(at + 5 + idBytes);
    record.length = view.getUint32(at + 5 + 7 * idBytes);
    visitor.classDump(record);
    walkClass(view, at, { idBytes, base, failAt, visitor });
    at = whole;
    return true;
  }

  function readClass(from: number): void {
    record.classHi = hiAt(from);
    record.classLo = loAt(from);
  }

  function startBody(tag: number, bytes: number, taker: Body): void {
    if (base + at + bytes > heapEnd) throw overrun(tag, record.offset);
    body = taker;
    bodyLeft = bytes;
  }

  function skip(bytes: number): void {
    body = SKIPPED;
    bodyLeft = bytes;
  }

  function overrun(tag: number, offset: number): UsageError {
    return failAt(
      offset,
      `${PARTS.get(tag)?.name} that goes on past byte ${heapEnd}, where its heap dump ends`,
    );
  }

  function latin1(from: number, to: number): string {
    let text = '';
    for (let i = from; i < to; i++) text += String.fromCharCode(view.getUint8(i));
    return text;
  }

  return {
    write(chunk) {
      view = joined(view, at, chunk);
      base += at;
      at = 0;
      while (step());
    },
    end() {
      const bytes = base + view.byteLength;
      if (idBytes === 0 || at < view.byteLength || bodyLeft > 0 || base + at < heapEnd)
        throw truncated(bytes, `in ${within}, which begins at byte ${withinOffset}`);
      if (!ended) throw truncated(bytes, 'before HEAP_DUMP_END');
    },
  };
}

/** What is left of the view, and the chunk behind it. */
function joined(view: DataView, at: number, chunk: Uint8Array): DataView {
  const left = view.byteLength - at;
  if (left === 0) return new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const bytes = new Uint8Array(left + chunk.length);
  bytes.set(new Uint8Array(view.buffer, view.byteOffset + at, left));
  bytes.set(chunk, left);
  return new DataView(bytes.buffer);
}

function hex(tag: number): string {
  return `0x${tag.toString(16).padStart(2, '0')}`;
}
