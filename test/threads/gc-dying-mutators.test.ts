/** A mutator that dies ends the run with its error, whatever the others do, and leaves nothing running. */
import { afterEach, describe, expect, it } from 'vitest';
import { ALL_MODES, fixture, KERNEL, MODES_HERE, rejection, sharedWords, withHeap } from './gc-heaps.ts';
import { workersLeft } from './worker-watch.ts';

afterEach(() => expect(workersLeft()).toBe(0));

/** The error of a run in which mutator 0 runs that module; mutator 1, if it is told to, runs a program beside it. */
async function errorOf(
  module: string,
  data: object,
  beside?: object,
): Promise<Error & { code?: unknown; cause?: unknown }> {
  return withHeap({ mutators: 2, gcThreads: 2, faultThreads: 2 }, async (heap) => {
    const words = sharedWords();
    const other = beside && heap.spawn(fixture('programs'), { words, ...beside });
    if (beside) while (Atomics.load(words, 0) === 0) await new Promise((resolve) => setImmediate(resolve));
    const { done, index } = heap.spawn(module.includes(':') ? module : fixture(module), data);
    const error = await rejection(done);
    expect(error.message).toMatch(new RegExp(`^mutator ${index} `));
    expect(await rejection(heap.failure)).toBe(error);
    expect(await rejection(heap.collect())).toBe(error);
    if (other) expect(await rejection(other.done)).toBe(error);
    return error;
  });
}

describe('a mutator that throws', () => {
  it('an error: its message, its own properties and its stack get to the caller', async () => {
    const error = await errorOf('programs', { program: 'throws' });
    expect(error).toMatchObject({ name: 'ThreadDiedError', code: 'THREAD_DIED', thread: 'mutator 0' });
    expect(error.message).toBe('mutator 0 failed: the program is wrong');
    expect(error.cause).toMatchObject({ name: 'TypeError', code: 'MINE' });
    expect(error.stack).toMatch(/programs\.mjs:\d+:\d+/);
  });

  it('something that is no error', async () => {
    expect((await errorOf('programs', { program: 'throwsNoError' })).message).toBe(
      'mutator 0 failed: a string',
    );
  });

  it.each([
    ['allocates', { program: 'forever' }],
    ['never comes to a safepoint', { program: 'deaf' }],
    ['waits for a collection', { program: 'waits' }],
  ])('while another %s', async (_, beside) => {
    const error = await errorOf('programs', { program: 'throws' }, beside);
    expect(error.message).toMatch(/failed: the program is wrong/);
  });
});

describe('a mutator that calls process.exit', () => {
  it.each([0, 7])('with %i', async (code) => {
    const error = await errorOf('programs', { program: 'exits', code });
    expect(error).toMatchObject({ code: 'THREAD_DIED' });
    expect(error.message).toContain(`ended before it was done (process.exit(${code})?)`);
  });
});

// Of the kernel nothing is asked before it is loaded.
describe.runIf(ALL_MODES || KERNEL === 'sim')('a module', () => {
  it('that throws when it is loaded', async () => {
    const error = await errorOf('throws-at-import', {});
    expect(error.message).toBe('mutator 0 failed: this module cannot be loaded');
    expect(error.stack).toMatch(/throws-at-import\.mjs/);
  });

  it('that is not there', async () => {
    expect((await errorOf('not-there', {})).message).toMatch(/failed: Cannot find module .*not-there\.mjs/);
  });

  it('that has no default export', async () => {
    const error = await errorOf('no-default-export', {});
    expect(error.cause).toMatchObject({ code: 'MUTATOR_MISUSE' });
    expect(error.message).toMatch(/no-default-export\.mjs: its default export is no defineMutator/);
  });

  it('that is no module', async () => {
    expect((await errorOf('data:text/javascript,export default 3', {})).message).toMatch(/no defineMutator/);
  });
});

it('a result that cannot be posted', async () => {
  const error = await errorOf('programs', { program: 'answersWhatCannotBeCloned' });
  expect(error.message).toMatch(/could not be cloned/);
});

it('data that cannot be posted throws at spawn, and the heap goes on', async () => {
  await withHeap({}, async (heap) => {
    expect(() => heap.spawn(fixture('programs'), { program: () => {} })).toThrow(/could not be cloned/);
    expect((await heap.collect()).number).toBe(1);
  });
});

describe.each(MODES_HERE)('%s: a mutator ended from outside at any moment', (mode) => {
  it.each([1, 2, 3])('%i', async (round) => {
    const { workerNamed } = await import('./worker-watch.ts');
    await withHeap({ mode, mutators: 2, gcThreads: 2 }, async (heap) => {
      const data = { seed: round, epochs: 1e9, epochBytes: 100_000, collectEvery: 40 };
      const done = [0, 1].map(() => heap.spawn(fixture('graph'), data).done);
      while (heap.cycles.length < 5 * round) await new Promise((resolve) => setImmediate(resolve));
      void workerNamed('mutator 1').terminate();
      const errors = await Promise.all([...done, heap.failure].map(rejection));
      for (const error of errors) expect(error.message).toMatch(/^mutator 1 ended before it was done/);
    });
  });
});
