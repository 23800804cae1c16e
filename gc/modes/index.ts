/** The modes by the names of the command line. */
import { continueMode } from './continue.ts';
import { continueWarmMode } from './continue-warm.ts';
import { copyMode } from './copy.ts';
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

export function modeNamed(name: ModeName): MappingMode {
  return MODES[name];
}
