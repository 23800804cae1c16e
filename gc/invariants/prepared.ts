/** What must hold of the tables that a compaction is planned with: I2 (live bits) and P1 to P4. Beside mutators. And P5. */
import { isSet } from '../../heap/bitmap.ts';
import type { HeapTables } from '../../heap/layout.ts';
import { isFiller, LOG_PAGE_GRANULES, PAGE_GRANULES, type Ref } from '../../heap/object.ts';
import { describeRef } from '../../heap/verify.ts';
import { readObject } from '../../heap/walk.ts';
import type { PageView } from '../../uffd/kernel.ts';
import { makeForward } from '../forward.ts';
import type { CompactionPlan } from '../phases/prepare.ts';
import { forMarked } from './marked.ts';
import { assertThat } from './named.ts';

/** Where each live object of the moving space goes, found without the offset vector. */
export interface Places {
  /** In address order, and their new places. */
  readonly objects: readonly Ref[];
  readonly places: readonly Ref[];
}

/** @throws InvariantError */
export function assertPrepared(
  space: PageView,
  tables: HeapTables,
  plan: CompactionPlan,
  black: Ref,
): Places {
  // Each is implied by those after it: what fails first says the most.
  const places = assertPlaces(space, tables, plan, black);
  assertLiveBits(space, tables, plan, black);
  assertOffsets(tables, plan, black);
  assertAscending(tables, plan);
  assertFirsts(space, tables, plan, black);
  return places;
}

function isLive({ liveness }: HeapTables, granule: number): boolean {
  return isSet(liveness, granule, 2);
}

function assertLiveBits(space: PageView, tables: HeapTables, plan: CompactionPlan, black: Ref): void {
  let granule = 0;
  const assertAll = (end: Ref, live: boolean, why: () => string): void => {
    for (; granule < end; granule++) {
      assertThat('I2', isLive(tables, granule) === live, () => `the live bit of granule ${granule} ${why()}`);
    }
  };
  assertAll(plan.prefixPages << LOG_PAGE_GRANULES, true, () => 'is clear, and it is in the dense prefix');
  forMarked(tables, 0, black, (object) => {
    assertAll(object, false, () => 'is set, and no marked object covers it');
    const end = object + readObject(space, object).granules;
    assertAll(end, true, () => `is clear, and it belongs to ${describeRef(object)}`);
  });
  assertAll(black, false, () => 'is set, and no marked object covers it');
}

function assertOffsets({ liveness }: HeapTables, plan: CompactionPlan, black: Ref): void {
  let live = 0;
  for (let chunk = 0; chunk < black >>> 5; chunk++) {
    const [bits, below] = [liveness[2 * chunk] as number, liveness[2 * chunk + 1] as number];
    assertThat('P1', below === live, () => `chunk ${chunk}: ${below} granules below, which are ${live}`);
    for (let left = bits; left !== 0; left &= left - 1) live++;
  }
  const pages = Math.ceil(live / PAGE_GRANULES);
  assertThat(
    'P1',
    plan.liveGranules === live && plan.compactedPages === pages && pages <= black >>> LOG_PAGE_GRANULES,
    () =>
      `the plan is ${plan.liveGranules} granules on ${plan.compactedPages} pages; live are ${live}, on ${pages}`,
  );
}

function assertPlaces(space: PageView, tables: HeapTables, plan: CompactionPlan, black: Ref): Places {
  const blackSlide = black - (plan.compactedPages << LOG_PAGE_GRANULES);
  const forward = makeForward(tables.liveness, {
    blackBegin: black,
    blackSlide,
    nonMoving: Number.MAX_SAFE_INTEGER,
  });
  const [objects, places]: [Ref[], Ref[]] = [[], []];
  const prefix: Ref = plan.prefixPages << LOG_PAGE_GRANULES;
  let next = prefix;
  forMarked(tables, 0, black, (object) => {
    const place = forward(object);
    const where = () => `${describeRef(object)} goes to ${place}, and the live ones below it end at ${next}`;
    assertThat('P2', place === (object < prefix ? object : next) && place <= object, where);
    objects.push(object);
    places.push(place);
    next = Math.max(next, place + readObject(space, object).granules);
  });
  return { objects, places };
}

/** P5, when the watch has ended. */
export function assertPrefix(space: PageView, { markBits }: HeapTables, pages: number): void {
  const end: Ref = pages << LOG_PAGE_GRANULES;
  for (let object: Ref = 0; object < end; ) {
    const { header, granules } = readObject(space, object);
    const isDead = isFiller(header) && object + granules <= end;
    const where = () => `${describeRef(object)} of ${granules} granules is neither`;
    assertThat('P5', granules > 0 && (isSet(markBits, object) || isDead), where);
    object += granules;
  }
}

function assertAscending(
  { firstGranule, firstObject }: HeapTables,
  { compactedPages }: CompactionPlan,
): void {
  for (let page = 1; page < compactedPages; page++) {
    const [before, granule] = [firstGranule[page - 1] as number, firstGranule[page] as number];
    const ascends = before < granule && (firstObject[page - 1] as Ref) <= (firstObject[page] as Ref);
    assertThat(
      'P4',
      ascends,
      () => `page ${page} begins with granule ${granule}, and page ${page - 1} with ${before}`,
    );
  }
}

function assertFirsts(space: PageView, tables: HeapTables, plan: CompactionPlan, black: Ref): void {
  const { firstGranule, firstObject, liveness } = tables;
  const forward = makeForward(liveness, {
    blackBegin: black,
    blackSlide: 0,
    nonMoving: Number.MAX_SAFE_INTEGER,
  });
  for (let page = 0; page < plan.compactedPages; page++) {
    const [granule, object] = [firstGranule[page] as number, firstObject[page] as Ref];
    const where = () => `page ${page} begins with granule ${granule} of ${describeRef(object)}`;
    const belongs = object <= granule && granule < object + readObject(space, object).granules;
    assertThat('P3', granule < black && isLive(tables, granule) && belongs, where);
    assertThat(
      'P3',
      forward(granule) === page << LOG_PAGE_GRANULES,
      () => `${where()}, which goes to ${forward(granule)}`,
    );
  }
}
