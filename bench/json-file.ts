/** Files of JSON that others wrote: what is wrong with one is said with the file and the place in it. */
import { readFileSync } from 'node:fs';
import type { TSchema } from 'typebox';
import { UsageError } from './errors.ts';
import { Value } from './typebox.ts';

/**
 * What the file holds. `advice` says which file to use instead.
 * @throws UsageError for a file that cannot be read, or that is no JSON
 */
export function readJson(file: string, advice: string): unknown {
  const text = readText(file);
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(`${file}: is no JSON, or half of it: ${message}; ${advice}`);
  }
}

/** @throws UsageError for what is no file, or cannot be read */
export function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file}: cannot be read: ${(error as Error).message}`);
  }
}

/**
 * Makes sure that the value has the schema's shape.
 * @throws UsageError naming the file, and the place in it where something else was expected
 */
export function requireShape(file: string, schema: TSchema, value: unknown, advice: string): void {
  const [wrong] = Value.Errors(schema, value);
  if (wrong === undefined) return;
  // What may not be there is checked against a schema that nothing fulfils.
  const what = wrong.keyword === 'boolean' ? 'is no field that is known here' : wrong.message;
  throw new UsageError(`${file}: ${placeOf(wrong.instancePath)} ${what}; ${advice}`);
}

/** As `runs[0].mode`. */
function placeOf(path: string): string {
  const parts = path.split('/').slice(1);
  const place = parts.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join('');
  return place === '' ? 'it' : place.replace(/^\./, '');
}
