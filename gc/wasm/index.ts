// The collector's inner loops, compiled: for memory that lies in linear memory. The same loops in JavaScript serve where
// it does not, and say what these must do; tests in test/gc run both (compaction-of-random-heaps, tracing,
// marking-beside-mutators).
export { placeLive, setLiveBits } from './liveness';
export { copyLive, forwardReferences, updatePage } from './pages';
export { useBounds, useTables } from './tables';
export {
  findOnCards,
  lastBrokenObject,
  lastBrokenReference,
  lastScanned,
  scan,
  useSpace,
  visitFound,
} from './trace';
