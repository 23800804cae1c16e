/**
 * Whom an ioctl wakes: of each thread that slept on a page of its range, in which fault, on memory of its own userfaultfd or
 * another's. Only sleepers count whose page is still registered for their fault.
 */
import { FAULTS, type Fault } from './access-rules.ts';
import { IOCTLS, type Ioctl, modesOf } from './ioctl-places.ts';
import type { Area, Rule } from './rules.ts';

export const WHOSE = { own: 'its own', foreign: "another's" } as const;
export const WOKE = 'woke';
export const SLEPT_ON = 'slept on';

export interface SleeperPlace {
  readonly [part: string]: string;
  readonly call: Ioctl;
  readonly fault: Fault;
  readonly whose: string;
  readonly mode: string;
}

type SleeperRule = Rule<SleeperPlace>;

const RULES: readonly SleeperRule[] = [
  {
    when: ({ whose }) => whose === WHOSE.foreign,
    answers: [SLEPT_ON],
    because: 'a userfaultfd wakes those who sleep in its own faults',
  },
  {
    when: ({ mode }) => mode.includes('DONTWAKE'),
    answers: [SLEPT_ON],
    because: 'DONTWAKE asks for that',
  },
  { when: ({ call }) => call === 'register', answers: [SLEPT_ON], because: 'a registration wakes nobody' },
  { when: ({ call }) => call === 'wake', answers: [WOKE], because: 'that is all it does' },
  {
    when: ({ call, mode }) => call === 'writeprotect' && mode === 'WP',
    answers: [SLEPT_ON],
    because: 'only the end of a protection wakes',
  },
  {
    when: ({ call, fault }) => call === 'move' && fault === 'minor',
    answers: [SLEPT_ON],
    because: 'it goes into private memory alone, which has no minor faults',
  },
  {
    when: () => true,
    answers: [WOKE, SLEPT_ON],
    because: 'what it has done wakes, and what it has refused does not',
  },
];

function* placesOf(call: Ioctl): Generator<SleeperPlace> {
  for (const fault of FAULTS)
    for (const whose of Object.values(WHOSE))
      for (const mode of modesOf(call)) yield { call, fault, whose, mode };
}

export const SLEEPER_AREA: Area<SleeperPlace> = {
  name: 'sleepers',
  parts: ['call', 'fault', 'whose', 'mode'],
  places: IOCTLS.flatMap((call) => [...placesOf(call)]),
  rulesOf: () => RULES,
};
