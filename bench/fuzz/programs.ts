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
  hotPages,
  modes,
  oneOf,
  pages,
  placed,
  prot,
  ROOM_PAGES,
  ROOMS,
  step,
  thread,
  uffd,
  value,
  weighted,
} from './arbitraries.ts';
import { opening, openUffd } from './openings.ts';

const wakes = oneOf<'DONTWAKE'[]>([], [], ['DONTWAKE']);

/** DONTWAKE is one of three, other bits one of two. */
function withWakes<const Names extends readonly string[]>(...names: Names) {
  return fc.tuple(wakes, modes(...names)).map(([wake, others]) => [...wake, ...others]);
}

const access = weighted([1, step('load', { at, thread })], [1, step('store', { at, value, thread })]);
const continues = step('continue', { uffd, at, pages, mode: withWakes('WP'), bits });
const copies = step('copy', { uffd, at, from, pages, mode: withWakes('WP'), bits, thread });
const protects = step('writeprotect', {
  uffd,
  at,
  pages,
  mode: oneOf(['WP'], ['WP'], [], [], ['DONTWAKE'], ['WP', 'DONTWAKE']),
  bits,
});
const registers = step('register', { uffd, at, pages, mode: modes('MISSING', 'WP', 'MINOR'), bits });
const drops = step('madvise', { at, pages, advice: oneOf('DONTNEED', 'DONTNEED', 'REMOVE'), thread });

/** What the generator uses of both kernels: what the simulator has. */
const single = weighted(
  [24, access],
  [10, copies],
  [12, continues],
  [6, step('poison', { uffd, at, pages, mode: wakes, bits })],
  [9, protects],
  [7, step('zeropage', { uffd, at, pages, mode: wakes, bits })],
  [8, step('move', { uffd, at, from, pages, mode: withWakes('ALLOW_SRC_HOLES'), bits })],
  [4, step('wake', { uffd, at, pages })],
  [8, registers],
  [4, step('unregister', { uffd, at, pages })],
  [5, step('read', { uffd, messages: oneOf(undefined, 2, 4) })],
  [1, step('poll', { uffd })],
  [5, drops],
  [2, step('madvise', { at, pages, advice: oneOf('POPULATE_READ', 'POPULATE_WRITE'), thread })],
  [5, step('fallocate', { file, page: filePage, pages, punch: flag })],
  [1, step('ftruncate', { file, pages: fc.integer({ min: 0, max: FILE_PAGES }) })],
  [3, step('pread', { file, page: filePage, at, pages, thread })],
  [3, step('pwrite', { file, page: filePage, at, pages, thread })],
  [
    3,
    step('mmap', {
      at,
      pages,
      prot,
      file: oneOf(undefined, 'f', 'g'),
      page: filePage,
      private: oneOf(undefined, undefined, true),
    }),
  ],
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

const resolves = weighted([3, copies], [3, continues], [2, protects], [1, step('wake', { uffd, at, pages })]);
const protecting = step('writeprotect', { uffd, at, pages: oneOf(1, 2), mode: fc.constant(['WP']) });
const storing = step('store', { at, value, thread });

/** Steps that follow one another. */
const phrase = weighted<Step[]>(
  [60, single.map((each) => [each])],
  [6, about(protecting, storing)],
  [4, about(access, resolves)],
  [3, about(access, drops)],
  [2, throughout(step('unregister', { uffd, at, pages }), registers)],
  [3, throughout(resolves)],
  [1, oneOf('u', 'v', 'w').chain(openUffd)],
);

/** Programs of up to so many steps beside those that open them. */
export function programs(maxSteps: number): fc.Arbitrary<Program> {
  const rest = fc.array(phrase, { minLength: 1, maxLength: maxSteps, size: 'max' });
  return fc.tuple(opening, rest, hotPages).map(([first, phrases, hot]) => {
    const steps = phrases.flat().slice(0, maxSteps);
    return { name: 'found', steps: [...first, ...steps.map((each) => placed(each, hot))] };
  });
}
