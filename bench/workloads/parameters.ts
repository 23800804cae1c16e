/** From `--set name=value` to the values a workload runs with. */
import { parseSize } from '../sizes.ts';
import { suggestion } from '../suggest.ts';
import {
  type ParameterSpec,
  type Parameters,
  type ParameterValue,
  UsageError,
  type WorkloadRequest,
} from './workload.ts';

type Specs = Readonly<Record<string, ParameterSpec>>;

/** A parameter that every workload has. */
export const OPERATIONS = {
  summary: 'operations of each mutator between one collection and the next',
  type: 'integer',
  min: 1,
} as const;

/**
 * Every parameter's value: what the request sets, or its default.
 * @throws UsageError for a name that is not among the specs, and for a value that is malformed or out of range
 */
export function resolveParameters(specs: Specs, request: WorkloadRequest): Parameters {
  const names = Object.keys(specs);
  for (const name of request.settings.keys()) {
    if (!names.includes(name)) throw unknownParameter(name, names);
  }
  const resolved: Record<string, ParameterValue> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const text = request.settings.get(name);
    resolved[name] = text === undefined ? defaultOf(spec, request, resolved) : parseValue(name, text, spec);
  }
  return resolved;
}

/** The value of a parameter that is a number. */
export function numberOf(parameters: Parameters, name: string): number {
  const value = parameters[name];
  if (typeof value !== 'number') throw new TypeError(`parameter ${name} is no number: ${value}`);
  return value;
}

function unknownParameter(name: string, known: readonly string[]): UsageError {
  return new UsageError(
    `--set ${name}: no such parameter${suggestion(name, known)}; the parameters are ${known.join(', ')}`,
  );
}

function defaultOf(spec: ParameterSpec, request: WorkloadRequest, before: Parameters): ParameterValue {
  return typeof spec.default === 'function' ? spec.default(request, before) : spec.default;
}

function parseValue(name: string, text: string, spec: ParameterSpec): ParameterValue {
  if (spec.type === 'path') return text;
  const value = parseNumber(name, text, spec.type);
  const { min = -Infinity, max = Infinity } = spec;
  if (value < min || value > max) {
    throw new UsageError(`--set ${name}=${text}: out of range; give ${rangeInWords(spec)}`);
  }
  return value;
}

function parseNumber(name: string, text: string, type: 'integer' | 'number' | 'size'): number {
  if (type === 'size') return parseSizeOf(name, text);
  const value = text.trim() === '' ? Number.NaN : Number(text);
  const good = type === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (good) return value;
  const wanted = type === 'integer' ? 'a whole number' : 'a number';
  throw new UsageError(`--set ${name}=${text}: not ${wanted}; give ${wanted}, as in --set ${name}=1`);
}

function parseSizeOf(name: string, text: string): number {
  try {
    return parseSize(text);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`--set ${name}=${error.message}`);
    throw error;
  }
}

function rangeInWords({ min, max }: ParameterSpec): string {
  if (min === undefined) return `at most ${max}`;
  return max === undefined ? `at least ${min}` : `${min} to ${max}`;
}
