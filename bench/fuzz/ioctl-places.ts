/**
 * Where ioctls are made, as far as it decides what they answer: the ioctl, the memory that its range hits, the modes which that is
 * registered with, and the mode that the call gives.
 */
import * as u from '../../uffd/index.ts';
import type { Step } from '../litmus/program.ts';
import { COUNTED, HUGE_KIND, type RegisterMode } from './memory.ts';
import { subsets } from './rules.ts';

/** The mode bits of each ioctl; null: it takes no mode. */
export const IOCTL_MODES = {
  register: {
    MISSING: u.UFFDIO_REGISTER_MODE_MISSING,
    WP: u.UFFDIO_REGISTER_MODE_WP,
    MINOR: u.UFFDIO_REGISTER_MODE_MINOR,
  },
  unregister: null,
  wake: null,
  copy: { DONTWAKE: u.UFFDIO_COPY_MODE_DONTWAKE, WP: u.UFFDIO_COPY_MODE_WP },
  zeropage: { DONTWAKE: u.UFFDIO_ZEROPAGE_MODE_DONTWAKE },
  continue: { DONTWAKE: u.UFFDIO_CONTINUE_MODE_DONTWAKE, WP: u.UFFDIO_CONTINUE_MODE_WP },
  move: { DONTWAKE: u.UFFDIO_MOVE_MODE_DONTWAKE, ALLOW_SRC_HOLES: u.UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES },
  poison: { DONTWAKE: u.UFFDIO_POISON_MODE_DONTWAKE },
  writeprotect: { WP: u.UFFDIO_WRITEPROTECT_MODE_WP, DONTWAKE: u.UFFDIO_WRITEPROTECT_MODE_DONTWAKE },
} as const satisfies Partial<Record<Step['call'], Readonly<Record<string, number>> | null>>;

export type Ioctl = keyof typeof IOCTL_MODES;
export const IOCTLS = Object.keys(IOCTL_MODES) as Ioctl[];

/** Kinds of memory, and what is none of them: several mappings, or one with a hole beside; and where nothing is mapped. */
export const SEVERAL = 'several';
/** The same where one of them is of huge pages. */
export const HUGE_SEVERAL = HUGE_KIND + SEVERAL;
export const NOTHING = 'nothing';
/** Of a call that is refused before memory is looked at. */
export const UNSEEN = '–';

/** The modes of a registration as letters: M, W, N (minor), in this order. */
const LETTERS: Readonly<Record<RegisterMode, string>> = { MISSING: 'M', WP: 'W', MINOR: 'N' };
export const UNREGISTERED = 'none';
/** Of several mappings: they differ. */
export const MIXED = 'mixed';
/** Some of it belongs to another userfaultfd, in whatever modes. */
export const FOREIGN = "another's";

/** What a call gives that is refused before its range is looked at. */
export const REFUSED = {
  closed: 'closed',
  handshake: 'no handshake',
  changing: 'layout changes',
  bits: 'bad bits',
  range: 'bad range',
} as const;
/** No mode bit. */
export const PLAIN = '0';

/** Ioctls that are refused while an event is unread. */
export const WAIT_FOR_EVENTS: ReadonlySet<string> = new Set([
  'copy',
  'zeropage',
  'continue',
  'move',
  'poison',
  'writeprotect',
]);

export interface IoctlPlace {
  readonly [part: string]: string;
  readonly call: Ioctl;
  readonly memory: string;
  readonly registered: string;
  readonly mode: string;
}

/** @param modes of a registration, UFFDIO_REGISTER_MODE_* */
export function registeredAs(modes: number): string {
  const letters = Object.entries(IOCTL_MODES.register).map(([name, bit]) =>
    (modes & bit) === 0 ? '' : LETTERS[name as RegisterMode],
  );
  return letters.join('') || UNREGISTERED;
}

/** Names for the mode of a call, or that it is none. */
export function modeName(call: Ioctl, mode: number): string {
  const bits = Object.entries(IOCTL_MODES[call] ?? {});
  const names = bits.filter(([, bit]) => (mode & bit) !== 0).map(([name]) => name);
  const named = names.length === 0 ? PLAIN : names.join('|');
  return modesOf(call).includes(named) && (mode & ~sum(bits)) === 0 ? named : REFUSED.bits;
}

function sum(bits: readonly (readonly [string, number])[]): number {
  return bits.reduce((all, [, bit]) => all | bit, 0);
}

/** Modes that the ioctl accepts. */
export function modesOf(call: Ioctl): string[] {
  const all = subsets(Object.keys(IOCTL_MODES[call] ?? {}), '|', PLAIN);
  if (call === 'register') return all.filter((mode) => mode !== PLAIN);
  return call === 'writeprotect' ? all.filter((mode) => mode !== 'WP|DONTWAKE') : all;
}

/** What memory of a kind can be registered as. */
export function registrations(modes: readonly RegisterMode[]): string[] {
  return subsets(
    modes.map((mode) => LETTERS[mode]),
    '',
    UNREGISTERED,
  );
}

/** Each memory with each way that it can be registered. */
function* ranges(): Generator<Pick<IoctlPlace, 'memory' | 'registered'>> {
  for (const [memory, modes] of COUNTED)
    for (const registered of [...registrations(modes), FOREIGN]) yield { memory, registered };
  const modes = Object.keys(LETTERS) as RegisterMode[];
  for (const memory of [SEVERAL, HUGE_SEVERAL])
    for (const registered of [...registrations(modes), MIXED, FOREIGN]) yield { memory, registered };
  yield { memory: NOTHING, registered: UNSEEN };
}

/** Whether some of the range is huge pages. */
export function isHuge({ memory }: Pick<IoctlPlace, 'memory'>): boolean {
  return memory.startsWith(HUGE_KIND);
}

/** Whether there are programs that make the call there: of huge pages not all are made (huge.ts). */
function isMade(place: IoctlPlace): boolean {
  if (!isHuge(place)) return true;
  if (place.call !== 'register') return place.call !== 'move';
  const isKnown = /^[MWN]+$/.test(place.registered);
  return !isKnown || place.registered.includes('W') === place.mode.includes('WP');
}

function* placesOf(call: Ioctl): Generator<IoctlPlace> {
  for (const range of ranges())
    for (const mode of modesOf(call)) {
      const place = { call, ...range, mode };
      if (isMade(place)) yield place;
    }
  const { bits, changing, ...always } = REFUSED;
  const refused: string[] = Object.values(always);
  if (IOCTL_MODES[call] !== null) refused.push(bits);
  if (WAIT_FOR_EVENTS.has(call)) refused.push(changing);
  for (const mode of refused) yield { call, memory: UNSEEN, registered: UNSEEN, mode };
}

export const IOCTL_PLACES: readonly IoctlPlace[] = IOCTLS.flatMap((call) => [...placesOf(call)]);
