/**
 * Modes that users have written: a module whose default export is a {@link MappingMode}. What it lacks is named before
 * anything runs; what it answers wrongly, where it does.
 */
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { importModule } from '../user-module.ts';
import type { MappedThread, MappingMode } from './mode.ts';

/** A mode that a user has written cannot be loaded (`MODE_NOT_LOADED`), or does not do what it must (`MODE_BROKEN`). */
export class ModeError extends Error {
  readonly code: 'MODE_NOT_LOADED' | 'MODE_BROKEN';
  constructor(code: ModeError['code'], mode: string, what: string) {
    super(`mode ${mode}: ${what}`);
    this.name = 'ModeError';
    this.code = code;
  }
}

type Kind = 'string' | 'boolean' | 'bigint' | 'function';
type MayLack = 'keepsPrefix' | 'movesPages' | 'unitPages' | 'poolPages';
const OF_MODE: Readonly<Record<Exclude<keyof MappingMode, MayLack>, Kind>> = {
  name: 'string',
  concurrent: 'boolean',
  anyonePublishes: 'boolean',
  untouchedStay: 'boolean',
  updatesInPlace: 'boolean',
  features: 'bigint',
  needs: 'function',
  reserve: 'function',
  attach: 'function',
};
const OF_THREAD = [
  'livingSpace',
  'fromSpace',
  'flip',
  'rehearseFlip',
  'target',
  'slot',
  'publish',
  'unwatch',
] as const satisfies readonly (keyof MappedThread)[];

/** @throws ModeError */
export async function loadUserMode(name: string): Promise<MappingMode> {
  const { default: found } = await importModule(name).catch((error: Error) => {
    throw new ModeError('MODE_NOT_LOADED', name, error.message);
  });
  if (typeof found !== 'object' || found === null) {
    throw new ModeError(
      'MODE_BROKEN',
      name,
      'its module has no object as default export; export a MappingMode',
    );
  }
  const mode = found as Record<string, unknown>;
  for (const [member, kind] of Object.entries(OF_MODE)) {
    if (typeof mode[member] !== kind) throw lacks(name, member, kind, mode[member]);
  }
  return checkedMode(name, found as MappingMode);
}

/** What the mode's functions answer is looked at wherever they are called. */
function checkedMode(name: string, mode: MappingMode): MappingMode {
  return {
    ...mode,
    needs: (r) => numbersOf(name, 'needs', mode.needs(r), ['memoryBytes', 'addressBytes']),
    reserve: (kernel, r) =>
      numbersOf(name, 'reserve', mode.reserve(kernel, r), [
        'heap',
        'heapBytes',
        'nonMovingBytes',
        'spanBytes',
      ]),
    attach: (context) => checkedThread(name, mode.attach(context)),
  };
}

function numbersOf<T extends object>(name: string, method: string, answer: T, of: readonly string[]): T {
  const found = (answer ?? {}) as Record<string, unknown>;
  const lacking = of.filter((member) => !Number.isSafeInteger(found[member]));
  if (lacking.length === 0) return answer;
  const what = `${method}() answered ${JSON.stringify(answer)}, without ${lacking.join(', ')}: whole numbers`;
  throw new ModeError('MODE_BROKEN', name, what);
}

function checkedThread(name: string, thread: MappedThread): MappedThread {
  for (const method of OF_THREAD) {
    const found: unknown = thread?.[method];
    if (typeof found !== 'function')
      throw lacks(name, `${method}() of what attach() answers`, 'function', found);
  }
  return {
    ...thread,
    slot(page, batchFirst, isAnew) {
      const index = thread.slot(page, batchFirst, isAnew);
      if (Number.isInteger(index) && index >= 0) return index;
      const what = `slot(${page}, ${batchFirst}, ${isAnew}) answered ${index}, and must answer an index in target()`;
      throw new ModeError('MODE_BROKEN', name, what);
    },
    publish(first, pages, batchFirst) {
      const outcome = thread.publish(first, pages, batchFirst);
      const { done, errno } = outcome ?? {};
      if (isPages(done, pages) && Number.isInteger(errno) && (done > 0 || errno !== 0)) return outcome;
      const answer = JSON.stringify(outcome);
      const wanted = '{ done, errno }: bytes of whole pages, and an errno if there are none';
      throw new ModeError(
        'MODE_BROKEN',
        name,
        `publish(${first}, ${pages}) answered ${answer}, and must ${wanted}`,
      );
    },
  };
}

function isPages(bytes: unknown, most: number): bytes is number {
  return (
    Number.isInteger(bytes) && (bytes as number) % PAGE_BYTES === 0 && (bytes as number) <= most * PAGE_BYTES
  );
}

function lacks(name: string, member: string, kind: Kind, found: unknown): ModeError {
  const what = found === undefined ? 'is missing' : `is a ${typeof found}`;
  return new ModeError('MODE_BROKEN', name, `${member} ${what}, and must be a ${kind}; see MappingMode`);
}
