/**
 * The moving space: pages are handed out in address order from `top` and never one by one given back; compaction
 * makes `top` small again. Everything below `top` parses as objects and filler.
 */
import { cas, loadAcquire, storeRelease } from '../uffd/sync.ts';
import { CONTROL, type HeapTables } from './layout.ts';

/** First page not handed out: the heap is [0, top) pages. */
export function topPage(tables: HeapTables): number {
  return loadAcquire(tables.control, CONTROL.top);
}

/** Sets the top; only while the world is stopped. */
export function setTopPage(tables: HeapTables, page: number): void {
  storeRelease(tables.control, CONTROL.top, page);
}

/** Takes `pages` pages off the free end: the first of them, or −1 if so many are not left. */
export function takePages(tables: HeapTables, pages: number): number {
  for (;;) {
    const top = loadAcquire(tables.control, CONTROL.top);
    if (top + pages > tables.pages) return -1;
    // Claims [top, top + pages); a thread that claimed meanwhile makes us look again.
    if (cas(tables.control, CONTROL.top, top, top + pages)) return top;
  }
}
