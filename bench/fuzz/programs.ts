/**
 * Random programs: memory of each kind that is mapped, watched and then played with. Most calls are ones that make sense;
 * some are near misses (a fraction of a page, a range too long, a mode that is none), so that every check is met. Calls that
 * mean something together come as phrases.
 */
import fc from 'fast-check';
import type { Program, Step } from '../litmus/program.ts';
import {
  at,
  behind,
  bits,
  caller,
  FILE_PAGES,
  file,
  filePage,
  flag,
  from,
  oneOf,
  pages,
  placed,
  prot,
  ROOM_PAGES,
  ROOMS,
  seldom,
  sleeper,
  some,
  step,
  uffd,
  value,
  weighted,
} from './arbitraries.ts';
import { forking, withFork } from './forks.ts';
import { inHugePages } from './huge.ts';
import { opening, openUffd } from './openings.ts';

const loads = step('load', { at, thread: sleeper });
const stores = step('store', { at, value, thread: sleeper });
const access = weighted([1, loads], [1, stores]);
const preads = step('pread', { file, page: filePage, at, pages, thread: caller });
const wakes = some({ DONTWAKE: 3 });
const fillMode = oneOf<('DONTWAKE' | 'WP')[]>([], ['DONTWAKE'], ['WP'], ['DONTWAKE', 'WP'], [], ['WP']);
const copies = step('copy', { uffd, at, from, pages, mode: fillMode, bits, thread: caller });
const continues = step('continue', { uffd, at, pages, mode: fillMode, bits });
const poisons = step('poison', { uffd, at, pages, mode: wakes, bits });
const zeroes = step('zeropage', { uffd, at, pages, mode: wakes, bits });
const moves = step('move', { uffd, at, from, pages, mode: some({ DONTWAKE: 3, ALLOW_SRC_HOLES: 2 }), bits });
const fills = weighted([4, copies], [3, continues], [2, poisons], [2, zeroes], [2, moves]);
const protects = step('writeprotect', {
  uffd,
  at,
  pages,
  mode: oneOf(['WP'], ['WP'], ['WP'], [], [], [], ['DONTWAKE'], ['DONTWAKE'], ['WP', 'DONTWAKE']),
  bits,
});
const protecting = step('writeprotect', { uffd, at, pages: oneOf(1, 2), mode: fc.constant(['WP']) });
const wake = step('wake', { uffd, at, pages });
const registers = step('register', {
  uffd,
  at,
  pages,
  mode: some({ MISSING: 2, WP: 2, MINOR: 2 }),
  bits,
});
const unregisters = step('unregister', { uffd, at, pages });
const maps = step('mmap', {
  at,
  pages,
  prot,
  file: oneOf(undefined, 'f', 'g'),
  page: filePage,
  private: oneOf(undefined, true),
  thread: caller,
});
const reads = step('read', { uffd, messages: oneOf(undefined, 2, 4) });
const drops = step('madvise', {
  at,
  pages,
  advice: oneOf('DONTNEED', 'DONTNEED', 'DONTNEED', 'REMOVE', 'REMOVE', 'FREE'),
  thread: caller,
});
const populates = step('madvise', {
  at,
  pages,
  advice: oneOf('POPULATE_READ', 'POPULATE_WRITE'),
  thread: caller,
});
/** By a thread, which dies of a page that cannot be had, or by a system call, which says so (and may only read). */
const writes = weighted([3, stores], [1, preads], [1, populates]);
const allocates = step('fallocate', { file, page: fc.constant(0), pages: fc.constant(FILE_PAGES) });

/** What the generator uses of both kernels: what the simulator has. */
const single = weighted(
  [20, access],
  [50, fills],
  [9, protects],
  [4, wake],
  [2, registers],
  [1, unregisters],
  [7, reads],
  [1, step('poll', { uffd })],
  [5, drops],
  [2, populates],
  [4, step('fallocate', { file, page: filePage, pages, punch: flag })],
  [1, allocates],
  [1, step('ftruncate', { file, pages: fc.integer({ min: 0, max: FILE_PAGES }) })],
  [3, preads],
  [3, step('pwrite', { file, page: filePage, at, pages, thread: caller })],
  [1, maps],
  [1, step('munmap', { at, pages, thread: caller })],
  [2, step('mremap', { at, pages, to: at, keep: flag, thread: caller })],
  [3, step('mprotect', { at, pages, prot })],
  [1, step('close', { uffd })],
);

/** Steps of which those that are about memory are about the same page. */
function about(...steps: readonly fc.Arbitrary<Step>[]): fc.Arbitrary<Step[]> {
  return fc
    .tuple(at, ...steps)
    .map(([at, ...steps]) => steps.map((each) => ('at' in each ? { ...each, at } : each)));
}

/** Steps about a whole room. */
function throughout(...steps: readonly fc.Arbitrary<Step>[]): fc.Arbitrary<Step[]> {
  const range = oneOf(...ROOMS).map((at) => ({ at, pages: ROOM_PAGES }));
  return fc
    .tuple(range, ...steps)
    .map(([range, ...steps]) => steps.map((each) => ({ ...each, ...range }) as Step));
}

/** The step, of several pages: what can stop it may come after the first. */
function wide(step: fc.Arbitrary<Step>): fc.Arbitrary<Step> {
  return fc.tuple(step, fc.integer({ min: 2, max: 4 })).map(([step, pages]) => ({ ...step, pages }) as Step);
}

/** The step, of part of a page at its end: of huge memory that is a range which cuts a huge page. */
function cut(step: fc.Arbitrary<Step>): fc.Arbitrary<Step> {
  return fc.tuple(step, oneOf(0.5, 1.5)).map(([step, pages]) => ({ ...step, pages }) as Step);
}

/** A page is made to be something, and then moved to where nothing is. */
const moving: fc.Arbitrary<Step[]> = fc
  .tuple(at, oneOf(1, 2), weighted([2, poisons], [1, protecting], [2, zeroes], [2, stores]), drops, moves)
  .map(([from, pages, made, dropped, moved]) => {
    const to = behind(from, pages);
    return [
      { ...made, at: from },
      { ...dropped, at: to, pages },
      { ...moved, at: to, from },
    ] as Step[];
  });

const resolves = weighted([6, fills], [2, protects], [1, wake], [1, unregisters], [1, registers]);

const nearMisses = cut(weighted([4, registers], [1, unregisters], [2, protects], [3, fills]));

/** Steps that follow one another. */
const phrase = weighted<Step[]>(
  [50, single.map((each) => [each])],
  [4, about(drops, fills)],
  [4, about(wide(fills), drops, wide(fills))],
  [4, about(protecting, writes, resolves)],
  [4, about(protecting, writes, drops, weighted([2, fills], [1, poisons]))],
  [2, about(access, resolves)],
  [3, about(access, reads, resolves)],
  [2, about(access, reads, wide(fills))],
  [3, about(access, drops, fills)],
  [2, about(access, allocates, continues)],
  [3, moving],
  [2, about(maps, registers)],
  [3, throughout(registers)],
  [1, throughout(unregisters, registers)],
  [3, throughout(resolves)],
  [3, nearMisses.map((each) => [each])],
  [1, oneOf('u', 'v', 'w').chain(openUffd)],
);

/** What one program in so many (0: none) has: huge pages, or else a second process. */
export interface Kinds {
  readonly huge: number;
  readonly forks: number;
}

/** Programs of up to so many steps beside those that open them. */
export function programs(maxSteps: number, { huge, forks }: Kinds): fc.Arbitrary<Program> {
  const isHuge = huge === 0 ? fc.constant(false) : seldom(huge);
  const rest = fc.array(phrase, { minLength: 1, maxLength: maxSteps, size: 'max' });
  // Weights are what is wanted: no bias to the smallest and the largest of everything.
  const fork = forks === 0 ? fc.constant(null) : forking(forks, maxSteps);
  const all = fc.tuple(opening, rest, isHuge, fork);
  return fc.noBias(all).map(([{ steps, rooms }, phrases, huge, fork]) => {
    const played = phrases
      .flat()
      .slice(0, maxSteps)
      .map((each) => placed(each, rooms));
    if (huge) return { name: 'found', steps: inHugePages([...steps, ...played]) };
    return { name: 'found', steps: fork === null ? [...steps, ...played] : withFork(steps, played, fork) };
  });
}
