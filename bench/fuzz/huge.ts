/** A random program of small pages made one of huge pages: what its opening maps, and all that is done there. */
import { HUGE, type Step, type StepOf } from '../litmus/program.ts';
import { PLAIN } from './arbitraries.ts';
import type { RegisterMode } from './memory.ts';

/** Of the eight pages of each region of the small area (three rooms, and the source): where its huge ones are, and how many. */
const REGIONS = [
  [0, 3],
  [3, 2],
  [5, 2],
  [7, 1],
] as const;
const REGION_PAGES = 8;
/** The most huge pages that a call is about. */
const MOST = 3;

/**
 * The file `f` becomes one of huge pages, and the room for those is where things happen. A page becomes a huge one, and the last
 * of each region a small one of it, off by one; half a page becomes half a huge one, so that a range cuts one.
 *
 * Two things are kept from Linux 6.18, which does not survive them. Protection is never left behind by a registration without
 * it, so all registrations of a program have WP, as its first, or none: a thread that writes to such a huge page faults for
 * ever, in a system call beyond any signal. And no private mapping moves
 * in part: what is reserved for the rest is lost to the host's pool for good. And nothing is MOVEd: so far apart a source may have no
 * page table, which Linux tells first (uffd/sim/move.ts). Private memory is mapped to copy from alone: rooms lie side by side
 * here (arbitraries.ts).
 */
export function inHugePages(steps: readonly Step[]): Step[] {
  const protects = steps.find((step) => step.call === 'register')?.mode?.includes('WP') ?? false;
  const isPrivate = steps.some((step) => step.call === 'mmap' && step.file === 'f' && step.private === true);
  const isPlain = (step: Step): boolean =>
    step.call !== 'mmap' || step.file !== undefined || step.at === PLAIN.at;
  const kept = steps
    .filter(isPlain)
    .filter(({ call }) => call !== 'move' && !(isPrivate && call === 'mremap'));
  return kept.map((step): Step => {
    const scaled = Object.entries(step).map(([key, value]) => [key, scale(step, key, value)]);
    const huge = Object.fromEntries(scaled) as Step;
    if (huge.call === 'memfd_create' && huge.file === 'f') return { ...huge, huge: true };
    return huge.call === 'register' ? { ...huge, mode: modeOf(huge, protects) } : huge;
  });
}

function modeOf({ mode = [] }: StepOf<'register'>, protects: boolean): RegisterMode[] {
  const others = mode.filter((each) => each !== 'WP');
  if (protects) return [...others, 'WP'];
  return mode.length > 0 && others.length === 0 ? ['MISSING'] : others;
}

function scale({ call }: Step, key: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (key === 'at' || key === 'from' || key === 'to') return placeOf(value);
  if (key === 'page') return Math.min(value, MOST) * HUGE;
  const isPages = key === 'pages' && value <= REGION_PAGES;
  // A file is read and written by small pages: that takes no longer here than anywhere.
  return isPages && call !== 'pread' && call !== 'pwrite' ? Math.min(value, MOST) * HUGE : value;
}

function placeOf(at: number): number {
  const [region, within] = [Math.floor(at / REGION_PAGES) % REGIONS.length, Math.floor(at) % REGION_PAGES];
  const [first, count] = REGIONS[region] as readonly [number, number];
  const offByOne = within === REGION_PAGES - 1 ? 1 : 0;
  return (1 + first + (within % count) + (at % 1)) * HUGE + offByOne;
}
