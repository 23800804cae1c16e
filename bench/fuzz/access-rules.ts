/** What becomes of a load or a store: on which memory, registered how, to a userfaultfd with which of the features that count. */
import { NOTHING, registrations, UNREGISTERED, UNSEEN } from './ioctl-places.ts';
import { COUNTED } from './memory.ts';
import type { Area, Rule } from './rules.ts';

/** Features of the page's userfaultfd that decide; SIGBUS before WP_ASYNC. */
export const FEATURES = { none: '0', async: 'WP_ASYNC', sigbus: 'SIGBUS' } as const;

/** The kind of a fault that a thread sleeps in. */
export const FAULTS = ['missing', 'minor', 'wp'] as const;
export type Fault = (typeof FAULTS)[number];
/** The mode of a registration that has such faults. */
export const FAULT_MODE: Readonly<Record<Fault, string>> = { missing: 'M', minor: 'N', wp: 'W' };

export interface AccessPlace {
  readonly [part: string]: string;
  readonly call: 'load' | 'store';
  readonly memory: string;
  readonly registered: string;
  readonly features: string;
}

type AccessRule = Rule<AccessPlace>;

/** What can happen on whatever is mapped: it may not be permitted, poisoned or past the end of its file. */
const ANYWHERE = ['ok', 'SIGSEGV', 'SIGBUS'];

const RULES: readonly AccessRule[] = [
  { when: ({ memory }) => memory === NOTHING, answers: ['SIGSEGV'], because: 'nothing is mapped' },
  {
    when: ({ registered }) => registered === UNREGISTERED,
    answers: ANYWHERE,
    because: 'nobody watches; poison outlives that',
  },
  {
    when: ({ features }) => features === FEATURES.sigbus,
    answers: ANYWHERE,
    because: 'faults are bus errors by that feature',
  },
  {
    when: () => true,
    answers: ANYWHERE,
    also: (place) => FAULTS.filter((fault) => canSleep(place, fault)),
    because: 'each mode has its fault; reads of protected pages have none, and by WP_ASYNC nor have writes',
  },
];

function canSleep({ call, registered, features }: AccessPlace, fault: Fault): boolean {
  const isAnswered = fault !== 'wp' || (call === 'store' && features !== FEATURES.async);
  return registered.includes(FAULT_MODE[fault]) && isAnswered;
}

function* placesOf(call: AccessPlace['call']): Generator<AccessPlace> {
  yield { call, memory: NOTHING, registered: UNSEEN, features: UNSEEN };
  for (const [memory, modes] of COUNTED)
    for (const registered of registrations(modes)) {
      const features = registered === UNREGISTERED ? [UNSEEN] : Object.values(FEATURES);
      for (const each of features) yield { call, memory, registered, features: each };
    }
}

export const ACCESS_AREA: Area<AccessPlace> = {
  name: 'accesses',
  parts: ['call', 'memory', 'registered', 'features'],
  places: [...placesOf('load'), ...placesOf('store')],
  rulesOf: () => RULES,
};
