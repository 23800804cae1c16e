/**
 * Liveness, beside the mutators: sets the live bits of every marked object, in address order. Marking itself goes
 * through the heap at random, where each table it touches costs a cache miss, and several markers would have to set
 * these bits by atomic operations; one pass in order costs a tenth of that.
 */
import { setBits } from '../../heap/bitmap.ts';
import type { FixedSpace } from '../../heap/fixed-spaces.ts';
import { type HeapTables, LOG_CHUNK_GRANULES } from '../../heap/layout.ts';
import { keep, topOf } from '../../heap/non-moving.ts';
import { LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref, recordGranules } from '../../heap/object.ts';
import { noObjectAt } from '../../heap/verify.ts';
import { readObject } from '../../heap/walk.ts';
import type { PageView } from '../../uffd/kernel.ts';
import { loadAcquire } from '../../uffd/sync.ts';
import type { LivenessLoops } from '../compiled.ts';

// Copies of imported constants, for the hot loops: V8 compiles a module's own constants in as numbers.
const LOG_GRANULES = LOG_PAGE_GRANULES;
const GRANULES = PAGE_GRANULES;
const LOG_CHUNK = LOG_CHUNK_GRANULES;

/** Keeps the marked objects of all spaces whose objects do not move. Answers how many granules they are, space by space. */
export function keepNonMoving(view: PageView, tables: HeapTables): readonly number[] {
  return tables.fixed.map((space) => keepMarked(view, tables, space));
}

function keepMarked(space: PageView, tables: HeapTables, fixed: FixedSpace): number {
  const { markBits } = tables;
  const end = topOf(tables, fixed) << (LOG_GRANULES - LOG_CHUNK);
  // Where objects have pages of their own, no chunk but a page's first has a mark.
  const step = 1 << Math.max(0, fixed.logUnit - LOG_CHUNK);
  let live = 0;
  for (let chunk = fixed.first << (LOG_GRANULES - LOG_CHUNK); chunk < end; chunk += step) {
    for (let bits = loadAcquire(markBits, chunk); bits !== 0; bits &= bits - 1) {
      const object: Ref = (chunk << LOG_CHUNK) + 31 - Math.clz32(bits & -bits);
      const { granules, firstReference, references } = readObject(space, object);
      if (granules <= 0) throw noObjectAt(object, granules, 'after marking');
      keep(tables, object, granules, firstReference + references);
      live += granules;
    }
  }
  return live;
}

/**
 * Sets the live bits of the objects marked in the first `chunks` chunks. Answers how many granules they are.
 * @throws HeapCorruptError
 */
export function setLiveBits(
  space: PageView,
  tables: HeapTables,
  chunks: number,
  compiled: LivenessLoops | null = null,
): number {
  if (compiled === null || space.linear === undefined) return setBitsOfAll(space, tables, chunks);
  const live = compiled.setLiveBits(space.linear, chunks);
  if (live < 0) throw noObjectAt(~live, readObject(space, ~live).granules, 'after marking');
  return live;
}

function setBitsOfAll(space: PageView, tables: HeapTables, chunks: number): number {
  const { markBits, liveness } = tables;
  const { words } = space;
  const end = chunks << LOG_CHUNK;
  let live = 0;
  let page = -1;
  let base = 0;
  for (let chunk = 0; chunk < chunks; chunk++) {
    for (let bits = markBits[chunk] as number; bits !== 0; bits &= bits - 1) {
      const object: Ref = (chunk << LOG_CHUNK) + 31 - Math.clz32(bits & -bits);
      if (object >>> LOG_GRANULES !== page) {
        page = object >>> LOG_GRANULES;
        base = space.readable(page);
      }
      const header = words[base + (object & (GRANULES - 1)) * 2] as number;
      const granules = header < 0 ? readObject(space, object).granules : recordGranules(header);
      if (granules <= 0 || granules > end - object) throw noObjectAt(object, granules, 'after marking');
      setBits(liveness, 2, object, object + granules);
      live += granules;
    }
  }
  return live;
}
