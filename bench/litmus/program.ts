/**
 * A userfaultfd program as data: memory that it maps, and the system calls and accesses of a few threads, one after
 * the other. What runs it (stage.ts) notes after each step what the kernel answered, who woke and what there is.
 *
 * Addresses and lengths are in pages (4 KiB) from the program's area on, which both kernels have at places of their own; a
 * fraction of a page is one: 2.5 is the middle of page 2. From page 512 on there is room for huge pages (hugetlb, 2 MiB), each
 * of them 512 pages: those of a program that makes any are looked at too. Names of flags are Linux's, without what is the same in all.
 */
import type { Expectation, Program, Step, StepOf } from './schema.ts';

export type { Expectation, Program, Step, StepOf };

/** Pages of the area. What lies beyond is unmapped, up to the room for huge pages. */
export const AREA_PAGES = 32;
/** First page of the room for huge pages, and of each of them. */
export const HUGE = 512;
/** How many huge pages there is room for. */
export const HUGE_ROOM = 8;
/** How many there are, in the pool of either kernel. */
export const HUGE_POOL = 8;
/** Threads that may sleep in a fault; a step of no thread is one of who watches, and cannot sleep. */
export const THREADS = ['T0', 'T1', 'T2'] as const;
/** The one thread of a forked process. */
export const CHILD = 'C';

export type ThreadName = (typeof THREADS)[number] | typeof CHILD;

/** Whether the program has huge pages. */
export function hasHugePages({ steps, after = [], race = {} }: Program): boolean {
  const all = [...steps, ...after, ...Object.values(race).flat()];
  return all.some((step) => 'huge' in step && step.huge === true);
}

const MAY_SLEEP: ReadonlySet<Step['call']> = new Set([
  'load',
  'store',
  'copy',
  'pread',
  'pwrite',
  'madvise',
  'fork',
]);

const MAY_RAISE_EVENTS: ReadonlySet<Step['call']> = new Set(['mmap', 'munmap', 'mremap']);

/** Names are given by who watches. */
const NAMES_SOMETHING: ReadonlySet<Step['call']> = new Set(['memfd_create', 'userfaultfd', 'fork', 'exit']);

/**
 * The thread that makes the step in lock step; null: who watches makes it, since it cannot sleep. Where a userfaultfd has asked
 * for events, so can more calls.
 */
export function threadOf(step: Step, hasEvents: boolean): ThreadName | null {
  if (step.child && !NAMES_SOMETHING.has(step.call)) return CHILD;
  const maySleep = MAY_SLEEP.has(step.call) || (hasEvents && MAY_RAISE_EVENTS.has(step.call));
  return maySleep ? (('thread' in step ? step.thread : undefined) ?? 'T0') : null;
}
