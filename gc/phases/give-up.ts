/**
 * Giving a collection up before its flip, the world stopped: the heap is what it was, and what marking and preparing
 * wrote beside it is put back, so that the next collection begins as if this one had not been. Weak handles that marking
 * found dead stay cleared: their objects are.
 */
import { recordCrossings } from '../../heap/allocation.ts';
import { CONTROL, type HeapTables } from '../../heap/layout.ts';
import { clearMarks, endMarkingNew, noteRoom, topsOf } from '../../heap/non-moving.ts';
import type { Ref } from '../../heap/object.ts';
import { topPage } from '../../heap/spaces.ts';
import { noObjectAt } from '../../heap/verify.ts';
import { readObject } from '../../heap/walk.ts';
import type { PageView } from '../../uffd/kernel.ts';
import { storeRelease } from '../../uffd/sync.ts';
import { clearLiveness } from './prepare.ts';

/** `space` is where all objects are; those from `black` on were allocated since marking. `errno` is why. */
export function giveUp(tables: HeapTables, space: PageView, black: Ref, errno: number): void {
  endMarkingNew(tables);
  clearMarks(tables, topsOf(tables));
  clearLiveness(tables, black);
  restoreCrossings(tables, space, black);
  noteRoom(tables);
  storeRelease(tables.control, CONTROL.freeAtFlip, tables.pages - topPage(tables));
  storeRelease(tables.control, CONTROL.refused, Math.abs(errno));
}

/** Preparing has written the crossing map of to-space over that of the pages below `black`. */
function restoreCrossings({ objectAtPage }: HeapTables, space: PageView, black: Ref): void {
  for (let object: Ref = 0; object < black; ) {
    const { granules } = readObject(space, object);
    if (granules <= 0) throw noObjectAt(object, granules, 'while a collection was given up');
    recordCrossings(objectAtPage, object, object + granules);
    object += granules;
  }
}
