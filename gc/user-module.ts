/** Modules that users name on the command line or in options: a path, or a URL. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A module may wait at its top level for what never comes: without a timer the process would just end. */
const LOADING_MS = 10_000;

/** Whether a name is that of a module: a path, or a URL. */
export function isModule(name: string): boolean {
  return /^file:|[/\\]|\.[cm]?js$/.test(name);
}

/** What the module exports. @throws Error that says in one line why it cannot be loaded */
export async function importModule(name: string): Promise<Readonly<Record<string, unknown>>> {
  const url = name.startsWith('file:') ? name : pathToFileURL(resolve(name)).href;
  try {
    return await inTime(import(url));
  } catch (error) {
    throw new Error(`cannot be loaded: ${error instanceof Error ? error.message : error}`);
  }
}

async function inTime<T>(loading: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const why = `its module has not loaded within ${LOADING_MS / 1000} s; does it await something at its top level?`;
    timer = setTimeout(() => reject(new Error(why)), LOADING_MS);
  });
  try {
    return await Promise.race([loading, late]);
  } finally {
    clearTimeout(timer);
  }
}
