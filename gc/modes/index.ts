/** The modes by the names of the command line, and those that users have written. */
import { PAGE_BYTES } from '../../uffd/kernel.ts';
import { isModule } from '../user-module.ts';
import { continueMode } from './continue.ts';
import { continueWarmMode } from './continue-warm.ts';
import { copyMode } from './copy.ts';
import { HUGE_MODES } from './huge.ts';
import { loadUserMode } from './load.ts';
import type { MappingMode } from './mode.ts';
import { moveMode } from './move.ts';
import { stopTheWorldMode } from './stop-the-world.ts';

export const MODES = {
  continue: continueMode,
  'continue-warm': continueWarmMode,
  copy: copyMode,
  move: moveMode,
  stw: stopTheWorldMode,
} as const;
export type ModeName = keyof typeof MODES;

/** Modes that users have written, as this thread has loaded them: by what they were asked for. */
const loaded = new Map<string, MappingMode>();

/** The mode of that name, or that {@link loadMode} has loaded; undefined if there is none. */
export function findMode(name: string): MappingMode | undefined {
  return Object.hasOwn(MODES, name) ? MODES[name as ModeName] : loaded.get(name);
}

/** The names of the modes that can run on huge pages. */
export const HUGE_MODE_NAMES: readonly string[] = Object.keys(HUGE_MODES);

/**
 * The mode of that name, on pages of that size.
 * @throws RangeError for one that is not known, and was not loaded, or that cannot run on such pages
 */
export function modeNamed(name: string, pageBytes: number = PAGE_BYTES): MappingMode {
  const mode = findMode(name);
  if (mode !== undefined && pageBytes === PAGE_BYTES) return mode;
  const huge = Object.hasOwn(HUGE_MODES, name) ? HUGE_MODES[name] : undefined;
  if (huge !== undefined) return huge;
  if (mode !== undefined)
    throw new RangeError(`page: mode ${name} has no pages of 2 MiB; ${HUGE_MODE_NAMES.join(', ')} have`);
  throw new RangeError(
    `mode ${name} is unknown; known are ${Object.keys(MODES).join(', ')}, and a module of yours, as ./my-mode.js`,
  );
}

/**
 * Loads a mode that a user has written, if the name is a path or a URL of a module: to be called in each thread.
 * @throws ModeError
 */
export async function loadMode(name: string): Promise<void> {
  if (findMode(name) === undefined && isModule(name)) loaded.set(name, await loadUserMode(name));
}

/** Whether a user has written it: it is watched more closely. */
export function isUserMode(name: string): boolean {
  return loaded.has(name);
}
