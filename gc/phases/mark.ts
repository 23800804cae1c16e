/**
 * Marking, in the marking pause: sets the mark bit of every object reachable from a root, and the live bits of all
 * its granules. Depth first, with an explicit stack that cannot overflow: each object is pushed once.
 */
import { setBits } from '../../heap/bitmap.ts';
import type { HeapTables } from '../../heap/layout.ts';
import {
  GRANULE_BYTES,
  LOG_PAGE_GRANULES,
  PAGE_GRANULES,
  RECORD_HEADER_WORDS,
  type Ref,
  recordGranules,
  recordReferences,
} from '../../heap/object.ts';
import { noObjectAt, outsideHeap } from '../../heap/verify.ts';
import { readObject, readWord } from '../../heap/walk.ts';
import { PAGE_WORDS, type PageView } from '../../uffd/kernel.ts';

// Copies of imported constants, for the hot loops: V8 compiles a module's own constants in as numbers.
const LOG_GRANULES = LOG_PAGE_GRANULES;
const GRANULES = PAGE_GRANULES;
const HEADER = RECORD_HEADER_WORDS;
const WORDS = PAGE_WORDS;

/** What marking found. */
export interface MarkResult {
  readonly objects: number;
  readonly granules: number;
}

/** Room for every object that a heap of so many bytes can hold. */
export function allocateMarkStack(heapBytes: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer((heapBytes / GRANULE_BYTES) * 4));
}

/** Marks from all roots. The nil object at granule 0 is always live, so that reference 0 stays null. */
export function mark(space: PageView, tables: HeapTables, stack: Int32Array): MarkResult {
  const { markBits, liveness } = tables;
  let depth = 0;
  let objects = 0;
  let granulesLive = 0;

  function visit(ref: Ref): void {
    const word = markBits[ref >>> 5];
    if (word === undefined) throw outsideHeap(ref, 'while marking');
    const bit = 1 << (ref & 31);
    if ((word & bit) !== 0) return;
    markBits[ref >>> 5] = word | bit;
    stack[depth++] = ref;
  }

  function setLive(object: Ref, granules: number): void {
    if (granules <= 0) throw noObjectAt(object, granules, 'while marking');
    objects++;
    granulesLive += granules;
    setBits(liveness, 2, object, object + granules);
  }

  /** The common case: a record whose references lie on the page it begins on. */
  function scan(object: Ref): void {
    const { words } = space;
    const at = (object & (GRANULES - 1)) * 2;
    const base = space.readable(object >>> LOG_GRANULES) + at;
    const header = words[base] as number;
    const references = recordReferences(header);
    if (header < 0 || at + HEADER + references > WORDS) {
      scanSlowly(object);
      return;
    }
    setLive(object, recordGranules(header));
    for (let i = 0; i < references; i++) {
      const ref = words[base + HEADER + i] as number;
      if (ref !== 0) visit(ref);
    }
  }

  function scanSlowly(object: Ref): void {
    const { granules, firstReference, references } = readObject(space, object);
    setLive(object, granules);
    for (let i = 0; i < references; i++) {
      const ref = readWord(space, firstReference + i);
      if (ref !== 0) visit(ref);
    }
  }

  visit(0);
  for (const roots of tables.roots) {
    const count = roots[0] as number;
    for (let i = 1; i <= count; i++) visit(roots[i] as number);
  }
  while (depth > 0) scan(stack[--depth] as number);
  return { objects, granules: granulesLive };
}
