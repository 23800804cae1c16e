/** A heap that is full of live objects says so, with its size, what is live and what was asked for. */
import { describe, expect, it } from 'vitest';
import { fixture, MIB, MODES_HERE, rejection, runProgram, withHeap } from './gc-heaps.ts';

describe.each(MODES_HERE)('%s', (mode) => {
  it.each([4, 100, 5000])('objects of %i words: the program sees the error, and can go on', async (words) => {
    const { results } = await runProgram('fill', { mode }, { words });
    const [seen] = results as [Record<string, number | string>];
    expect(seen).toMatchObject({ name: 'HeapOutOfMemoryError', code: 'HEAP_OUT_OF_MEMORY', heapBytes: MIB });
    const bytes = (seen.kept as number) * Math.ceil(words / 2) * 8;
    expect(seen.liveBytes).toBe(bytes + 8); // and the nil object
    expect(seen.askedBytes).toBe(Math.ceil(words / 2) * 8);
    // Full means full: less is left than a buffer and what large objects leave on their last pages.
    expect(bytes).toBeGreaterThan(words === 5000 ? 0.9 * MIB : 0.99 * MIB);
    expect(seen.message).toMatch(
      /^out of memory: the heap is 1 MiB, .* live after the last collection, and mutator 0 asked for .* more; /,
    );
  });

  it('the last collection before it has its marking, too, in one pause with the world stopped', async () => {
    const { cycles } = await runProgram('fill', { mode }, { words: 100 });
    const pausesOf = (trigger: string) =>
      cycles.filter((cycle) => cycle.trigger === trigger).map(({ pauses }) => pauses.map(({ name }) => name));
    expect(pausesOf('lastResort')).toEqual([['whole']]);
    expect(pausesOf('allocation')[0]).toEqual(['marking', 'compaction']);
  });

  it('two mutators fill the heap, and the run ends with the error', async () => {
    await withHeap({ mode, mutators: 2 }, async (heap) => {
      const done = [0, 1].map(() => heap.spawn(fixture('programs'), { program: 'overflow', words: 40 }).done);
      const error = await rejection(Promise.all(done));
      expect(error).toMatchObject({ code: 'THREAD_DIED', cause: { code: 'HEAP_OUT_OF_MEMORY' } });
      expect(error.message).toMatch(/^mutator [01] failed: out of memory: the heap is 1 MiB/);
    });
  });

  it('an object larger than the heap is refused without a collection', async () => {
    await withHeap({ mode, mutators: 2 }, async (heap) => {
      const { done } = heap.spawn(fixture('programs'), { program: 'overflow', words: 300_000 });
      expect((await rejection(done)).cause).toMatchObject({ code: 'HEAP_OUT_OF_MEMORY' });
      expect(heap.cycles).toEqual([]);
    });
  });
});
