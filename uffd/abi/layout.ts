/**
 * Binary structures as data: a table of fields (name, offset, kind) from which the reader and the writer of a
 * structure are derived once, when the module loads. Little-endian whatever the host. Bytes are read one by one:
 * a DataView over the caller's bytes would be an allocation per call, and these run once per batch of pages.
 */

/**
 * What a field holds. `u64` and `s64` are addresses, lengths, modes and counts, held as a number; `mask64` is a
 * set of bits, held as a bigint, because JavaScript's bit operators on numbers see 32 bits only.
 */
export type Kind = 'u8' | 'u32' | 'u64' | 's64' | 'mask64';

/** A field: bytes from the start of the structure, kind, and whether only the kernel writes it. */
export interface Field {
  readonly at: number;
  readonly kind: Kind;
  /** The kernel fills it in and never reads it: a caller may leave it out of what it encodes. */
  readonly out?: true;
}

export type Fields = Readonly<Record<string, Field>>;

/** What a field decodes to. */
export type FieldValue<F extends Field> = F['kind'] extends 'mask64' ? bigint : number;

/** What a structure decodes to. */
export type Decoded<F extends Fields> = { readonly [N in keyof F]: FieldValue<F[N]> };

type OutNames<F extends Fields> = { [N in keyof F]: F[N] extends { out: true } ? N : never }[keyof F];

/** What a structure is encoded from: every field but the kernel's answers, which are zero when left out. */
export type Encodable<F extends Fields> = Omit<Decoded<F>, OutNames<F>> &
  Partial<Pick<Decoded<F>, OutNames<F>>>;

/**
 * The codec of one structure. Every method throws a RangeError if fewer than `size` bytes are there.
 *
 * Numbers are stored modulo 2^bits, as a C conversion does (−1 stores all ones); what is not an integer throws a
 * RangeError. `u64` and `s64` decode to `hi * 2^32 + lo`: exact to ±2^53, and for every multiple of 4096 bytes
 * below 2^64. Other larger values are rounded to the nearest double, so their lowest bits (up to 11 of them) are
 * lost: check the range of a length or an address before its alignment, and compare a mode with `>` its largest
 * value rather than with `&` (which sees the low 32 bits only).
 */
export interface Structure<F extends Fields> {
  /** Linux's name, without `struct`. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly fields: F;
  /** Writes `values` into `into` from byte `at` (a new array unless given) and answers it. Padding becomes zero. */
  encode(values: Encodable<F>, into?: Uint8Array, at?: number): Uint8Array;
  /** Reads the structure that begins at byte `at`. */
  decode(bytes: Uint8Array, at?: number): Decoded<F>;
  /** Writes one field of the structure at the start of `bytes`. */
  put<N extends keyof F>(bytes: Uint8Array, name: N, value: FieldValue<F[N]>): void;
  /** Reads one field of the structure at the start of `bytes`. */
  take<N extends keyof F>(bytes: Uint8Array, name: N): FieldValue<F[N]>;
}

type Value = number | bigint;

interface Access {
  readonly bytes: number;
  readonly load: (from: Uint8Array, at: number) => Value;
  readonly store: (into: Uint8Array, at: number, value: never) => void;
}

const TWO_32 = 2 ** 32;
const scratch = new DataView(new ArrayBuffer(8));

function loadU8(from: Uint8Array, at: number): number {
  return from[at]!;
}

function storeU8(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
}

/** The little-endian 32-bit number at byte `at`. */
export function loadU32(from: Uint8Array, at: number): number {
  return (from[at]! | (from[at + 1]! << 8) | (from[at + 2]! << 16) | (from[at + 3]! << 24)) >>> 0;
}

/** Stores the low 32 bits. */
export function storeU32(into: Uint8Array, at: number, value: number): void {
  into[at] = value >>> 0;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}

/** As a `u64` field decodes. Fault paths read their fields with this one by one, without an object in between. */
export function loadU64(from: Uint8Array, at: number): number {
  return loadU32(from, at + 4) * TWO_32 + loadU32(from, at);
}

/** As an `s64` field decodes. */
export function loadS64(from: Uint8Array, at: number): number {
  return (loadU32(from, at + 4) | 0) * TWO_32 + loadU32(from, at);
}

/** As a `u64` or `s64` field is stored; the caller knows that it is an integer. */
export function store64(into: Uint8Array, at: number, value: number): void {
  storeU32(into, at, value >>> 0);
  storeU32(into, at + 4, Math.floor(value / TWO_32) >>> 0);
}

function loadMask64(from: Uint8Array, at: number): bigint {
  scratch.setUint32(0, loadU32(from, at), true);
  scratch.setUint32(4, loadU32(from, at + 4), true);
  return scratch.getBigUint64(0, true);
}

function storeMask64(into: Uint8Array, at: number, value: bigint): void {
  scratch.setBigUint64(0, value, true);
  storeU32(into, at, scratch.getUint32(0, true));
  storeU32(into, at + 4, scratch.getUint32(4, true));
}

const accessOf = {
  u8: { bytes: 1, load: loadU8, store: storeU8 },
  u32: { bytes: 4, load: loadU32, store: storeU32 },
  u64: { bytes: 8, load: loadU64, store: store64 },
  s64: { bytes: 8, load: loadS64, store: store64 },
  mask64: { bytes: 8, load: loadMask64, store: storeMask64 },
} satisfies Record<Kind, Access>;

/** Throws unless `size` bytes of the structure `name` are there from byte `at`. */
export function requireBytes(name: string, size: number, bytes: Uint8Array, at: number): void {
  if (at >= 0 && bytes.length - at >= size) return;
  const from = at === 0 ? '' : ` from byte ${at}`;
  throw new RangeError(`${name} is ${size} bytes, the buffer has ${bytes.length - at}${from}`);
}

type Row = Access & {
  readonly name: string;
  readonly at: number;
  readonly big: boolean;
  /** What is stored when the caller left the field out, which it may of the kernel's answers only. */
  readonly absent: Value | undefined;
};

function toRow(name: string, { at, kind, out }: Field): Row {
  const big = kind === 'mask64';
  const zero = big ? 0n : 0;
  return { ...accessOf[kind], name, at, big, absent: out ? zero : undefined };
}

/** Stores a field. A double that is no integer would become some other address (NaN page 0, for one). */
function storeField(name: string, row: Row, into: Uint8Array, at: number, value: Value | undefined): void {
  const fits = row.big ? typeof value === 'bigint' : Number.isInteger(value);
  if (!fits)
    throw new RangeError(`${name}.${row.name}: ${value} is not ${row.big ? 'a bigint' : 'an integer'}`);
  row.store(into, at + row.at, value as never);
}

/** The codec of a structure of `size` bytes with these fields. */
export function structure<const F extends Fields>(name: string, size: number, fields: F): Structure<F> {
  const rows = Object.entries(fields).map(([field, row]) => toRow(field, row));
  const rowOf = new Map<keyof F, Row>(rows.map((row) => [row.name, row]));
  const padded = rows.reduce((sum, row) => sum + row.bytes, 0) < size;

  function encode(values: Encodable<F>, into = new Uint8Array(size), at = 0): Uint8Array {
    requireBytes(name, size, into, at);
    if (padded) into.fill(0, at, at + size);
    const given = values as Readonly<Record<string, Value | undefined>>;
    for (const row of rows) storeField(name, row, into, at, given[row.name] ?? row.absent);
    return into;
  }

  function decode(bytes: Uint8Array, at = 0): Decoded<F> {
    requireBytes(name, size, bytes, at);
    const values: Record<string, Value> = {};
    for (const row of rows) values[row.name] = row.load(bytes, at + row.at);
    return values as Decoded<F>;
  }

  function put<N extends keyof F>(bytes: Uint8Array, field: N, value: FieldValue<F[N]>): void {
    requireBytes(name, size, bytes, 0);
    storeField(name, rowOf.get(field)!, bytes, 0, value);
  }

  function take<N extends keyof F>(bytes: Uint8Array, field: N): FieldValue<F[N]> {
    requireBytes(name, size, bytes, 0);
    const row = rowOf.get(field)!;
    return row.load(bytes, row.at) as FieldValue<F[N]>;
  }

  return { name, size, fields, encode, decode, put, take };
}
