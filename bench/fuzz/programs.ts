/**
 * Random programs: memory of each kind that is mapped, watched and then played with. Most calls are ones that make sense;
 * some are near misses (a fraction of a page, a range too long, a mode that is none), so that every check is met.
 */
import fc from 'fast-check';
import type { Program, Step } from '../litmus/program.ts';
import { THREADS } from '../litmus/program.ts';
import { inHugePages } from './huge.ts';

/** Pages in which things happen: the area goes on beyond. */
const PLAYED = 24;
const FILE_PAGES = 8;

const oneOf = fc.constantFrom;
const flag = fc.boolean();
const thread = oneOf(...THREADS);
const file = oneOf('f', 'f', 'f', 'g');
const uffd = oneOf('u', 'u', 'u', 'v');
const at = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: 0, max: PLAYED - 1 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 * PLAYED }).map((half) => half / 2) },
);
const pages = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 2 }) },
  { weight: 6, arbitrary: fc.integer({ min: 3, max: 8 }) },
  { weight: 1, arbitrary: oneOf(0, 0.5, 1.5, 31) },
);
const filePage = fc.integer({ min: 0, max: FILE_PAGES - 1 });
const value = fc.integer({ min: 1, max: 0xff });
const prot = oneOf('rw', 'rw', 'rw', 'r', 'w', 'none');
/** Almost always what is asked for; now and then a bit that nobody knows. */
const bits = fc.oneof(
  { weight: 40, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: oneOf(4, 8, 64) },
);

/** Some of the names, in one order: a mode. */
function modes<const Names extends readonly string[]>(...names: Names): fc.Arbitrary<Names[number][]> {
  return fc.subarray([...names] as Names[number][]);
}

function step<Call extends Step['call']>(
  weight: number,
  call: Call,
  fields: { [name: string]: fc.Arbitrary<unknown> },
): { weight: number; arbitrary: fc.Arbitrary<Step> } {
  const arbitrary = fc.record({ call: fc.constant(call), ...fields }).map((made) => {
    const given = Object.entries(made).filter(([, each]) => each !== undefined);
    return Object.fromEntries(given) as unknown as Step;
  });
  return { weight, arbitrary };
}

/** What the generator uses of both kernels: what the simulator has. */
const steps = fc.oneof(
  step(14, 'load', { at, thread }),
  step(14, 'store', { at, value, thread }),
  step(10, 'copy', { uffd, at, from: at, pages, mode: modes('DONTWAKE', 'WP'), bits, thread }),
  step(12, 'continue', { uffd, at, pages, mode: modes('DONTWAKE', 'WP'), bits }),
  step(5, 'poison', { uffd, at, pages, mode: modes('DONTWAKE'), bits }),
  step(9, 'writeprotect', {
    uffd,
    at,
    pages,
    mode: oneOf(['WP'], ['WP'], [], ['DONTWAKE'], ['WP', 'DONTWAKE']),
    bits,
  }),
  step(6, 'zeropage', { uffd, at, pages, mode: modes('DONTWAKE'), bits }),
  step(5, 'move', { uffd, at, from: at, pages, mode: modes('DONTWAKE', 'ALLOW_SRC_HOLES'), bits }),
  step(6, 'wake', { uffd, at, pages }),
  step(8, 'register', { uffd, at, pages, mode: modes('MISSING', 'WP', 'MINOR'), bits }),
  step(4, 'unregister', { uffd, at, pages }),
  step(6, 'read', { uffd, messages: oneOf(undefined, 2, 4) }),
  step(2, 'poll', { uffd }),
  step(4, 'madvise', {
    at,
    pages,
    advice: oneOf('DONTNEED', 'DONTNEED', 'FREE', 'REMOVE', 'POPULATE_READ', 'POPULATE_WRITE'),
    thread,
  }),
  step(5, 'fallocate', { file, page: filePage, pages, punch: fc.boolean() }),
  step(2, 'ftruncate', { file, pages: fc.integer({ min: 0, max: FILE_PAGES }) }),
  step(3, 'pread', { file, page: filePage, at, pages, thread }),
  step(3, 'pwrite', { file, page: filePage, at, pages, thread }),
  step(4, 'mmap', {
    at,
    pages,
    prot,
    file: oneOf(undefined, 'f', 'g'),
    page: filePage,
    private: oneOf(undefined, undefined, true),
    thread,
  }),
  step(1, 'munmap', { at, pages, thread }),
  step(3, 'mremap', { at, pages, to: at, keep: flag, thread }),
  step(2, 'mprotect', { at, pages, prot }),
  step(1, 'close', { uffd }),
);

const EVENTS = ['EVENT_REMAP', 'EVENT_REMOVE', 'EVENT_UNMAP'] as const;

/** Private memory, watched. */
function watchAnon(pages: number, mode: readonly ('MISSING' | 'WP')[]): Step {
  return { call: 'register', uffd: 'u', at: 16, pages, mode: [...mode] };
}

const opening = fc
  .record({
    size: fc.integer({ min: 1, max: FILE_PAGES }),
    shared: fc.integer({ min: 1, max: 8 }),
    page: fc.integer({ min: 0, max: 3 }),
    anon: fc.integer({ min: 1, max: 8 }),
    flags: modes('O_NONBLOCK', 'O_NONBLOCK', 'USER_MODE_ONLY'),
    events: oneOf(null, null, EVENTS),
    features: modes('THREAD_ID', 'WP_UNPOPULATED', 'EXACT_ADDRESS', 'WP_ASYNC'),
    mode: modes('MISSING', 'WP', 'MINOR'),
    private: oneOf(undefined, undefined, true),
    anonMode: oneOf(undefined, ['MISSING'], ['WP'], ['MISSING', 'WP']),
  })
  .chain(({ events, ...rest }) =>
    (events === null ? fc.constant([] as string[]) : fc.subarray([...events])).map((asked) => ({
      ...rest,
      asked,
    })),
  )
  .map(({ size, shared, page, anon, flags, features, asked, mode, anonMode, ...kind }): Step[] => [
    { call: 'memfd_create', file: 'f' },
    { call: 'ftruncate', file: 'f', pages: size },
    { call: 'mmap', at: 0, pages: shared, file: 'f', page, ...(kind.private ? { private: true } : {}) },
    { call: 'mmap', at: 8, pages: FILE_PAGES, file: 'f' },
    { call: 'mmap', at: 16, pages: anon },
    // Whether a read that blocks would find an event cannot be told beforehand.
    {
      call: 'userfaultfd',
      uffd: 'u',
      flags: [...new Set(asked.length === 0 ? flags : [...flags, 'O_NONBLOCK' as const])],
    },
    { call: 'api', uffd: 'u', features: [...features, ...asked] },
    { call: 'register', uffd: 'u', at: 0, pages: shared, mode: mode.length === 0 ? ['MISSING'] : mode },
    ...(anonMode === undefined ? [] : [watchAnon(anon, anonMode)]),
  ]);

/** A second file and a second userfaultfd, in some of them. */
const more = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Step[]>([]) },
  {
    weight: 1,
    arbitrary: fc.constant<Step[]>([
      { call: 'memfd_create', file: 'g' },
      { call: 'ftruncate', file: 'g', pages: 4 },
      { call: 'userfaultfd', uffd: 'v', flags: ['O_NONBLOCK'] },
      { call: 'api', uffd: 'v' },
    ]),
  },
  {
    weight: 1,
    arbitrary: fc.subarray([...EVENTS]).map((features): Step[] => [
      { call: 'userfaultfd', uffd: 'v', flags: ['O_NONBLOCK'] },
      { call: 'api', uffd: 'v', features },
    ]),
  },
);

/** Programs of up to so many steps beside those that open them; with `huge` some of them have huge pages. */
export function programs(maxSteps: number, huge: boolean): fc.Arbitrary<Program> {
  const isHuge = huge ? oneOf(false, false, true) : fc.constant(false);
  return fc
    .tuple(opening, more, fc.array(steps, { minLength: 1, maxLength: maxSteps, size: 'max' }), isHuge)
    .map(([first, second, rest, huge]) => {
      const all = [...first, ...second, ...rest];
      return { name: 'found', steps: huge ? inHugePages(all) : all };
    });
}
