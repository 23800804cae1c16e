// Where the heap's tables lie in linear memory, and what one collection is made from. Each thread has an instance of its
// own, so these are the thread's; the tables are shared, and written in the same words as by heap/ and gc/.

export let markBits: usize = 0;
export let liveness: usize = 0;
export let firstGranule: usize = 0;
export let firstObject: usize = 0;
/** The crossing map: for each page the object that reaches onto it from below. */
export let objectAtPage: usize = 0;
/** Chunks of 32 granules that there are mark bits of, and liveness: raw data has no liveness. */
export let chunks: u32 = 0;
export let livenessChunks: u32 = 0;
/** First granule of the non-moving space. */
export let nonMoving: u32 = 0;

export function useTables(
  markBitsAt: usize,
  livenessAt: usize,
  firstGranuleAt: usize,
  firstObjectAt: usize,
  objectAtPageAt: usize,
  allChunks: u32,
  chunksOfLiveness: u32,
  nonMovingBegin: u32,
): void {
  markBits = markBitsAt;
  liveness = livenessAt;
  firstGranule = firstGranuleAt;
  firstObject = firstObjectAt;
  objectAtPage = objectAtPageAt;
  chunks = allChunks;
  livenessChunks = chunksOfLiveness;
  nonMoving = nonMovingBegin;
}

/** First granule of the objects allocated since marking, and granules by which those move down. */
export let blackBegin: u32 = 0;
export let blackSlide: u32 = 0;

export function useBounds(begin: u32, slide: u32): void {
  blackBegin = begin;
  blackSlide = slide;
}

/** The answer of what checks objects, if all is well. */
export const SOUND: i32 = -1;
