/**
 * How programs begin: files, userfaultfds, and three rooms, each a mapping of some kind, registered in some way, with some
 * pages that hold something. All kinds and all ways are as likely, so that each is met with each.
 */
import fc from 'fast-check';
import type { Step } from '../litmus/program.ts';
import {
  FILE_PAGES,
  features,
  flag,
  modes,
  oneOf,
  prot,
  ROOM_PAGES,
  ROOMS,
  seldom,
  value,
} from './arbitraries.ts';
import { MEMORY, MEMORY_KINDS, type RegisterMode } from './memory.ts';

/** Once in so many times. Those that are seldom make much else impossible. */
const FEATURES = {
  THREAD_ID: 2,
  WP_UNPOPULATED: 2,
  EXACT_ADDRESS: 4,
  WP_ASYNC: 5,
  SIGBUS: 12,
} as const;
const FLAGS = features({ USER_MODE_ONLY: 5 });
const NONBLOCKING = oneOf<string[]>(['O_NONBLOCK'], ['O_NONBLOCK'], ['O_NONBLOCK'], []);

/** A userfaultfd, and almost always its handshake. */
export function openUffd(name: string): fc.Arbitrary<Step[]> {
  return fc
    .record({ flags: FLAGS, nonblocking: NONBLOCKING, features: features(FEATURES), mute: seldom(12) })
    .map(({ flags, nonblocking, features, mute }) => [
      { call: 'userfaultfd', uffd: name, flags: [...nonblocking, ...flags] as ['O_NONBLOCK'] },
      ...(mute ? [] : [{ call: 'api', uffd: name, features } as const]),
    ]);
}

function openFile(name: string): fc.Arbitrary<Step[]> {
  return fc
    .record({
      pages: oneOf(FILE_PAGES, FILE_PAGES, 5, 4, 3, 1),
      page: fc.integer({ min: 0, max: 3 }),
      allocated: fc.integer({ min: 0, max: 4 }),
    })
    .map(({ pages, page, allocated }) => [
      { call: 'memfd_create', file: name },
      { call: 'ftruncate', file: name, pages },
      ...(allocated === 0 || page + allocated > pages
        ? []
        : [{ call: 'fallocate', file: name, page, pages: allocated } as const]),
    ]);
}

const ROOM = {
  kind: oneOf(...MEMORY_KINDS),
  file: oneOf('f', 'f', 'g'),
  page: fc.integer({ min: 0, max: 2 }),
  pages: oneOf(2, 4, 6, ROOM_PAGES, ROOM_PAGES, ROOM_PAGES),
  prot,
  stored: fc.array(fc.record({ page: fc.integer({ min: 0, max: 4 }), value }), { maxLength: 3 }),
  dropped: flag,
  uffd: oneOf('u', 'u', 'u', 'u', 'v', 'w'),
  mode: modes('MISSING', 'WP', 'MINOR'),
  protected: flag,
};

/** A mapping with some of its pages, then what watches it. */
function openRoom(at: number): fc.Arbitrary<Step[]> {
  return fc.record(ROOM).map(({ kind, file, page, pages, stored, dropped, uffd, mode, ...is }) => {
    const range = { at, pages };
    const able = mode.filter((each) => (MEMORY[kind].modes as readonly RegisterMode[]).includes(each));
    const steps: Step[] = [
      { call: 'mmap', ...range, prot: is.prot, ...MEMORY[kind].mapped({ file, page }) },
      ...stored.map(({ page, value }): Step => ({ call: 'store', at: at + (page % pages), value })),
    ];
    if (dropped && stored.length > 0) steps.push({ call: 'madvise', ...range, advice: 'DONTNEED' });
    if (able.length > 0) steps.push({ call: 'register', uffd, ...range, mode: able });
    if (able.includes('WP') && is.protected)
      steps.push({ call: 'writeprotect', uffd, ...range, mode: ['WP'] });
    return steps;
  });
}

/** Steps, once in so many times. */
function sometimes(times: number, steps: fc.Arbitrary<Step[]>): fc.Arbitrary<Step[]> {
  return fc.tuple(seldom(times), steps).map(([has, each]) => (has ? each : []));
}

/** Steps by which a program begins. */
export const opening: fc.Arbitrary<Step[]> = fc
  .tuple(
    openFile('f'),
    sometimes(2, openFile('g')),
    openUffd('u'),
    sometimes(2, openUffd('v')),
    sometimes(4, openUffd('w')),
    ...ROOMS.map(openRoom),
  )
  .map((parts) => parts.flat());
