/**
 * The verifier: walks the whole heap from its first word to its top and says exactly what is wrong where. It needs
 * the world stopped, and no collection between its flip and its end.
 *
 * Invariants (facts page, E6): the heap parses without a gap; every reference, of an object, a root or a weak handle, is null or
 * the start of an object; the crossing map names the object that covers each page's first granule. Where objects do not
 * move the same holds of each run of units in use.
 *
 * Cannot check: whether a reference is the *right* one. Workloads carry payload checksums for that.
 */
import type { PageView } from '../uffd/kernel.ts';
import { nextBit, nextClear } from './bitmap.ts';
import type { FixedSpace } from './fixed-spaces.ts';
import type { HeapTables } from './layout.ts';
import { topOf, usedNow } from './non-moving.ts';
import {
  FILLER_SHAPE,
  GRANULE_BYTES,
  headerWords,
  LOG_PAGE_GRANULES,
  PAGE_GRANULES,
  type Ref,
  shapeOf,
} from './object.ts';
import { topPage } from './spaces.ts';
import { type ObjectParts, readObject, readWord } from './walk.ts';
import { forHandleTargets } from './weak.ts';

/** What a walk over a sound heap found. */
export interface HeapSurvey {
  readonly objects: number;
  readonly objectBytes: number;
  readonly fillerBytes: number;
  readonly references: number;
}

/** The heap violates an invariant. `problems` are the first of them, one line each. */
export class HeapCorruptError extends Error {
  readonly code = 'HEAP_CORRUPT';
  readonly problems: readonly string[];
  constructor(when: string, problems: readonly string[]) {
    super(`verification ${when}: ${problems.length} problem(s), the first: ${problems[0]}`);
    this.name = 'HeapCorruptError';
    this.problems = problems;
  }
}

const MOST_PROBLEMS = 20;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Walks the heap. @throws HeapCorruptError naming `when` (for instance "after collection 3") */
export function verifyHeap(view: PageView, tables: HeapTables, when: string): HeapSurvey {
  const problems: string[] = [];
  const top = topPage(tables) << LOG_PAGE_GRANULES;
  const starts = makeStarts(tables);
  const runs = [
    { first: 0, end: top, unit: 1 },
    ...tables.fixed.flatMap((space) => runsInUse(tables, space)),
  ];
  const survey = { objects: 0, objectBytes: 0, fillerBytes: 0, references: 0 };
  for (const run of runs) walkObjects(view, tables, run, { starts, survey, problems });
  if (problems.length === 0) {
    for (const run of runs) checkReferences(view, run, starts, problems);
    checkRoots(tables, starts, problems);
    checkHandles(tables, starts, problems);
  }
  if (problems.length > 0) throw new HeapCorruptError(when, problems);
  return survey;
}

/** Granules [first, end) in which one object follows the other, each in whole units. */
interface Run {
  readonly first: Ref;
  readonly end: number;
  readonly unit: number;
}

/** The runs of a space that are in use. */
function runsInUse(tables: HeapTables, space: FixedSpace): readonly Run[] {
  const { first: firstPage, logUnit } = space;
  const base = firstPage << LOG_PAGE_GRANULES;
  const use = usedNow(tables, space);
  const end = ((topOf(tables, space) - firstPage) << LOG_PAGE_GRANULES) >>> logUnit;
  const runs: Run[] = [];
  for (let first = nextBit(use, 1, 0, end); first < end; ) {
    const stop = nextClear(use, first, end);
    runs.push({ first: base + (first << logUnit), end: base + (stop << logUnit), unit: 1 << logUnit });
    first = nextBit(use, 1, stop, end);
  }
  return runs;
}

/** Where the object after one of that size begins. */
function after(object: Ref, granules: number, unit: number): Ref {
  return object + Math.ceil(granules / unit) * unit;
}

/** How an object is named in a message: its reference and the address from the heap's base. */
export function describeRef(object: Ref): string {
  const page = object >>> LOG_PAGE_GRANULES;
  return `object ${object} (heap + 0x${(object * GRANULE_BYTES).toString(16)}, page ${page})`;
}

/** What a thread throws that comes to an object without a size: it could not go on to the next one. */
export function noObjectAt(object: Ref, granules: number, when: string): HeapCorruptError {
  return new HeapCorruptError(when, [`${describeRef(object)}: its header says ${granules} granules`]);
}

/** What a thread throws that comes to a reference which no table has an entry for. */
export function outsideHeap(ref: Ref, when: string): HeapCorruptError {
  return new HeapCorruptError(when, [`a root or a reference is ${ref}, outside the heap`]);
}

function walkObjects(
  view: PageView,
  tables: HeapTables,
  { first, end, unit }: Run,
  { starts, survey, problems }: { starts: Starts; survey: Mutable<HeapSurvey>; problems: string[] },
): void {
  for (let object = first; object < end; ) {
    const parts = readObject(view, object);
    const problem = unsoundHeader(parts, object, end);
    if (problem !== null) {
      report(problems, problem); // where the next object begins is unknown: the walk ends here
      break;
    }
    checkCrossings(tables, object, parts.granules, problems);
    if (shapeOf(parts.header) === FILLER_SHAPE && object > 0) {
      survey.fillerBytes += parts.granules * GRANULE_BYTES;
    } else {
      starts.add(object);
      survey.objects++;
      survey.objectBytes += parts.granules * GRANULE_BYTES;
      survey.references += parts.references;
    }
    object = after(object, parts.granules, unit);
  }
}

function unsoundHeader(parts: ObjectParts, object: Ref, top: number): string | null {
  const { header, granules, references } = parts;
  const shown = `header 0x${(header >>> 0).toString(16)}`;
  if (header === 0)
    return `${describeRef(object)}: no object begins here (${shown}), where the one before it ends`;
  if (granules <= 0 || object + granules > top) {
    return `${describeRef(object)}: ${shown} says ${granules} granules, which ends past the top at granule ${top}`;
  }
  if (references < 0 || headerWords(header) + references > granules * 2) {
    return `${describeRef(object)}: ${shown} says ${references} references in ${granules} granules`;
  }
  return null;
}

function checkCrossings(tables: HeapTables, object: Ref, granules: number, problems: string[]): void {
  const last = (object + granules - 1) >>> LOG_PAGE_GRANULES;
  for (let page = (object + PAGE_GRANULES - 1) >>> LOG_PAGE_GRANULES; page <= last; page++) {
    const recorded = tables.objectAtPage[page] as number;
    if (recorded === object) continue;
    report(
      problems,
      `page ${page}: the crossing map says object ${recorded}, but ${describeRef(object)} covers it`,
    );
  }
}

function checkReferences(
  view: PageView,
  { first, end, unit }: Run,
  starts: Starts,
  problems: string[],
): void {
  for (let object = first; object < end; ) {
    const parts = readObject(view, object);
    for (let i = 0; i < parts.references; i++) {
      const target = readWord(view, parts.firstReference + i);
      if (isObject(target, starts)) continue;
      report(problems, `${describeRef(object)}: reference ${i} is ${target}, where no object begins`);
    }
    object = after(object, parts.granules, unit);
  }
}

function checkRoots(tables: HeapTables, starts: Starts, problems: string[]): void {
  tables.roots.forEach((slots, mutator) => {
    const count = slots[0] as number;
    for (let i = 1; i <= count; i++) {
      const target = slots[i] as number;
      if (isObject(target, starts)) continue;
      report(problems, `mutator ${mutator}: root slot ${i - 1} is ${target}, where no object begins`);
    }
  });
}

function checkHandles(tables: HeapTables, starts: Starts, problems: string[]): void {
  forHandleTargets(tables, (target, where) => {
    if (!isObject(target, starts)) report(problems, `${where()} refers to ${target}, where no object begins`);
  });
}

/** Null, or the start of an object that is no filler. */
function isObject(target: Ref, starts: Starts): boolean {
  return target === 0 || (target > 0 && starts.has(target));
}

/** Where objects begin: a bit a granule, of those that any space has. */
interface Starts {
  readonly add: (object: Ref) => void;
  readonly has: (target: Ref) => boolean;
}

function makeStarts({ watchedEnd, endPage, fixed: [, , raw] }: HeapTables): Starts {
  const end = watchedEnd << LOG_PAGE_GRANULES;
  const gap = (raw.first - watchedEnd) << LOG_PAGE_GRANULES;
  const bits = new Uint8Array((watchedEnd + raw.end - raw.first) << (LOG_PAGE_GRANULES - 3));
  const place = (object: Ref) => (object < end ? object : object - gap);
  return {
    add(object) {
      const at = place(object);
      bits[at >>> 3] = (bits[at >>> 3] as number) | (1 << (at & 7));
    },
    has(target) {
      const at = place(target);
      const isInHeap = target < end || at >= end;
      return (
        isInHeap &&
        target < endPage << LOG_PAGE_GRANULES &&
        ((bits[at >>> 3] as number) & (1 << (at & 7))) !== 0
      );
    },
  };
}

function report(problems: string[], problem: string): void {
  if (problems.length < MOST_PROBLEMS) problems.push(problem);
}
