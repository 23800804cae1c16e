/**
 * Workloads by name, and those that users have written: a module that exports a {@link Workload} as `workload`. What it lacks
 * is named before anything runs.
 */
import { existsSync } from 'node:fs';
import { importModule, isModule } from '../../gc/user-module.ts';
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { suggestion } from '../suggest.ts';
import { workloads } from './index.ts';
import {
  type ParameterSpec,
  type PreparedWorkload,
  UsageError,
  type Workload,
  type WorkloadRequest,
} from './workload.ts';

const TYPES: readonly string[] = ['integer', 'number', 'size', 'path'] satisfies ParameterSpec['type'][];

/** The workload of that name, or of the module at that path or URL. @throws UsageError */
export async function findWorkload(name: string): Promise<Workload> {
  const known = workloads.get(name);
  if (known !== undefined) return known;
  if (isModule(name)) return loadUserWorkload(name);
  const names = [...workloads.keys()];
  throw new UsageError(
    `${name}: no such workload${suggestion(name, names)}; the workloads are ${names.join(', ')}, ` +
      'and a module of yours, as ./my-workload.js',
  );
}

async function loadUserWorkload(name: string): Promise<Workload> {
  const { workload } = await importModule(name).catch((error: Error) => {
    throw new UsageError(`workload ${name}: ${error.message}`);
  });
  const wrong = wrongOfWorkload(workload);
  if (wrong !== null) throw broken(name, wrong);
  const sound = workload as Workload;
  const { summary, parameters, module } = sound;
  return {
    ...{ name: sound.name, summary, parameters, module },
    async prepare(request) {
      const prepared: unknown = await unlessIdle(name, sound.prepare(request));
      const lacks = wrongOfPrepared(prepared, request);
      if (lacks !== null) throw broken(name, `prepare() answered ${lacks}`);
      return prepared as PreparedWorkload;
    },
  };
}

/** Who waits for what never comes would just end the process. */
async function unlessIdle<T>(name: string, preparing: Promise<T>): Promise<T> {
  let onIdle = (): void => {};
  const idle = new Promise<never>((_resolve, reject) => {
    onIdle = () => reject(broken(name, 'prepare() awaits what never comes'));
  });
  process.once('beforeExit', onIdle);
  try {
    return await Promise.race([preparing, idle]);
  } finally {
    process.off('beforeExit', onIdle);
  }
}

function broken(name: string, what: string): UsageError {
  return new UsageError(`workload ${name}: ${what}; see Workload of minorfault/workload`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** What about the export is not as a workload must be, or null. */
function wrongOfWorkload(found: unknown): string | null {
  if (!isObject(found)) return 'its module has no object as export `workload`';
  for (const member of ['name', 'summary'] as const)
    if (typeof found[member] !== 'string' || found[member] === '')
      return `${member} ${shown(found[member])}, and must be a text`;
  const { module, parameters } = found;
  if (!(module instanceof URL) || module.protocol !== 'file:')
    return `module ${shown(module)}, and must be the URL of a file, as new URL(import.meta.url)`;
  if (!existsSync(module)) return `module is ${module}, and there is no such file`;
  if (typeof found.prepare !== 'function') return `prepare ${shown(found.prepare)}, and must be a function`;
  if (!isObject(parameters)) return `parameters ${shown(parameters)}, and must be an object`;
  for (const [name, spec] of Object.entries(parameters)) {
    const wrong = isObject(spec) ? wrongOfParameter(spec) : `${shown(spec)}, and must be an object`;
    if (wrong !== null) return `parameters.${name}${isObject(spec) ? '.' : ' '}${wrong}`;
  }
  return null;
}

function wrongOfParameter(spec: Readonly<Record<string, unknown>>): string | null {
  const { summary, type, default: value, derived = '', min = -Infinity, max = Infinity } = spec;
  if (typeof summary !== 'string') return `summary ${shown(summary)}, and must be a text`;
  if (typeof derived !== 'string') return `derived ${shown(derived)}, and must be a text`;
  if (!TYPES.includes(type as string)) return `type ${shown(type)}, and must be one of ${TYPES.join(', ')}`;
  if (typeof min !== 'number' || typeof max !== 'number' || !(min <= max))
    return `min ${shown(spec.min)} and max ${shown(spec.max)}, and must be numbers, the less and the greater`;
  const kind = type === 'path' ? 'string' : 'number';
  if (typeof value === kind || typeof value === 'function') return null;
  return `default ${shown(value)}, and must be a ${kind} or a function that answers one`;
}

/** What about the answer of prepare() is not as it must be, or null. */
function wrongOfPrepared(found: unknown, { heapBytes }: WorkloadRequest): string | null {
  if (!isObject(found)) return 'no object';
  const { parameters, liveBytes, nonMovingBytes = 0, largeBytes = 0 } = found;
  if (!isObject(parameters)) return `parameters that ${shown(parameters)}, and must be an object`;
  for (const [name, value] of Object.entries(parameters))
    if (!(typeof value === 'string' || Number.isFinite(value)))
      return `parameters.${name} that ${shown(value)}, and must be a number or a text`;
  if (!isBytes(liveBytes, heapBytes))
    return `liveBytes that ${shown(liveBytes)}, and must be a whole number, at most the heap's ${heapBytes}`;
  for (const [name, bytes] of Object.entries({ nonMovingBytes, largeBytes }))
    if (!isBytes(bytes, heapBytes) || bytes % PAGE_BYTES !== 0)
      return `${name} that ${shown(bytes)}, and must be bytes of whole pages, less than the heap's ${heapBytes}`;
  return wrongOfData(found.data);
}

/** Mutators get a copy of the data, in another process. */
function wrongOfData(data: unknown): string | null {
  try {
    structuredClone(data);
    return null;
  } catch (error) {
    return `data that cannot be sent to a mutator (${(error as Error).message})`;
  }
}

function isBytes(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

function shown(value: unknown): string {
  if (value === undefined) return 'is missing';
  return typeof value === 'number' || typeof value === 'string'
    ? `is ${JSON.stringify(value)}`
    : `is ${value === null ? 'null' : `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`}`;
}
