/** Reads a file of results, which may be anybody's: what is wrong with it is said with its place. */
import { readFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import { UsageError } from './errors.ts';
import { type Results, ResultsSchema } from './results.ts';

const SCHEMA = /^minorfault\/results\/(\d+)$/;
const OURS = ResultsSchema.properties.schema.const;

/** @throws UsageError naming the file, and the place in it where something else was expected */
export function readResults(file: string): Results {
  const value = parse(file, read(file));
  requireSchema(file, value);
  const [wrong] = Value.Errors(ResultsSchema, value);
  if (wrong === undefined) return value as Results;
  throw new UsageError(
    `${file}: ${placeOf(wrong.instancePath)} ${wrong.message}; use a file that --json wrote`,
  );
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`${file}: cannot be read: ${(error as Error).message}`);
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(`${file}: is no JSON, or half of it: ${message}; use a file that --json wrote`);
  }
}

/** Of which kind it says that it is: other kinds and other versions are told apart from what is malformed. */
function requireSchema(file: string, value: unknown): void {
  const schema = (value as { schema?: unknown } | null)?.schema;
  if (schema === OURS) return;
  const expected = `this minorfault reads ${OURS}`;
  if (SCHEMA.test(String(schema)))
    throw new UsageError(
      `${file}: its schema is ${schema}, and ${expected}; read it with the minorfault that wrote it`,
    );
  const found = typeof schema === 'string' ? `its schema is ${schema}` : 'it has no schema';
  throw new UsageError(`${file}: ${found}, and ${expected}; use a file that --json of compare or run wrote`);
}

/** As `runs[0].mode`. */
function placeOf(path: string): string {
  const parts = path.split('/').slice(1);
  const place = parts.map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`)).join('');
  return place === '' ? 'it' : place.replace(/^\./, '');
}
