/** What must hold before the marking pause ends: I1 to I4. All of these need the world stopped. */
import { isSet, nextBit } from '../../heap/bitmap.ts';
import { isDirty } from '../../heap/cards.ts';
import type { HeapTables } from '../../heap/layout.ts';
import { topOf } from '../../heap/non-moving.ts';
import { isFiller, LOG_PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import { topPage } from '../../heap/spaces.ts';
import { describeRef } from '../../heap/verify.ts';
import { readObject, readWord } from '../../heap/walk.ts';
import { forHandleTargets } from '../../heap/weak.ts';
import type { PageView } from '../../uffd/kernel.ts';
import { assertThat } from './named.ts';

function isMarked({ markBits }: HeapTables, object: Ref): boolean {
  return isSet(markBits, object);
}

/** Calls `tell` with every marked object of granules [first, end), in address order. */
export function forMarked({ markBits }: HeapTables, first: Ref, end: Ref, tell: (object: Ref) => void): void {
  for (let at = nextBit(markBits, 1, first, end); at < end; at = nextBit(markBits, 1, at + 1, end)) tell(at);
}

/** Calls `tell` with each reference, but for nulls, of every marked object. */
function forReferences(
  space: PageView,
  tables: HeapTables,
  tell: (object: Ref, word: number, target: Ref) => void,
): void {
  const visit = (object: Ref): void => {
    const { firstReference, references } = readObject(space, object);
    for (let word = firstReference; word < firstReference + references; word++) {
      const target = readWord(space, word);
      if (target !== 0) tell(object, word, target);
    }
  };
  forMarked(tables, 0, topPage(tables) << LOG_PAGE_GRANULES, visit);
  for (const space of tables.fixed)
    forMarked(tables, space.first << LOG_PAGE_GRANULES, topOf(tables, space) << LOG_PAGE_GRANULES, visit);
}

/** I4: the world has just stopped, and no card has been looked at since. */
export function assertCards(space: PageView, tables: HeapTables): void {
  forReferences(space, tables, (object, word, target) =>
    assertThat(
      'I4',
      isMarked(tables, target) || isDirty(tables, word),
      () => `${describeRef(object)} refers to ${describeRef(target)} from word ${word}, whose card is clean`,
    ),
  );
}

/** I1, I2 (mark bits) and I3: marking is done. */
export function assertMarked(space: PageView, tables: HeapTables): void {
  assertParses(space, tables);
  forReferences(space, tables, (object, word, target) =>
    assertThat(
      'I1',
      isMarked(tables, target),
      () => `${describeRef(object)} refers to ${describeRef(target)} from word ${word}, which is not marked`,
    ),
  );
  forRoots(tables, (target, where) =>
    assertThat(
      'I1',
      target === 0 || isMarked(tables, target),
      () => `${where()} is ${describeRef(target)}, which is not marked`,
    ),
  );
}

/** Calls `tell` with what each root refers to, and each weak handle whose object is alive. */
export function forRoots(tables: HeapTables, tell: (target: Ref, where: () => string) => void): void {
  for (const [mutator, roots] of tables.roots.entries()) {
    for (let i = 1; i <= (roots[0] as number); i++)
      tell(roots[i] as Ref, () => `mutator ${mutator}: root slot ${i - 1}`);
  }
  forHandleTargets(tables, tell);
}

function assertParses(space: PageView, tables: HeapTables): void {
  const top = topPage(tables) << LOG_PAGE_GRANULES;
  let object = 0;
  while (object < top) {
    const { header, granules } = readObject(space, object);
    const where = () =>
      `${describeRef(object)}: its header says ${granules} granules, and the top is at ${top}`;
    assertThat('I3', granules > 0 && object + granules <= top, where);
    const firstInside = nextBit(tables.markBits, 1, object + 1, object + granules);
    assertThat(
      'I2',
      firstInside === object + granules,
      () => `granule ${firstInside} is marked, inside ${describeRef(object)}`,
    );
    const isDeadSpace = isFiller(header) && object > 0;
    assertThat(
      'I2',
      !(isDeadSpace && isMarked(tables, object)),
      () => `filler is marked: ${describeRef(object)}`,
    );
    object += granules;
  }
}
