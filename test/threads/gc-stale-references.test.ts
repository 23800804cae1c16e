/** A reference that is held over a collection is told of where it is used, under `verify`; and nothing else is. */
import { describe, expect, it } from 'vitest';
// @ts-expect-error: a module of JavaScript
import { USES } from '../fixtures/stale.mjs';
import { fixture, MIB, MODES_HERE, rejection, withHeap } from './gc-heaps.ts';

function run(how: string, options: object): Promise<unknown> {
  const opened = { heapBytes: MIB, nonMovingBytes: 65_536, mutators: 1, densePrefix: null, ...options };
  return withHeap(opened, async (heap) => (await heap.spawn(fixture('stale'), { how }).done).result);
}

it('every call says which object, and where it is made', async () => {
  const told = (await run('all', { mode: 'continue', verify: true })) as Record<string, unknown>[];
  expect(told.map(({ how }) => how)).toEqual(USES);
  for (const { how, old, site, message, ...error } of told) {
    const call = (how as string).split(' ')[0] as string;
    expect(error, how as string).toEqual({ code: 'STALE_REFERENCE', object: old, call });
    expect(site).toMatch(/fixtures\/stale\.mjs:\d+:\d+$/);
    expect(message).toMatch(`${call}(…) at ${site}: object ${old} (heap + 0x`);
  }
  expect(new Set(told.map(({ site }) => site)).size).toBe(USES.length);
});

describe.each(MODES_HERE)('%s', (mode) => {
  it.each([true, 'phases'])('verify: %s', async (verify) => {
    const error = await rejection(run('store', { mode, verify }));
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.message).toMatch(
      /^mutator 0 failed: store\(…\) at .*: object \d+ \(heap .*\) is no reference .*$/,
    );
  });

  it('says nothing of references that are good', async () => {
    expect(await run('well', { mode, verify: 'phases' })).toEqual([1, 2, 3, 4, 5, 6, 7, 1, 1]);
  });
});

it('of null', async () => {
  const { message } = await rejection(run('null', { mode: 'continue', verify: true }));
  expect(message).toMatch(/setRef\(…\) at .*stale\.mjs:\d+:\d+: null is no object$/);
});

it.each(['wild', 'negative'])('what never was a reference: %s', async (how) => {
  const { message } = await rejection(run(how, { mode: 'continue', verify: true }));
  expect(message).toMatch(/setRoot\(…\) at .*: object -?\d+ .* is no reference/);
});

it('does not look where nobody has asked it to', async () => {
  expect(await run('load', { mode: 'continue', verify: false })).toBe('unseen');
});
