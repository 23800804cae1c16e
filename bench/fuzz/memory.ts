/**
 * The kinds of memory that programs play with. One more kind is one more entry here, and what the rules say of it
 * (ioctl-rules.ts, access-rules.ts): the generator maps it, and the coverage counts it.
 */
import type { Vma } from '../../uffd/sim/vmas.ts';
import type { StepOf } from '../litmus/program.ts';

export type RegisterMode = NonNullable<StepOf<'register'>['mode']>[number];
/** A file, and its page that is mapped first. */
export interface Backing {
  readonly file: string;
  readonly page: number;
}

interface Memory {
  /** Fields of the mmap step that maps it, of this file if it is of one. */
  readonly mapped: (backing: Backing) => Partial<StepOf<'mmap'>>;
  /** Whether a mapping of the simulator is of this kind. */
  readonly is: (vma: Vma) => boolean;
  /** Modes that it can be registered with. */
  readonly modes: readonly RegisterMode[];
}

export const MEMORY = {
  anonymous: { mapped: () => ({}), is: ({ file }) => file < 0, modes: ['MISSING', 'WP'] },
  shared: {
    mapped: (backing) => ({ ...backing }),
    is: ({ file, shared }) => file >= 0 && shared,
    modes: ['MISSING', 'WP', 'MINOR'],
  },
  private: {
    mapped: (backing) => ({ ...backing, private: true }),
    is: ({ file, shared }) => file >= 0 && !shared,
    modes: ['MISSING', 'WP', 'MINOR'],
  },
} as const satisfies Readonly<Record<string, Memory>>;

export type MemoryKind = keyof typeof MEMORY;
export const MEMORY_KINDS = Object.keys(MEMORY) as MemoryKind[];

export function kindOf(vma: Vma): MemoryKind {
  const kind = MEMORY_KINDS.find((name) => MEMORY[name].is(vma));
  if (kind === undefined) throw new Error(`memory.ts knows no kind for ${JSON.stringify(vma)}`);
  return kind;
}
