/** The collector, a compactor or a fault thread dies: the run ends with an error that names it, and nothing hangs. */
import { afterEach, describe, expect, it } from 'vitest';
import { fixture, MODES_HERE, rejection, sharedWords, turnAbout, withHeap } from './gc-heaps.ts';
import { workerNamed, workersLeft } from './worker-watch.ts';

afterEach(() => expect(workersLeft()).toBe(0));

// Marking stumbles over it, or who makes the page, or the check after the collection finds it: as it happens.
const DAMAGES = ['header', 'wildReference', 'negativeReference', 'middleReference', 'root', 'arraySize'];

describe.each(MODES_HERE)('%s: a mutator damages the heap', (mode) => {
  it.each(turnAbout(DAMAGES))('%s', async (kind) => {
    await withHeap({ mode, mutators: 2 }, async (heap) => {
      const words = sharedWords();
      const others = heap.spawn(fixture('programs'), { program: 'forever' });
      const { done } = heap.spawn(fixture('vandal'), { kind, words });
      const error = await rejection(done);
      expect(error.cause).toMatchObject({ code: 'HEAP_CORRUPT' });
      expect(error.message).toMatch(
        /^(collector|fault 0) failed: verification (while marking|after marking|while compacting|after collection \d+): /,
      );
      expect(await rejection(others.done)).toBe(error);
    });
  });
});

it.each(['continue', 'copy'] as const)('%s: the userfaultfd is gone', async (mode) => {
  await withHeap({ mode, mutators: 2 }, async (heap) => {
    const others = heap.spawn(fixture('programs'), { program: 'forever' });
    const error = await rejection(heap.spawn(fixture('vandal'), { kind: 'userfaultfd' }).done);
    // On linux another file of the process may have the number by then.
    expect(error.message).toMatch(
      /^(collector|fault 0) failed: (UFFDIO_\w+|publish.*|read): (EBADF|ENOTTY|EINVAL)/,
    );
    expect(await rejection(others.done)).toBe(error);
  });
});

describe.each(['collector', 'compactor 1', 'fault 0', 'fault 1'])('%s is ended from outside', (name) => {
  // In stw nobody serves faults.
  const modes = MODES_HERE.filter((mode) => mode !== 'stw' || !name.startsWith('fault'));
  it.each(modes)('%s, while mutators run', async (mode) => {
    const options = { mode, mutators: 2, gcThreads: 2, faultThreads: 2 };
    await withHeap(options, async (heap) => {
      const data = { seed: 5, epochs: 1e9, epochBytes: 100_000, collectEvery: 40 };
      const done = [0, 1].map(() => heap.spawn(fixture('graph'), data).done);
      while (heap.cycles.length < 5) await new Promise((resolve) => setImmediate(resolve));
      void workerNamed(name).terminate();
      const errors = await Promise.all([...done, heap.failure].map(rejection));
      for (const error of errors)
        expect(error.message).toMatch(new RegExp(`^${name} ended before it was done`));
    });
  });

  it('while nothing runs', async () => {
    await withHeap({ gcThreads: 2, faultThreads: 2 }, async (heap) => {
      void workerNamed(name).terminate();
      expect((await rejection(heap.failure)).message).toMatch(new RegExp(`^${name} ended before`));
      expect((await rejection(heap.collect())).message).toMatch(new RegExp(`^${name} ended before`));
    });
  });

  it('while the heap is being closed', async () => {
    await withHeap({ gcThreads: 2, faultThreads: 2 }, async (heap) => {
      const closed = heap.close();
      void workerNamed(name).terminate();
      await closed;
    });
  });
});
