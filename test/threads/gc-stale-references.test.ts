/** A reference that is held over a collection is told of where it is used, under `verify`; and nothing else is. */
import { describe, expect, it } from 'vitest';
import type { StaleReferenceError } from '../../dist/heap/errors.js';
// @ts-expect-error: a module of JavaScript
import { USES } from '../fixtures/stale.mjs';
import { fixture, MIB, MODE_NAMES, rejection, sharedWords, withHeap } from './gc-heaps.ts';

function run(how: string, options: object): Promise<{ result: unknown; old: number }> {
  const told = sharedWords();
  const opened = { heapBytes: MIB, nonMovingBytes: 65_536, mutators: 1, densePrefix: null, ...options };
  return withHeap(opened, async (heap) => {
    const { result } = await heap.spawn(fixture('stale'), { how, told }).done.catch((error) => {
      throw Object.assign(error, { old: told[0] });
    });
    return { result, old: told[0] as number };
  });
}

describe.each(USES as string[])('%s', (how) => {
  it('of a stale reference', async () => {
    const error = await rejection(run(how, { mode: 'continue', verify: true }));
    const { old, cause } = error as unknown as { old: number; cause: StaleReferenceError };
    const [call] = how.split(' ');
    expect(cause).toMatchObject({ code: 'STALE_REFERENCE', object: old, call });
    expect(old).toBeGreaterThan(1);
    expect(cause.site).toMatch(/fixtures\/stale\.mjs:\d+:\d+$/);
    expect(error.message).toMatch(
      `mutator 0 failed: ${call}(…) at ${cause.site}: object ${old} (heap + 0x${(8 * old).toString(16)}, page ${old >>> 9}) is no reference`,
    );
    expect(error.message).not.toMatch('\n');
  });
});

describe.each(MODE_NAMES)('%s', (mode) => {
  it.each([true, 'phases'])('verify: %s', async (verify) => {
    expect((await rejection(run('store', { mode, verify }))).message).toMatch(/store\(…\) at .* object/);
  });

  it('says nothing of references that are good', async () => {
    expect((await run('well', { mode, verify: 'phases' })).result).toEqual([1, 2, 3, 4, 5, 6, 7, 1, 1]);
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
  expect((await run('load', { mode: 'continue', verify: false })).result).toBe('unseen');
});
