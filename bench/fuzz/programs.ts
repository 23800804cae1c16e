/**
 * Random programs: memory of each kind that is mapped, watched and then played with. Most calls are ones that make sense;
 * some are near misses (a fraction of a page, a range too long, a mode that is none), so that every check is met. Calls that
 * mean something together come as phrases.
 */
import fc from 'fast-check';
import type { Program, Step } from '../litmus/program.ts';
import {
  at,
  bits,
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
  some,
  step,
  thread,
  uffd,
  value,
  weighted,
} from './arbitraries.ts';
import { opening, openUffd } from './openings.ts';

const loads = step('load', { at, thread });
const stores = step('store', { at, value, thread });
const access = weighted([1, loads], [1, stores]);
const wakes = some({ DONTWAKE: 3 });
const fillMode = some({ DONTWAKE: 3, WP: 3 });
const copies = step('copy', { uffd, at, from, pages, mode: fillMode, bits, thread });
const continues = step('continue', { uffd, at, pages, mode: fillMode, bits });
const poisons = step('poison', { uffd, at, pages, mode: wakes, bits });
const zeroes = step('zeropage', { uffd, at, pages, mode: wakes, bits });
const moves = step('move', { uffd, at, from, pages, mode: some({ DONTWAKE: 3, ALLOW_SRC_HOLES: 2 }), bits });
const fills = weighted([3, copies], [3, continues], [2, poisons], [2, zeroes], [2, moves]);
const protects = step('writeprotect', {
  uffd,
  at,
  pages,
  mode: oneOf(['WP'], ['WP'], ['WP'], [], [], [], ['DONTWAKE'], ['DONTWAKE'], ['WP', 'DONTWAKE']),
  bits,
});
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
});
const drops = step('madvise', { at, pages, advice: oneOf('DONTNEED', 'DONTNEED', 'REMOVE'), thread });
const populates = step('madvise', { at, pages, advice: oneOf('POPULATE_READ', 'POPULATE_WRITE'), thread });

/** What the generator uses of both kernels: what the simulator has. */
const single = weighted(
  [20, access],
  [50, fills],
  [9, protects],
  [4, wake],
  [2, registers],
  [1, unregisters],
  [5, step('read', { uffd, messages: oneOf(undefined, 2, 4) })],
  [1, step('poll', { uffd })],
  [5, drops],
  [2, populates],
  [5, step('fallocate', { file, page: filePage, pages, punch: flag })],
  [1, step('ftruncate', { file, pages: fc.integer({ min: 0, max: FILE_PAGES }) })],
  [3, step('pread', { file, page: filePage, at, pages, thread })],
  [3, step('pwrite', { file, page: filePage, at, pages, thread })],
  [1, maps],
  [1, step('munmap', { at, pages })],
  [2, step('mremap', { at, pages, to: at, keep: flag })],
  [2, step('mprotect', { at, pages, prot })],
  [1, step('close', { uffd })],
);

/** Steps about the same page. */
function about(...steps: readonly fc.Arbitrary<Step>[]): fc.Arbitrary<Step[]> {
  return fc.tuple(at, ...steps).map(([at, ...steps]) => steps.map((each) => ({ ...each, at }) as Step));
}

/** Steps about a whole room. */
function throughout(...steps: readonly fc.Arbitrary<Step>[]): fc.Arbitrary<Step[]> {
  const range = oneOf(...ROOMS).map((at) => ({ at, pages: ROOM_PAGES }));
  return fc
    .tuple(range, ...steps)
    .map(([range, ...steps]) => steps.map((each) => ({ ...each, ...range }) as Step));
}

const resolves = weighted([6, fills], [2, protects], [1, wake], [1, unregisters], [1, registers]);
const protecting = step('writeprotect', { uffd, at, pages: oneOf(1, 2), mode: fc.constant(['WP']) });

/** Steps that follow one another. */
const phrase = weighted<Step[]>(
  [50, single.map((each) => [each])],
  [6, about(drops, fills)],
  [3, about(protecting, stores, resolves)],
  [3, about(protecting, stores, drops, fills)],
  [4, about(access, resolves)],
  [3, about(access, drops, fills)],
  [2, about(maps, registers)],
  [3, throughout(registers)],
  [1, throughout(unregisters, registers)],
  [3, throughout(resolves)],
  [1, oneOf('u', 'v', 'w').chain(openUffd)],
);

/** Programs of up to so many steps beside those that open them. */
export function programs(maxSteps: number): fc.Arbitrary<Program> {
  const rest = fc.array(phrase, { minLength: 1, maxLength: maxSteps, size: 'max' });
  // Weights are what is wanted: no bias to the smallest and the largest of everything.
  return fc.noBias(fc.tuple(opening, rest)).map(([{ steps, rooms }, phrases]) => {
    const played = phrases.flat().slice(0, maxSteps);
    return { name: 'found', steps: [...steps, ...played.map((each) => placed(each, rooms))] };
  });
}
