/** Programs (program.ts) as a schema, by which their files are read. Whoever only runs programs need not load what it takes. */
import type { Static, TSchema } from 'typebox';
import { Type } from '../typebox.ts';
import { THREADS } from './program.ts';

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
