/**
 * A userfaultfd program as data: memory that it maps, and the system calls and accesses of a few threads, one after
 * the other. What runs it (stage.ts) notes after each step what the kernel answered, who woke and what there is.
 *
 * Addresses and lengths are in pages (4 KiB) from the program's area on, which both kernels have at places of their own; a
 * fraction of a page is one: 2.5 is the middle of page 2. From page 512 on there is room for huge pages (hugetlb, 2 MiB), each
 * of them 512 pages: those of a program that makes any are looked at too. Names of flags are Linux's, without what is the same in all.
 */
import type { Static, TSchema } from 'typebox';
import Type from 'typebox';

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

const At = Type.Number({ minimum: 0 });
const Pages = Type.Number({ minimum: 0 });
const Name = Type.String({ pattern: '^[a-z][a-z0-9]*$' });
const Value = Type.Integer({ minimum: 0, maximum: 0xffff_ffff });
/** Who makes a call that may sleep in a fault (default T0); in a race, whose step it is. */
const Thread = Type.Optional(Type.Enum([...THREADS]));
/** By one call over what is mapped there, all of which must be; else that is unmapped first. */
const Over = Type.Optional(Type.Boolean());
/** The forked process makes the call. It has its parent's names for files and userfaultfds. */
const Child = Type.Optional(Type.Literal(true));
const oneOf = <const Names extends readonly string[]>(...names: Names) =>
  Type.Enum([...names] as Names[number][]);
const some = <const Names extends readonly string[]>(...names: Names) =>
  Type.Optional(Type.Array(oneOf(...names), { uniqueItems: true }));

const Out = Type.Optional(Type.Union([Type.Number(), Type.String()]));
/** What an answer must have (perform.ts: Answer); of messages the ones that are named, in order. */
const expected = {
  is: Type.Optional(Type.String()),
  out: Out,
  value: Type.Optional(Type.Number()),
  messages: Type.Optional(
    Type.Array(
      Type.Object({
        event: Type.Optional(Type.Integer()),
        flags: Type.Optional(Type.Integer()),
        at: Type.Optional(Type.Number()),
        thread: Type.Optional(Type.String()),
        to: Type.Optional(Type.Number()),
        pages: Type.Optional(Type.Number()),
      }),
    ),
  ),
};
const Expected = Type.Object(
  { ...expected, woke: Type.Optional(Type.Record(Type.String(), Type.Object(expected))) },
  { additionalProperties: false },
);

function step<const Call extends string, Fields extends Record<string, TSchema>>(call: Call, fields: Fields) {
  const all = { call: Type.Literal(call), ...fields, child: Child, expect: Type.Optional(Expected) };
  return Type.Object(all, { additionalProperties: false });
}

const Prot = Type.Optional(oneOf('rw', 'r', 'w', 'none'));
const range = { at: At, pages: Pages };
/** Of an ioctl: the userfaultfd, and a mode that no name stands for. */
const on = { uffd: Name, bits: Type.Optional(Type.Integer({ minimum: 0 })) };

export const StepSchema = Type.Union([
  step('memfd_create', { file: Name, huge: Type.Optional(Type.Boolean()) }),
  step('ftruncate', { file: Name, pages: Pages }),
  step('fallocate', { file: Name, page: At, pages: Pages, punch: Type.Optional(Type.Boolean()) }),
  step('mmap', {
    ...range,
    prot: Prot,
    file: Type.Optional(Name),
    page: Type.Optional(At),
    private: Type.Optional(Type.Boolean()),
    /** MAP_HUGETLB: for a mapping of no file. */
    huge: Type.Optional(Type.Boolean()),
    noreserve: Type.Optional(Type.Boolean()),
    over: Over,
    thread: Thread,
  }),
  step('munmap', { ...range, thread: Thread }),
  step('mremap', { ...range, to: At, keep: Type.Optional(Type.Boolean()), over: Over, thread: Thread }),
  step('mprotect', { ...range, prot: Prot }),
  step('madvise', {
    ...range,
    advice: oneOf('DONTNEED', 'FREE', 'REMOVE', 'POPULATE_READ', 'POPULATE_WRITE', 'DONTFORK', 'DOFORK'),
    thread: Thread,
  }),
  /** Once a program. What reads its event from userfaultfd u gets one by the name uchild. */
  step('fork', { thread: Thread }),
  /** The forked process ends. */
  step('exit', {}),
  step('userfaultfd', { uffd: Name, flags: some('O_NONBLOCK', 'USER_MODE_ONLY') }),
  step('api', {
    uffd: Name,
    features: Type.Optional(Type.Array(Type.String())),
    version: Type.Optional(Type.Integer()),
  }),
  step('register', { ...on, ...range, mode: some('MISSING', 'WP', 'MINOR') }),
  step('unregister', { uffd: Name, ...range }),
  step('wake', { uffd: Name, ...range }),
  step('copy', { ...on, ...range, from: At, mode: some('DONTWAKE', 'WP'), thread: Thread }),
  step('zeropage', { ...on, ...range, mode: some('DONTWAKE') }),
  step('continue', { ...on, ...range, mode: some('DONTWAKE', 'WP') }),
  step('move', { ...on, ...range, from: At, mode: some('DONTWAKE', 'ALLOW_SRC_HOLES') }),
  step('poison', { ...on, ...range, mode: some('DONTWAKE') }),
  step('writeprotect', { ...on, ...range, mode: some('WP', 'DONTWAKE') }),
  step('read', { uffd: Name, messages: Type.Optional(Type.Integer({ minimum: 1, maximum: 16 })) }),
  step('poll', { uffd: Name }),
  step('close', { uffd: Name }),
  step('load', { at: At, thread: Thread }),
  step('store', { at: At, value: Value, thread: Thread }),
  step('pread', { file: Name, page: At, at: At, pages: Pages, thread: Thread }),
  step('pwrite', { file: Name, page: At, at: At, pages: Pages, thread: Thread }),
]);

export type Step = Static<typeof StepSchema>;
export type StepOf<Call extends Step['call']> = Extract<Step, { call: Call }>;
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

const Race = Type.Partial(
  Type.Object(
    Object.fromEntries(THREADS.map((name) => [name, Type.Array(StepSchema, { minItems: 1 })])) as Record<
      (typeof THREADS)[number],
      ReturnType<typeof Type.Array<typeof StepSchema>>
    >,
  ),
  { additionalProperties: false },
);

export const ProgramSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    name: Type.String({ pattern: '^[a-z0-9-]+$' }),
    /** The fact that it shows, in a sentence. */
    shows: Type.Optional(Type.String()),
    /** One after the other, each when all threads have answered or sleep. */
    steps: Type.Array(StepSchema, { minItems: 1 }),
    /** Then the steps of each thread, with nothing to hold them together. */
    race: Type.Optional(Race),
    /** Then these, as the first ones. */
    after: Type.Optional(Type.Array(StepSchema)),
    /** Outcomes (outcome.ts) that no kernel may show. */
    forbidden: Type.Optional(Type.Array(Type.String())),
  },
  { additionalProperties: false },
);
export type Program = Static<typeof ProgramSchema>;
export type Expectation = Static<typeof Expected>;
