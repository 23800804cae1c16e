/** The modes by the names of the command line. */
import { continueMode } from './continue.ts';
import { copyMode } from './copy.ts';
import type { MappingMode } from './mode.ts';
import { stopTheWorldMode } from './stop-the-world.ts';

export const MODES = { continue: continueMode, copy: copyMode, stw: stopTheWorldMode } as const;
export type ModeName = keyof typeof MODES;

export function modeNamed(name: ModeName): MappingMode {
  return MODES[name];
}
