/**
 * The entry point `minorfault/modes`: what a mapping mode is written against, to be run with `--mode ./my-mode.js` or
 * `openHeap({ mode: './my-mode.js' })`. A module's default export is the mode; `MODES.continue` and the others are there
 * to be read, and to be built upon.
 */

export { allOrNothing, FlipUndoneError } from '../refusals.ts';
export { MODES, type ModeName } from './index.ts';
export { ModeError } from './load.ts';
export {
  allBytes,
  checked,
  dropPrivate,
  dropRaw,
  flipPrivate,
  hiddenBytes,
  inSteps,
  keepOneMapping,
  mapFile,
  mapMoved,
  mapPrivate,
  movePages,
  placeForView,
  privatePair,
  rehearsePrivateFlip,
  reservePrivatePair,
  reserveStage,
  unwatchAll,
  watchedParts,
} from './mapping.ts';
export type { MappedThread, MappingMode, Ranges, Reservation, ThreadContext } from './mode.ts';
