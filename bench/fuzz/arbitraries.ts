/**
 * What steps are made of. Most of them are about the hot pages of the program's rooms (openings.ts), one in each, so that threads
 * and calls meet; and by the userfaultfd that the room belongs to. Steps say so in signs that {@link placed} replaces.
 */
import fc from 'fast-check';
import type { Step } from '../litmus/program.ts';

export const FILE_PAGES = 8;
/**
 * Where the rooms begin. Between them is a page of nothing, so that most calls are about mappings of one room.
 */
export const ROOMS = [0, 8, 16] as const;
export const ROOM_PAGES = 7;
/** Then come pages that nobody watches, to copy from; beyond them nothing is mapped. */
export const PLAIN = { at: 24, pages: 2 } as const;
const UNMAPPED = 29;

/** What has become of a room. */
export interface Room {
  readonly hot: number;
  /** The userfaultfd that watches it. */
  readonly uffd: string;
}

export const oneOf = fc.constantFrom;
export const flag = fc.boolean();
/** Who loads and stores, and may sleep; who calls, and had better not. */
export const sleeper = oneOf('T0', 'T1', 'T1', 'T2', 'T2');
export const caller = oneOf('T0', 'T0', 'T0', 'T1', 'T2');
export const value = fc.integer({ min: 1, max: 0xff });

/** One of them, each as often as its weight says. */
export function weighted<T>(...choices: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<T>])[]) {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

/** True once in so many times. */
export function seldom(times: number): fc.Arbitrary<boolean> {
  return fc.integer({ min: 1, max: times }).map((n) => n === times);
}

/** Each name once in so many times. */
export function some<const Names extends string>(
  often: Readonly<Record<Names, number>>,
): fc.Arbitrary<Names[]> {
  const names = Object.entries<number>(often).map(([name, times]) =>
    seldom(times).map((has) => (has ? [name as Names] : [])),
  );
  return fc.tuple(...names).map((all) => all.flat());
}

export const file = oneOf('f', 'f', 'f', 'g');
export const filePage = fc.integer({ min: 0, max: FILE_PAGES - 1 });
/** The sign for the room's own. */
const OWN = 'own';
export const uffd = weighted([15, fc.constant(OWN)], [5, oneOf('u', 'u', 'v', 'v', 'w')]);

/** The sign for a room's hot page, or for so many pages behind it. */
function hot(room: number, behind = 0): number {
  return -1 - room - ROOMS.length * behind;
}

/** The page so many behind this one, which may be a sign. */
export function behind(at: number, pages: number): number {
  return at < 0 ? at - ROOMS.length * pages : at + pages;
}

export const at = weighted(
  [20, oneOf(...ROOMS.map((_, room) => hot(room)))],
  [4, oneOf(...ROOMS.map((_, room) => hot(room, 1)))],
  [6, fc.integer({ min: 0, max: PLAIN.at - 1 })],
  [4, oneOf(...ROOMS)],
  [1, oneOf(PLAIN.at, UNMAPPED)],
  [1, fc.integer({ min: 1, max: 2 * PLAIN.at }).map((half) => half / 2)],
);
export const pages = weighted(
  [30, fc.integer({ min: 1, max: 2 })],
  [8, fc.integer({ min: 3, max: ROOM_PAGES })],
  [1, oneOf(0, 0.5, 1.5, 31)],
);
export const prot = weighted<'rw' | 'r' | 'w' | 'none'>(
  [5, fc.constant('rw')],
  [1, oneOf('r', 'none', 'none', 'w')],
);
/** Almost always what is asked for; now and then a bit that nobody knows. */
export const bits = weighted([80, fc.constant(undefined)], [1, oneOf(4, 8, 64)]);

/** The sign for so many pages behind the destination. */
const BESIDE = 1000;
export const from = weighted<number>(
  [4, fc.integer({ min: 1, max: 4 }).map((pages) => BESIDE + pages)],
  [4, fc.constant(PLAIN.at)],
  [5, at],
  [2, fc.constant(UNMAPPED)],
);

/** The step with what its signs stand for. */
export function placed(step: Step, rooms: readonly Room[]): Step {
  const given = step as { at?: number; from?: number; to?: number; uffd?: string };
  const pageOf = (sign: number): number => (sign < 0 ? hotPage(rooms, -1 - sign) : sign);
  const base = pageOf(given.at ?? 0);
  const source = (sign: number): number => (sign > BESIDE ? base + sign - BESIDE : pageOf(sign));
  const owner = (rooms[ROOMS.findLastIndex((first) => first <= base)] ?? (rooms[0] as Room)).uffd;
  return {
    ...step,
    ...(given.at === undefined ? {} : { at: base }),
    ...(given.from === undefined ? {} : { from: source(given.from) }),
    ...(given.to === undefined ? {} : { to: pageOf(given.to) }),
    ...(given.uffd === OWN ? { uffd: owner } : {}),
  } as Step;
}

function hotPage(rooms: readonly Room[], sign: number): number {
  const room = rooms[sign % ROOMS.length] as Room;
  return room.hot + Math.floor(sign / ROOMS.length);
}

/** A step with these fields; those that come out undefined are left out. */
export function step<Call extends Step['call']>(
  call: Call,
  fields: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): fc.Arbitrary<Step> {
  return fc.record({ call: fc.constant(call), ...fields }).map((made) => {
    const given = Object.entries(made).filter(([, each]) => each !== undefined);
    return Object.fromEntries(given) as unknown as Step;
  });
}
