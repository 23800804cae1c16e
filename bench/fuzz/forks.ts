/** Programs with a second process: a fork somewhere in the middle, after which some steps are the child's. */
import fc from 'fast-check';
import type { Step } from '../litmus/program.ts';
import { oneOf, seldom } from './arbitraries.ts';

/** What the child may be asked for. It has no names of its own for what it opens. */
const CHILDS: ReadonlySet<Step['call']> = new Set([
  ...(['load', 'store', 'copy', 'zeropage', 'continue', 'poison', 'move', 'writeprotect', 'wake'] as const),
  ...(['register', 'unregister', 'read', 'poll', 'mmap', 'munmap', 'mremap', 'mprotect', 'madvise'] as const),
  ...(['pread', 'pwrite', 'fallocate'] as const),
]);

/** How a program forks. */
export interface Forking {
  /** After so many of its steps. */
  readonly after: number;
  /** Whether userfaultfds are told. */
  readonly told: boolean;
  /** Of each later step, over and over: whether the child makes it, and whether by the userfaultfd that the event has brought. */
  readonly turns: readonly (readonly [child: boolean, brought: boolean])[];
}

/** Once in so many programs. */
export function forking(times: number, maxSteps: number): fc.Arbitrary<Forking | null> {
  const forks = fc.record({
    after: fc.nat(Math.ceil(maxSteps / 2)),
    told: oneOf(true, true, false),
    turns: fc.array(fc.tuple(fc.boolean(), oneOf(true, false)), { minLength: 7, maxLength: 13 }),
  });
  return fc.tuple(seldom(times), forks).map(([is, how]) => (is ? how : null));
}

/** The program's steps, and the fork among those that it plays. */
export function withFork(
  opening: readonly Step[],
  played: readonly Step[],
  { after, told, turns }: Forking,
): Step[] {
  const tell = (step: Step): Step =>
    told && step.call === 'api' ? { ...step, features: [...(step.features ?? []), 'EVENT_FORK'] } : step;
  const before = [...opening, ...played.slice(0, after)].map(tell);
  const later = played.slice(after).map((step, i) => {
    const [child, brought] = turns[i % turns.length] as readonly [boolean, boolean];
    const by = brought && 'uffd' in step && step.call !== 'api' ? { uffd: `${step.uffd}child` } : {};
    return { ...tell(step), ...by, ...(child && CHILDS.has(step.call) ? { child: true } : {}) } as Step;
  });
  // What the child keeps open cannot be closed for good, nor its sleepers be woken.
  const kept = [...before, { call: 'fork', thread: 'T1' } as Step, ...(told ? reads() : []), ...later];
  return kept.filter(({ call }) => call !== 'close');
}

/** Else most programs would go no further. */
function reads(): Step[] {
  return (['u', 'v', 'w', 'u', 'v', 'w'] as const).map((uffd) => ({ call: 'read', uffd, messages: 4 }));
}
