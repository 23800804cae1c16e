/**
 * What steps are made of. Numbers of pages below zero are the program's hot pages, one in each room (openings.ts), which
 * {@link placed} puts in: most steps are about these, so that threads and calls meet.
 */
import fc from 'fast-check';
import type { Step } from '../litmus/program.ts';
import { THREADS } from '../litmus/program.ts';

export const FILE_PAGES = 8;
/** Where the parts of the area begin in which things happen; each goes as far as the next. The area goes on beyond. */
export const ROOMS = [0, 8, 16] as const;
export const ROOM_PAGES = 8;
const PLAYED = ROOMS.length * ROOM_PAGES;

export const oneOf = fc.constantFrom;
export const flag = fc.boolean();
export const thread = oneOf(...THREADS);
export const value = fc.integer({ min: 1, max: 0xff });

/** One of them, each as often as its weight says. */
export function weighted<T>(...choices: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<T>])[]) {
  return fc.oneof(...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

/** True once in so many times. */
export function seldom(times: number): fc.Arbitrary<boolean> {
  return fc.integer({ min: 1, max: times }).map((n) => n === times);
}

/** Some of the names, in one order: a mode. */
export function modes<const Names extends readonly string[]>(...names: Names): fc.Arbitrary<Names[number][]> {
  return fc.subarray([...names] as Names[number][]);
}

/** Each name once in so many times. */
export function features(often: Readonly<Record<string, number>>): fc.Arbitrary<string[]> {
  const names = Object.entries(often).map(([name, times]) => seldom(times).map((has) => (has ? [name] : [])));
  return fc.tuple(...names).map((all) => all.flat());
}

export const file = oneOf('f', 'f', 'f', 'f', 'g');
export const filePage = fc.integer({ min: 0, max: FILE_PAGES - 1 });
/** The first one is there always, and has most of what is watched. */
export const uffd = oneOf('u', 'u', 'u', 'u', 'u', 'v', 'v', 'w');
export const at = weighted(
  [20, oneOf(...ROOMS.map((_, room) => -1 - room))],
  [10, fc.integer({ min: 0, max: PLAYED - 1 })],
  [4, oneOf(...ROOMS)],
  [1, fc.integer({ min: 0, max: 2 * PLAYED }).map((half) => half / 2)],
);
export const pages = weighted(
  [14, fc.integer({ min: 1, max: 2 })],
  [5, fc.integer({ min: 3, max: ROOM_PAGES })],
  [1, oneOf(0, 0.5, 1.5, 31)],
);
export const prot = weighted(
  [5, oneOf('rw' as const)],
  [1, oneOf('r' as const, 'w' as const, 'none' as const)],
);
/** Almost always what is asked for; now and then a bit that nobody knows. */
export const bits = weighted([40, fc.constant(undefined)], [1, oneOf(4, 8, 64)]);

type Hot = readonly number[];
/** A page in each room. */
export const hotPages: fc.Arbitrary<Hot> = fc.tuple(
  ...ROOMS.map((first) => fc.integer({ min: first, max: first + 3 })),
);

/** A source beside the destination; else one somewhere. */
export const NEAR = 1000;
export const from = weighted<number>([2, at], [3, oneOf(1, 2, -1).map((pages) => NEAR + pages)]);

/** The step with the hot pages, and what is near them, put in. */
export function placed(step: Step, hot: Hot): Step {
  const pageOf = (at: number): number => (at < 0 ? (hot[-at - 1] as number) : at);
  const given = step as { at?: number; from?: number; to?: number };
  const base = given.at === undefined ? 0 : pageOf(given.at);
  const source = (from: number): number => (from > NEAR - 8 ? Math.max(base + from - NEAR, 0) : pageOf(from));
  return {
    ...step,
    ...(given.at === undefined ? {} : { at: base }),
    ...(given.from === undefined ? {} : { from: source(given.from) }),
    ...(given.to === undefined ? {} : { to: pageOf(given.to) }),
  };
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
