/** Damages the bytes of a dump as chance has it: what a bad copy, a bug of a writer, or malice might do. */
import { below, type Random } from '../metrics/random.ts';

/** Values at which lengths, counts and offsets go wrong. */
const NUMBERS = [
  ...[0, 1, 2, 3, 4, 7, 8, 9, 16, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000],
  ...[0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_fffe, 0xffff_ffff],
];
const WIDTHS = [1, 2, 4, 8];
/** What makes up a .heapsnapshot; of no meaning in a .hprof. */
const TOKENS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\u12',
    '-',
    '.',
    '1e9',
    'null',
    'true',
    ' ',
    '\n',
    '[[[[[[[[',
    ']]]]',
  ],
  ...['"snapshot":', '"nodes":[', '"edges":[', '"strings":[', '"nodes":[],', '"edges":[],', '\u00e4'],
  ...['4294967295', '4294967296', '99999999999999999999', '1e400', '0', '-1', '0.5'],
];
const LONGEST = 64; // bytes that are inserted, left out or moved at a time
const MOST_CHANGES = 6;

type Mutation = (bytes: Buffer, random: Random, other: Buffer) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  /** Flips a bit. */
  (bytes, random) => {
    const at = below(random, bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << below(random, 8));
    return bytes;
  },
  /** A byte of any value. */
  (bytes, random) => {
    bytes[below(random, bytes.length)] = below(random, 256);
    return bytes;
  },
  /** Random bytes in between. */
  (bytes, random) => spliced(bytes, below(random, bytes.length + 1), 0, noise(random)),
  /** A token in between, or in the place of something. */
  (bytes, random) =>
    spliced(bytes, below(random, bytes.length + 1), below(random, 4), Buffer.from(pick(TOKENS, random))),
  /** A part left out. */
  (bytes, random) => spliced(bytes, below(random, bytes.length), 1 + below(random, LONGEST), Buffer.alloc(0)),
  /** The end left out. */
  (bytes, random) => bytes.subarray(0, below(random, bytes.length)),
  /** A part once more, somewhere. */
  (bytes, random) => {
    const from = below(random, bytes.length);
    const part = Buffer.from(bytes.subarray(from, from + 1 + below(random, LONGEST)));
    return spliced(bytes, below(random, bytes.length + 1), 0, part);
  },
  /** A part over another: identifiers and counts change places. */
  (bytes, random) => {
    const width = pick(WIDTHS, random);
    const from = below(random, bytes.length);
    bytes.copy(bytes, below(random, bytes.length), from, from + width);
    return bytes;
  },
  /** The beginning of one dump and the end of another. */
  (bytes, random, other) =>
    Buffer.concat([
      bytes.subarray(0, below(random, bytes.length)),
      other.subarray(below(random, other.length)),
    ]),
  /** An interesting number, in binary. */
  (bytes, random) => {
    const at = below(random, bytes.length);
    const width = Math.min(pick(WIDTHS, random), bytes.length - at);
    writeNumber(bytes, at, width, BigInt(pick(NUMBERS, random)));
    return bytes;
  },
  /** A binary number that is one off. */
  (bytes, random) => {
    const at = below(random, bytes.length);
    const width = Math.min(4, bytes.length - at);
    const step = below(random, 2) === 0 ? 1 : -1;
    writeNumber(bytes, at, width, BigInt(bytes.readUIntBE(at, width) + step));
    return bytes;
  },
  /** Another number in the place of one in decimals. */
  (bytes, random) => {
    const digits = [...bytes.toString('latin1').matchAll(/\d+/g)];
    if (digits.length === 0) return bytes;
    const { index, 0: text } = pick(digits, random);
    const number = below(random, 2) === 0 ? pick(NUMBERS, random) : Number(text) + below(random, 3) - 1;
    return spliced(bytes, index, text.length, Buffer.from(String(number)));
  },
];

/** A damaged copy of `bytes`; `other` is a dump of the same kind. One in 64 is left whole. */
export function mutated(bytes: Uint8Array, other: Uint8Array, random: Random): Buffer {
  let changed = Buffer.from(bytes);
  if (below(random, 64) === 0) return changed;
  for (let changes = 1 + below(random, MOST_CHANGES); changes > 0 && changed.length > 0; changes--)
    changed = Buffer.from(pick(MUTATIONS, random)(changed, random, Buffer.from(other)));
  return changed;
}

/** The bytes in up to five pieces. */
export function cut(bytes: Uint8Array, random: Random): Uint8Array[] {
  const cuts = Array.from({ length: below(random, 5) }, () => below(random, bytes.length + 1));
  const ends = [...cuts.sort((a, b) => a - b), bytes.length];
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

function spliced(bytes: Buffer, at: number, without: number, part: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at + without)]);
}

function noise(random: Random): Buffer {
  return Buffer.from(Array.from({ length: 1 + below(random, LONGEST) }, () => below(random, 256)));
}

function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[below(random, items.length)] as Item;
}

function writeNumber(bytes: Buffer, at: number, width: number, value: bigint): void {
  for (let i = 0; i < width; i++) bytes[at + i] = Number((value >> BigInt(8 * (width - 1 - i))) & 0xffn);
}
