/** Sizes as options give them: `64MiB`, `1.5GiB`, or a bare number of bytes. */
import { UsageError } from './errors.ts';

const UNIT_BYTES: ReadonlyMap<string, number> = new Map([
  ['', 1],
  ['KiB', 1024],
  ['MiB', 1024 ** 2],
  ['GiB', 1024 ** 3],
]);
const SIZE = /^(-?\d+(?:\.\d+)?) ?([A-Za-z]*)$/;
const FORMS = 'a size is a number of bytes, or takes KiB, MiB or GiB, as 64MiB';

/**
 * Bytes that the text says. The message of the error starts with the text.
 * @throws UsageError if it is no size, negative, or not a whole number of bytes
 */
export function parseSize(text: string): number {
  const [, amount, unit] = SIZE.exec(text) ?? [];
  const scale = unit === undefined ? undefined : UNIT_BYTES.get(unit);
  if (amount === undefined || scale === undefined) throw new UsageError(`${text}: not a size; ${FORMS}`);
  const bytes = Number(amount) * scale;
  if (bytes < 0) throw new UsageError(`${text}: a size cannot be negative; ${FORMS}`);
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`${text}: not a whole number of bytes; ${FORMS}`);
  return bytes;
}

/**
 * A size that must be whole pages, and at least one.
 * @throws UsageError
 */
export function parsePages(text: string, pageBytes: number): number {
  const bytes = parseSize(text);
  if (bytes === 0) throw new UsageError(`${text}: must be more than zero; ${FORMS}`);
  if (bytes % pageBytes !== 0) {
    throw new UsageError(`${text}: must be a multiple of the page, ${pageBytes} bytes; ${FORMS}`);
  }
  return bytes;
}
