/**
 * What each ioctl can answer where. As Linux 6.18 checks: mode and range first, then mappings, then page by page; the pages of
 * one call may differ, so what a page can stop it with makes EAGAIN too, after some.
 *
 * Not among the answers: EFAULT for an argument that cannot be read (programs have no such step), and what it takes
 * an exited process, a fork or exhausted memory for.
 */
import {
  FOREIGN,
  HUGE_SEVERAL,
  IOCTL_PLACES,
  type Ioctl,
  type IoctlPlace,
  isHuge,
  MIXED,
  NOTHING,
  REFUSED,
  SEVERAL,
  UNREGISTERED,
} from './ioctl-places.ts';
import type { Area, Rule } from './rules.ts';

type IoctlRule = Rule<IoctlPlace>;

/** Whether the call gives this mode bit. */
function gives({ mode }: IoctlPlace, bit: string): boolean {
  return mode.split('|').includes(bit);
}

/** Whether all of the range is surely registered with it. */
function has({ registered }: IoctlPlace, letter: 'M' | 'W' | 'N'): boolean {
  return /^[MWN]+$/.test(registered) && registered.includes(letter);
}

const always = (): boolean => true;
const isForeign = ({ registered }: IoctlPlace): boolean => registered === FOREIGN;
const isSeveral = ({ memory }: IoctlPlace): boolean => memory === SEVERAL || memory === HUGE_SEVERAL;

const REFUSALS: readonly IoctlRule[] = [
  {
    when: ({ mode }) => mode === REFUSED.closed,
    answers: ['EBADF'],
    because: 'the descriptor names nothing',
  },
  {
    when: ({ mode }) => mode === REFUSED.handshake,
    answers: ['EINVAL'],
    because: 'before UFFDIO_API there is no other ioctl',
  },
  {
    when: ({ mode }) => mode === REFUSED.changing,
    answers: ['EAGAIN'],
    because: 'nothing is put in place before the event is read',
  },
  {
    when: ({ mode }) => mode === REFUSED.bits,
    answers: ['EINVAL'],
    because: 'every mode bit must be known',
  },
  {
    when: ({ mode }) => mode === REFUSED.range,
    answers: ['EINVAL'],
    because: 'a range is whole pages, and at least one',
  },
];

/** Of the ioctls that fill pages. */
const HOME: IoctlRule = {
  when: (place) => place.memory === NOTHING || isSeveral(place) || place.registered === UNREGISTERED,
  answers: ['ENOENT'],
  because: 'the range must lie in one mapping that a userfaultfd, whichever, watches',
};
const PROTECTS_UNWATCHED: IoctlRule = {
  when: (place) => gives(place, 'WP') && !isForeign(place) && !has(place, 'W'),
  answers: ['EINVAL'],
  because: 'a page can be made protected only where writes are watched',
};
/** Another's mapping may be watched for writes or not. */
const maybeUnwatched = (place: IoctlPlace): string[] =>
  isForeign(place) && gives(place, 'WP') ? ['EINVAL'] : [];

const RULES: Readonly<Record<Ioctl, readonly IoctlRule[]>> = {
  register: [
    {
      when: ({ memory }) => memory === NOTHING,
      answers: ['EINVAL'],
      because: 'something must be mapped in the range',
    },
    {
      when: (place) => isHuge(place) && isForeign(place),
      answers: ['EBUSY', 'EINVAL'],
      because: 'another userfaultfd has some of it; a range that cuts a huge page is EINVAL before that',
    },
    {
      when: isHuge,
      answers: ['ok', 'EINVAL'],
      because: 'a range must not cut a huge page, nor be private memory where minor faults are asked for',
    },
    {
      when: (place) => place.memory === 'anonymous' && gives(place, 'MINOR'),
      answers: ['EINVAL'],
      because: 'what has no page cache has no minor faults, whoever watches it',
    },
    {
      when: (place) => isForeign(place) && place.memory === SEVERAL && gives(place, 'MINOR'),
      answers: ['EBUSY', 'EINVAL'],
      because: 'another userfaultfd has some of it; of private memory that comes first EINVAL is told',
    },
    { when: isForeign, answers: ['EBUSY'], because: 'another userfaultfd has some of it' },
    {
      when: (place) => place.memory === SEVERAL && gives(place, 'MINOR') && !has(place, 'N'),
      answers: ['ok', 'EINVAL'],
      because: 'private memory may be among the mappings',
    },
    { when: always, answers: ['ok'], because: 'holes are passed over, and modes replaced' },
  ],
  unregister: [
    {
      when: ({ memory }) => memory === NOTHING,
      answers: ['EINVAL'],
      because: 'something must be mapped in the range',
    },
    { when: isForeign, answers: ['EINVAL'], because: 'another userfaultfd has some of it' },
    { when: isHuge, answers: ['ok', 'EINVAL'], because: 'a range must not cut a huge page' },
    { when: always, answers: ['ok'], because: 'registered or not, that is what is asked for' },
  ],
  wake: [{ when: always, answers: ['ok'], because: 'it looks for sleepers, not at mappings' }],
  copy: [
    HOME,
    PROTECTS_UNWATCHED,
    {
      when: isHuge,
      answers: ['ok', 'EEXIST', 'EFAULT', 'EAGAIN', 'asleep', 'EINVAL'],
      because: 'as of small pages, and EINVAL is a range that cuts a huge page',
    },
    {
      when: always,
      answers: ['ok', 'EEXIST', 'EFAULT', 'EAGAIN', 'asleep'],
      also: maybeUnwatched,
      because:
        'the modes of a registration are not asked; the source may be unreadable, or watched itself, and a file end',
    },
  ],
  zeropage: [
    HOME,
    { when: isHuge, answers: ['EINVAL'], because: 'there is no huge page of zeros' },
    {
      when: ({ memory }) => memory === 'anonymous',
      answers: ['ok', 'EEXIST', 'EAGAIN'],
      because: 'private memory has no end, and no source is read',
    },
    {
      when: always,
      answers: ['ok', 'EEXIST', 'EFAULT', 'EAGAIN'],
      because: 'past the end of the file is EFAULT',
    },
  ],
  continue: [
    HOME,
    PROTECTS_UNWATCHED,
    {
      when: ({ memory }) => memory === 'anonymous',
      answers: ['EINVAL'],
      because: 'there is no page cache to continue with',
    },
    {
      when: always,
      answers: ['ok', 'EEXIST', 'EFAULT', 'EINVAL', 'EAGAIN'],
      because: 'a page that is not cached is EFAULT, and past the end of the file EINVAL',
    },
  ],
  move: [
    {
      when: ({ memory }) => memory === NOTHING,
      answers: ['ENOENT'],
      because: 'the first page of either range must be mapped',
    },
    {
      when: ({ memory, registered }) =>
        memory !== 'anonymous' || registered === UNREGISTERED || registered === FOREIGN,
      answers: ['EINVAL', 'ENOENT'],
      because: 'it goes into one private mapping of its own userfaultfd; an unmapped range is told first',
    },
    {
      when: always,
      answers: ['ok', 'EEXIST', 'EFAULT', 'EINVAL', 'ENOENT', 'EAGAIN'],
      because:
        'EFAULT is of a marker in the source, EINVAL of a source of another kind, ENOENT of one not there',
    },
  ],
  poison: [
    HOME,
    {
      when: isHuge,
      answers: ['ok', 'EEXIST', 'EAGAIN', 'EINVAL'],
      because: 'the end of the file does not count; EINVAL is a range that cuts a huge page',
    },
    {
      when: ({ memory }) => memory === 'anonymous',
      answers: ['ok', 'EEXIST', 'EAGAIN'],
      because: 'private memory has no end',
    },
    {
      when: always,
      answers: ['ok', 'EEXIST', 'EFAULT', 'EAGAIN'],
      because: 'past the end of the file is EFAULT',
    },
  ],
  writeprotect: [
    {
      when: ({ memory }) => memory === NOTHING,
      answers: ['ENOENT'],
      because: 'there is no mapping to change',
    },
    {
      when: (place) => isHuge(place) && (place.registered === MIXED || isForeign(place)),
      answers: ['ok', 'ENOENT', 'EINVAL'],
      because: 'mapping by mapping: each must be watched for writes, and no huge page be cut',
    },
    {
      when: (place) => isHuge(place) && has(place, 'W'),
      answers: ['ok', 'EINVAL'],
      because: 'it changes what is there, but cuts no huge page',
    },
    {
      when: ({ registered }) => registered === MIXED || registered === FOREIGN,
      answers: ['ok', 'ENOENT'],
      because: 'each mapping must be watched for writes, by whichever userfaultfd',
    },
    {
      when: (place) => has(place, 'W'),
      answers: ['ok'],
      because: 'it changes what is there, and passes holes over',
    },
    { when: always, answers: ['ENOENT'], because: 'nobody watches for writes' },
  ],
};

export const IOCTL_AREA: Area<IoctlPlace> = {
  name: 'ioctls',
  parts: ['call', 'memory', 'registered', 'mode'],
  places: IOCTL_PLACES,
  rulesOf: (call) => [...REFUSALS, ...RULES[call as Ioctl]],
};
