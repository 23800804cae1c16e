/**
 * Data with shared memory in it, on its way to another process: that cannot be shared with it, so it gets a copy of each buffer, and
 * what were views of one buffer are views of one buffer there. Plain objects and arrays are looked into, all else is left as it is.
 */

/** As it travels. */
export interface Packed {
  readonly buffers: readonly Uint8Array[];
  readonly data: unknown;
}

/** What makes a view of a buffer. */
type ViewOf = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView;
const VIEWS: Readonly<Record<string, ViewOf>> = Object.fromEntries(
  [Int8Array, Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array].map(
    (view) => [view.name, view as ViewOf],
  ),
);

/** In the place of a shared buffer, or of a view of one. */
class Place {
  readonly packed = true;
  readonly buffer: number;
  readonly view: string | null;
  readonly byteOffset: number;
  readonly length: number;
  constructor(buffer: number, view: string | null, byteOffset: number, length: number) {
    this.buffer = buffer;
    this.view = view;
    this.byteOffset = byteOffset;
    this.length = length;
  }
}

export function pack(data: unknown): Packed {
  const known = new Map<SharedArrayBuffer, number>();
  const numberOf = (buffer: SharedArrayBuffer): number => {
    const number = known.get(buffer) ?? known.size;
    known.set(buffer, number);
    return number;
  };
  const packed = mapped(data, (value) => {
    if (value instanceof SharedArrayBuffer) return new Place(numberOf(value), null, 0, 0);
    if (!ArrayBuffer.isView(value) || !(value.buffer instanceof SharedArrayBuffer)) return value;
    const { name } = value.constructor;
    return new Place(numberOf(value.buffer), name, value.byteOffset, (value as Int8Array).length);
  });
  return { buffers: [...known.keys()].map((buffer) => new Uint8Array(buffer).slice()), data: packed };
}

export function unpack({ buffers, data }: Packed): unknown {
  const shared = buffers.map((bytes) => {
    const buffer = new SharedArrayBuffer(bytes.length);
    new Uint8Array(buffer).set(bytes);
    return buffer;
  });
  return mapped(data, (value) => {
    if (!isPlace(value)) return value;
    const buffer = shared[value.buffer] as SharedArrayBuffer;
    if (value.view === null) return buffer;
    return new (VIEWS[value.view] as ViewOf)(buffer, value.byteOffset, value.length);
  });
}

/** Its class is lost on the way. */
function isPlace(value: unknown): value is Place {
  return typeof value === 'object' && value !== null && 'packed' in value && value.packed === true;
}

/** The data with each value in it replaced, plain objects and arrays from the outside in. */
function mapped(value: unknown, replace: (value: unknown) => unknown): unknown {
  const replaced = replace(value);
  if (replaced !== value || typeof value !== 'object' || value === null) return replaced;
  if (Array.isArray(value)) return value.map((item) => mapped(item, replace));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapped(item, replace)]));
}
