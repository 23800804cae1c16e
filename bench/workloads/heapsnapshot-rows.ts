/** Reads a flat JSON array of whole numbers, in pieces: "nodes" and "edges" of a heap snapshot, nearly all its bytes. */
import type { UsageError } from './workload.ts';

/** Takes the numbers of one array, in order. */
export interface RowReader {
  /** `offset` is where in the file the number ends. */
  take(value: number, offset: number): void;
  /** After the last: all rows must be there. */
  end(): void;
}

export interface RowScanner {
  /**
   * Reads on in a piece, from byte `from`; the piece begins at byte `base` of the file. Answers where the array's ]
   * is, or the piece's length if the array goes on.
   */
  scan(piece: Uint8Array, from: number, base: number): number;
}

const ZERO = 0x30;
const COMMA = 0x2c;
const CLOSE = 0x5d;
const WHITESPACE: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d]);

// What has been read last.
const NOTHING = 0; // the array's [
const DELIMITER = 1;
const DIGIT = 2;
const NUMBER = 3; // digits, and whitespace after them

/** A scanner for what follows the array's [. `unexpected` makes the error for a byte that does not belong there. */
export function createRowScanner(
  rows: RowReader,
  unexpected: (byte: number, offset: number) => UsageError,
): RowScanner {
  let last = NOTHING;
  let value = 0;

  function delimit(byte: number, offset: number): void {
    if (last >= DIGIT) rows.take(value, offset - 1);
    else if (last === DELIMITER || byte === COMMA) throw unexpected(byte, offset);
    value = 0;
    last = DELIMITER;
  }

  function scan(piece: Uint8Array, from: number, base: number): number {
    for (let at = from; at < piece.length; at++) {
      const byte = piece[at] as number;
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9 && last !== NUMBER) {
        value = value * 10 + digit;
        last = DIGIT;
      } else if (byte === COMMA) {
        delimit(byte, base + at);
      } else if (byte === CLOSE) {
        delimit(byte, base + at);
        rows.end();
        return at;
      } else if (!WHITESPACE.has(byte)) {
        throw unexpected(byte, base + at);
      } else if (last === DIGIT) {
        last = NUMBER;
      }
    }
    return piece.length;
  }

  return { scan };
}
