/**
 * How programs begin: files, userfaultfds, and three rooms, each a mapping of some kind, registered in some way, with some
 * pages that hold something. All kinds and all ways are as likely, so that each is met with each.
 */
import fc from 'fast-check';
import type { Step } from '../litmus/program.ts';
import {
  FILE_PAGES,
  flag,
  oneOf,
  PLAIN,
  prot,
  ROOM_PAGES,
  ROOMS,
  type Room,
  seldom,
  some,
  value,
  weighted,
} from './arbitraries.ts';
import { MEMORY, MEMORY_KINDS, type MemoryKind, type RegisterMode } from './memory.ts';

/** Each once in so many times: those that are seldom make much else impossible. */
const FEATURES = { THREAD_ID: 2, WP_UNPOPULATED: 2, EXACT_ADDRESS: 4, WP_ASYNC: 4, SIGBUS: 7 } as const;
const BLOCKING = seldom(4);
/** Most ask for none: whoever waits for one to be read is busy for long. */
const EVENTS = weighted<('EVENT_REMAP' | 'EVENT_REMOVE' | 'EVENT_UNMAP')[]>(
  [3, fc.constant([])],
  [1, fc.subarray(['EVENT_REMAP', 'EVENT_REMOVE', 'EVENT_UNMAP'])],
);

/** A userfaultfd, and almost always its handshake. */
export function openUffd(name: string): fc.Arbitrary<Step[]> {
  return fc
    .record({
      flags: some({ USER_MODE_ONLY: 5 }),
      blocking: BLOCKING,
      features: some(FEATURES),
      events: EVENTS,
      mute: seldom(25),
    })
    .map(({ flags, blocking, features, events, mute }): Step[] => {
      // Whether a read that blocks would find an event cannot be told beforehand.
      const blocks = blocking && events.length === 0;
      const handshake: Step = { call: 'api', uffd: name, features: [...features, ...events] };
      return [
        { call: 'userfaultfd', uffd: name, flags: blocks ? flags : ['O_NONBLOCK', ...flags] },
        ...(mute ? [] : [handshake]),
      ];
    });
}

/** A file, of which some pages may be allocated. */
function openFile(name: string): fc.Arbitrary<Step[]> {
  return fc
    .record({
      pages: oneOf(FILE_PAGES, FILE_PAGES, FILE_PAGES, FILE_PAGES, 5, 3, 1),
      page: fc.integer({ min: 0, max: 3 }),
      allocated: fc.integer({ min: 0, max: 4 }),
    })
    .map(({ pages, page, allocated }) => {
      const isPart = allocated > 0 && page + allocated <= pages;
      return [
        { call: 'memfd_create', file: name },
        { call: 'ftruncate', file: name, pages },
        ...(isPart ? [{ call: 'fallocate', file: name, page, pages: allocated } as const] : []),
      ];
    });
}

const ROOM = {
  kind: oneOf(...MEMORY_KINDS),
  file: oneOf('f', 'f', 'g'),
  page: fc.integer({ min: 0, max: 1 }),
  pages: oneOf(4, 5, ROOM_PAGES, ROOM_PAGES, ROOM_PAGES, ROOM_PAGES),
  prot,
  stored: fc.array(fc.record({ page: fc.integer({ min: 0, max: 4 }), value }), { maxLength: 3 }),
  dropped: flag,
  uffd: oneOf('u', 'u', 'u', 'v', 'v', 'w'),
  mode: fc.nat(),
  bare: seldom(12),
  protected: flag,
  hot: fc.integer({ min: 0, max: 3 }),
};

/** The steps that open a room, and what later ones must know of it. */
interface Opened {
  readonly steps: Step[];
  readonly room: Room;
}

/** A mapping with some of its pages, then what watches it. */
function openRoom(at: number): fc.Arbitrary<Opened> {
  return fc.record(ROOM).map(({ kind, file, page, pages, stored, uffd, ...is }) => {
    const range = { at, pages };
    const mode = is.bare ? [] : modeOf(kind, is.mode);
    const steps: Step[] = [
      { call: 'mmap', ...range, prot: is.prot, ...MEMORY[kind].mapped({ file, page }) },
      ...stored.map(({ page, value }): Step => ({ call: 'store', at: at + (page % pages), value })),
    ];
    if (is.dropped && stored.length > 0) steps.push({ call: 'madvise', ...range, advice: 'DONTNEED' });
    if (mode.length > 0) steps.push({ call: 'register', uffd, ...range, mode });
    if (mode.includes('WP') && is.protected)
      steps.push({ call: 'writeprotect', uffd, ...range, mode: ['WP'] });
    return { steps, room: { hot: at + is.hot, uffd } };
  });
}

/** The nth of the modes that memory of the kind can be registered with, round and round. */
function modeOf(kind: MemoryKind, n: number): RegisterMode[] {
  const able: readonly RegisterMode[] = MEMORY[kind].modes;
  const set = 1 + (n % (2 ** able.length - 1));
  return able.filter((_, i) => (set & (1 << i)) !== 0);
}

const plain: Step[] = [
  { call: 'mmap', ...PLAIN },
  { call: 'store', at: PLAIN.at, value: 0x1000 },
];

/** A program's beginning. */
export interface Opening {
  readonly steps: readonly Step[];
  readonly rooms: readonly Room[];
}

export const opening: fc.Arbitrary<Opening> = fc
  .record({
    files: fc.tuple(openFile('f'), openFile('g')),
    uffds: fc.tuple(openUffd('u'), openUffd('v'), openUffd('w')),
    rooms: fc.tuple(...ROOMS.map(openRoom)),
  })
  .map(({ files, uffds, rooms }) => {
    const used = uffds.filter((_, i) => rooms.some(({ room }) => room.uffd === 'uvw'[i]));
    const opened = rooms.flatMap(({ steps }) => steps);
    return {
      steps: [...files.flat(), ...used.flat(), ...plain, ...opened],
      rooms: rooms.map(({ room }) => room),
    };
  });
