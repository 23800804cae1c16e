/** Reads a file of results, which may be anybody's: what is wrong with it is said with its place. */
import { UsageError } from './errors.ts';
import { readJson, requireShape } from './json-file.ts';
import { type Results, ResultsSchema } from './results.ts';

const SCHEMA = /^minorfault\/results\/(\d+)$/;
const OURS = ResultsSchema.properties.schema.const;
const ADVICE = 'use a file that --json wrote';

/** @throws UsageError naming the file, and the place in it where something else was expected */
export function readResults(file: string): Results {
  const value = readJson(file, ADVICE);
  requireSchema(file, value);
  requireShape(file, ResultsSchema, value, ADVICE);
  return value as Results;
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
