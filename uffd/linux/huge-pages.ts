/**
 * What the book of a machine tells of huge pages (hugetlb): which mappings are of them. The kernel rounds the lengths of those
 * up to whole ones, and refuses to cut one; the book must say what the kernel does.
 */
import { HUGE_PAGE_BYTES, PAGE_BYTES } from '../kernel.ts';
import * as table from './intervals.ts';
import { keepingBook, type LinuxMachine } from './machine.ts';

/** In the tag of a range of huge pages, above the descriptor, or what else the tag says. */
const HUGE = 2 ** 31;

export function hugeTag(tag: number): number {
  return tag + HUGE;
}

export function isHuge(tag: number): boolean {
  return tag >= HUGE - 1; // −1 says that it is of no file
}

/** The tag without what it says of huge pages. */
export function plainTag(tag: number): number {
  return isHuge(tag) ? tag - HUGE : tag;
}

/** `length` rounded up to whole pages of the size that is asked for. */
export function roundUp(length: number, huge: boolean): number {
  const page = huge ? HUGE_PAGE_BYTES : PAGE_BYTES;
  return Math.ceil(length / page) * page;
}

/** Whether huge pages are mapped at the address. */
export function isHugeAt(m: LinuxMachine, address: number): boolean {
  return keepingBook(m, () => isHuge(table.tagAt(m.ranges, address)));
}

/** Whether an end of [start, end) lies within a huge page that is mapped. */
export function cutsHugePage(m: LinuxMachine, start: number, end: number): boolean {
  return [start, end].some((edge) => edge % HUGE_PAGE_BYTES !== 0 && isHugeAt(m, edge));
}
