/**
 * What data words hold, so that a mutator can tell at any time whether an object is still what it was: the first
 * word is the object's tag, and every other follows from the tag and its position.
 */
import type { Mutator } from '../../heap/mutator.ts';
import { RECORD_HEADER_WORDS, type Ref } from '../../heap/object.ts';
import { mix32 } from './random.ts';

const WORD_BYTES = 4;

/** A mutator found something in the heap that it did not leave there. */
export class PayloadError extends Error {
  readonly code = 'PAYLOAD_MISMATCH';
  constructor(mutator: number, object: string, what: string, expected: number, found: number) {
    super(`mutator ${mutator}: ${object}: ${what} should be ${inHexToo(expected)}, found ${inHexToo(found)}`);
    this.name = 'PayloadError';
  }
}

function inHexToo(value: number): string {
  return `${value} (0x${(value >>> 0).toString(16)})`;
}

/** What data word `word` of an object with that tag holds. */
export function payloadWord(tag: number, word: number): number {
  return word === 0 ? tag : mix32(tag + word);
}

/** Fills the data words of a record. */
export function writePayload(m: Mutator, record: Ref, tag: number): void {
  const first = RECORD_HEADER_WORDS + m.referencesOf(record);
  const end = m.bytesOf(record) / WORD_BYTES;
  for (let field = first; field < end; field++) m.store(record, field, payloadWord(tag, field - first));
}

/** The first data word of a record that is not what follows from its tag, or −1. Allocates nothing: it runs all the time. */
export function wrongWord(m: Mutator, record: Ref, tag: number): number {
  const first = RECORD_HEADER_WORDS + m.referencesOf(record);
  const end = m.bytesOf(record) / WORD_BYTES;
  for (let field = first; field < end; field++)
    if (m.load(record, field) !== payloadWord(tag, field - first)) return field - first;
  return -1;
}

/** The error of such a word. `name` says which object the record is. */
export function payloadMismatch(
  m: Mutator,
  record: Ref,
  tag: number,
  word: number,
  name: string,
): PayloadError {
  const found = m.load(record, RECORD_HEADER_WORDS + m.referencesOf(record) + word);
  return mismatch(m, name, `data word ${word}`, payloadWord(tag, word), found);
}

/** The error of a value that is not what it should be. */
export function mismatch(
  m: Mutator,
  name: string,
  what: string,
  expected: number,
  found: number,
): PayloadError {
  return new PayloadError(m.index, name, what, expected, found);
}
