/**
 * The kinds of memory that programs play with. One more kind is one more entry here, and what the rules say of it
 * (ioctl-rules.ts, access-rules.ts): the generator maps it, and the coverage counts it. Huge pages are counted as kinds of
 * their own; where the generator maps them it makes them of the small ones (huge.ts).
 */
import type { Vma } from '../../uffd/sim/vmas.ts';
import type { StepOf } from '../litmus/program.ts';

export type RegisterMode = NonNullable<StepOf<'register'>['mode']>[number];
/** A file, and its page that is mapped first. */
export interface Backing {
  readonly file: string;
  readonly page: number;
}

interface Counted {
  /** Whether a mapping of the simulator is of this kind. */
  readonly is: (vma: Vma) => boolean;
  /** Modes that it can be registered with. */
  readonly modes: readonly RegisterMode[];
}

interface Memory extends Counted {
  /** Fields of the mmap step that maps it, of this file if it is of one. */
  readonly mapped: (backing: Backing) => Partial<StepOf<'mmap'>>;
}

export const MEMORY = {
  anonymous: { mapped: () => ({}), is: ({ file, huge }) => file < 0 && !huge, modes: ['MISSING', 'WP'] },
  shared: {
    mapped: (backing) => ({ ...backing }),
    is: ({ file, shared, huge }) => file >= 0 && shared && !huge,
    modes: ['MISSING', 'WP', 'MINOR'],
  },
  private: {
    mapped: (backing) => ({ ...backing, private: true }),
    is: ({ file, shared, huge }) => file >= 0 && !shared && !huge,
    modes: ['MISSING', 'WP', 'MINOR'],
  },
} as const satisfies Readonly<Record<string, Memory>>;

export type MemoryKind = keyof typeof MEMORY;
export const MEMORY_KINDS = Object.keys(MEMORY) as MemoryKind[];

/** Before the name of a kind, and of several mappings: some of it is huge pages. */
export const HUGE_KIND = 'huge ';

const ALL: Readonly<Record<string, Counted>> = {
  ...MEMORY,
  'huge shared': { is: ({ huge, shared }) => huge && shared, modes: ['MISSING', 'WP', 'MINOR'] },
  'huge private': { is: ({ huge, shared }) => huge && !shared, modes: ['MISSING', 'WP', 'MINOR'] },
};

/** All that are counted, and what each can be registered with. */
export const COUNTED: readonly (readonly [kind: string, modes: readonly RegisterMode[]])[] = Object.entries(
  ALL,
).map(([kind, { modes }]) => [kind, modes]);

export function kindOf(vma: Vma): string {
  const kind = Object.keys(ALL).find((name) => ALL[name]?.is(vma));
  if (kind === undefined) throw new Error(`memory.ts knows no kind for ${JSON.stringify(vma)}`);
  return kind;
}
