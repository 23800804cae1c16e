/** Old pages of the dense prefix are the new ones: of from-space only what lies above is given back. */
import { expect, it } from 'vitest';
import type { Maker } from '../../dist/gc/maker.js';
import { beginReclaiming, finishReclaiming, payDebt } from '../../dist/gc/phases/reclaim.js';
import { ENOMEM, SyscallError } from '../../dist/uffd/errno.js';

/** The pages that were given back, and those that are owed, where the kernel refuses or not. */
function finish(refuses: boolean, pages: { used: number; old: number; prefix: number }) {
  const given: [number, number][] = [];
  const release = (first: number, end: number) => {
    if (refuses) throw new SyscallError('fallocate', -ENOMEM, {});
    given.push([first, end]);
  };
  const maker = { thread: { release, incoming: () => 0 } } as unknown as Maker;
  const owed = finishReclaiming(maker, beginReclaiming({ ...pages, nonMoving: 0, oldTops: [] }));
  return { given, owed };
}

it.each([0, 7])('a prefix of %i pages', (prefix) => {
  const pages = { used: 10, old: 30, prefix };
  expect(finish(false, pages)).toEqual({ given: [[prefix, 30]], owed: { first: prefix, end: prefix } });
  expect(finish(true, pages)).toEqual({ given: [], owed: { first: prefix, end: 30 } });
});

it('what is owed is given back above it too', () => {
  const given: [number, number][] = [];
  const maker = {
    thread: { release: (...range: [number, number]) => given.push(range) },
  } as unknown as Maker;
  expect(payDebt(maker, { first: 7, end: 30 })).toBeNull();
  expect(payDebt(maker, { first: 7, end: 7 })).toBeNull();
  expect(given).toEqual([[7, 30]]);
});
