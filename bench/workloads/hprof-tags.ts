/**
 * The records of a .hprof by their tags: what follows the tag of each, and what errors call it.
 *
 * The format is what HotSpot's heap dumper and ART's write, taken from descriptions of it and from what other parsers say of their
 * records' sizes. Dumps of JDK 17 were read, and counted by another way; of Android's 1.0.3 there were none but built ones.
 */

export const MAGIC = 'JAVA PROFILE ';
/** 1.0.1: JDK 5 and the HPROF agent; 1.0.2: in segments, JDK 6 and later; 1.0.3: Dalvik and ART. */
export const VERSIONS: readonly string[] = ['1.0.1', '1.0.2', '1.0.3'];

export const RECORD = {
  utf8: 0x01,
  loadClass: 0x02,
  heapDump: 0x0c,
  heapDumpSegment: 0x1c,
  heapDumpEnd: 0x2c,
} as const;

/** Records by their tag. Those that are not in RECORD are passed over. */
export const RECORD_NAMES: ReadonlyMap<number, string> = new Map([
  [RECORD.utf8, 'UTF8'],
  [RECORD.loadClass, 'LOAD_CLASS'],
  [0x03, 'UNLOAD_CLASS'],
  [0x04, 'FRAME'],
  [0x05, 'TRACE'],
  [0x06, 'ALLOC_SITES'],
  [0x07, 'HEAP_SUMMARY'],
  [0x0a, 'START_THREAD'],
  [0x0b, 'END_THREAD'],
  [RECORD.heapDump, 'HEAP_DUMP'],
  [0x0d, 'CPU_SAMPLES'],
  [0x0e, 'CONTROL_SETTINGS'],
  [RECORD.heapDumpSegment, 'HEAP_DUMP_SEGMENT'],
  [RECORD.heapDumpEnd, 'HEAP_DUMP_END'],
]);

export const PART = {
  classDump: 0x20,
  instanceDump: 0x21,
  objectArray: 0x22,
  primitiveArray: 0x23,
  /** Dalvik: an object that nothing reaches. */
  unreachable: 0x90,
  /** Dalvik: an array whose elements were left out. */
  primitiveArrayWithoutData: 0xc3,
  heapDumpInfo: 0xfe,
} as const;

/** A part of a heap dump: how many identifiers and other bytes follow its tag before anything of variable length. */
interface Part {
  readonly name: string;
  readonly ids: number;
  readonly bytes: number;
}

/** Parts by their tag. Those that are not in PART are roots, which begin with the identifier of an object. */
export const PARTS: ReadonlyMap<number, Part> = new Map([
  [0x01, { name: 'ROOT_JNI_GLOBAL', ids: 2, bytes: 0 }],
  [0x02, { name: 'ROOT_JNI_LOCAL', ids: 1, bytes: 8 }],
  [0x03, { name: 'ROOT_JAVA_FRAME', ids: 1, bytes: 8 }],
  [0x04, { name: 'ROOT_NATIVE_STACK', ids: 1, bytes: 4 }],
  [0x05, { name: 'ROOT_STICKY_CLASS', ids: 1, bytes: 0 }],
  [0x06, { name: 'ROOT_THREAD_BLOCK', ids: 1, bytes: 4 }],
  [0x07, { name: 'ROOT_MONITOR_USED', ids: 1, bytes: 0 }],
  [0x08, { name: 'ROOT_THREAD_OBJECT', ids: 1, bytes: 8 }],
  [PART.classDump, { name: 'CLASS_DUMP', ids: 7, bytes: 8 }],
  [PART.instanceDump, { name: 'INSTANCE_DUMP', ids: 2, bytes: 8 }],
  [PART.objectArray, { name: 'OBJECT_ARRAY_DUMP', ids: 2, bytes: 8 }],
  [PART.primitiveArray, { name: 'PRIMITIVE_ARRAY_DUMP', ids: 1, bytes: 9 }],
  [0x89, { name: 'ROOT_INTERNED_STRING', ids: 1, bytes: 0 }],
  [0x8a, { name: 'ROOT_FINALIZING', ids: 1, bytes: 0 }],
  [0x8b, { name: 'ROOT_DEBUGGER', ids: 1, bytes: 0 }],
  [0x8c, { name: 'ROOT_REFERENCE_CLEANUP', ids: 1, bytes: 0 }],
  [0x8d, { name: 'ROOT_VM_INTERNAL', ids: 1, bytes: 0 }],
  [0x8e, { name: 'ROOT_JNI_MONITOR', ids: 1, bytes: 8 }],
  [PART.unreachable, { name: 'UNREACHABLE', ids: 1, bytes: 0 }],
  [PART.primitiveArrayWithoutData, { name: 'PRIMITIVE_ARRAY_NODATA_DUMP', ids: 1, bytes: 9 }],
  [PART.heapDumpInfo, { name: 'HEAP_DUMP_INFO', ids: 1, bytes: 4 }],
  [0xff, { name: 'ROOT_UNKNOWN', ids: 1, bytes: 0 }],
]);

/** The type of a field or an element that is a reference: as many bytes as an identifier. */
export const OBJECT_TYPE = 2;

/** Bytes of a field or element by its type: boolean, char, float, double, byte, short, int, long; 0 for what is none. */
const PRIMITIVE_BYTES = [0, 0, 0, 0, 1, 2, 4, 8, 1, 2, 4, 8];

export function bytesOfType(type: number, idBytes: number): number {
  return type === OBJECT_TYPE ? idBytes : (PRIMITIVE_BYTES[type] ?? 0);
}

/** Bytes from a part's tag to the end of its fixed fields, by tag; 0 for what is none. */
export function headBytes(idBytes: number): Uint8Array {
  const sizes = new Uint8Array(256);
  for (const [tag, { ids, bytes }] of PARTS) sizes[tag] = 1 + ids * idBytes + bytes;
  return sizes;
}
