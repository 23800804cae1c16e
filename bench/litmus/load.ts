/** Litmus files: the bundled ones, and a user's, checked against the schema. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../errors.ts';
import { Value } from '../typebox.ts';
import { type Program, ProgramSchema, StepSchema } from './schema.ts';

const LIBRARY = new URL('./library/', import.meta.url);

/** The programs that come with the package, in the order of their names; or those of another folder of it. */
export function bundledPrograms(folder: URL = LIBRARY): Program[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => loadProgram(fileURLToPath(new URL(name, folder))));
}

/** @throws UsageError that says what is wrong, and where */
export function loadProgram(file: string): Program {
  const program = parse(file);
  const [first] = errorsOf(program);
  if (first !== undefined) throw new UsageError(`${file}: ${first}`);
  return program as Program;
}

function parse(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(
      `${file}: cannot be read (${(error as NodeJS.ErrnoException).code}); name a litmus file`,
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${file}: no JSON: ${(error as Error).message}`);
  }
}

/** What is wrong with it, by JSON path. A step is looked at as the call that it says it is. */
function errorsOf(program: unknown): string[] {
  if (Value.Check(ProgramSchema, program)) return [];
  const found = stepErrors(program);
  if (found.length > 0) return found;
  return [...Value.Errors(ProgramSchema, program)].map(
    ({ instancePath, message }) => `${instancePath || '/'}: ${message}`,
  );
}

function stepErrors(program: unknown): string[] {
  const { steps, after, race } = (program ?? {}) as Record<string, unknown>;
  const lists: [string, unknown][] = [
    ['/steps', steps],
    ['/after', after],
    ...Object.entries((race ?? {}) as object).map(([name, list]): [string, unknown] => [
      `/race/${name}`,
      list,
    ]),
  ];
  return lists.flatMap(([path, list]) =>
    Array.isArray(list) ? list.flatMap((step, i) => stepError(`${path}/${i}`, step)) : [],
  );
}

function stepError(path: string, step: unknown): string[] {
  if (Value.Check(StepSchema, step)) return [];
  const { call } = (step ?? {}) as { call?: unknown };
  const schema = StepSchema.anyOf.find((each) => each.properties.call.const === call);
  if (schema === undefined) {
    const calls = StepSchema.anyOf.map((each) => each.properties.call.const);
    return [`${path}/call: ${JSON.stringify(call)} is no call; the calls are ${calls.join(', ')}`];
  }
  return [...Value.Errors(schema, step)].map(
    ({ instancePath, message }) => `${path}${instancePath}: ${message}`,
  );
}
