/** Reads a sweep file. */
import { UsageError } from '../errors.ts';
import { readJson, requireShape } from '../json-file.ts';
import { type Sweep, SweepSchema } from './schema.ts';

const OURS = SweepSchema.properties.schema.const;
const ADVICE = 'see minorfault sweep --schema';

/** @throws UsageError naming the file, and the place in it where something else was expected */
export function readSweep(file: string): Sweep {
  const value = readJson(file, ADVICE);
  const { schema } = (value ?? {}) as { readonly schema?: unknown };
  if (schema !== OURS)
    throw new UsageError(
      `${file}: schema is ${JSON.stringify(schema) ?? 'absent'}, expected "${OURS}"; ${ADVICE}`,
    );
  requireShape(file, SweepSchema, value, ADVICE);
  return value as Sweep;
}
