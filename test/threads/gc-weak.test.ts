/** Weak references, finalizers and ephemerons: what is alive is answered, what is dead is not, in every mode. */
import { describe, expect, it } from 'vitest';
import { fixture, MIB, MODES_HERE, rejection, runProgram, withHeap } from './gc-heaps.ts';

describe.each(MODES_HERE)('%s', (mode) => {
  const options = { mode, verify: 'phases', heapBytes: MIB, nonMovingBytes: MIB / 4 } as const;

  it('every third object dies', async () => {
    const { results, cycles } = await runProgram('weakly', { ...options, mutators: 2 }, { objects: 300 });
    expect(results).toEqual([[], []]);
    const sum = (of: 'cleared' | 'finalized') =>
      cycles.reduce((total, { references }) => total + references[of], 0);
    expect([sum('cleared'), sum('finalized')]).toEqual([200, 200]);
  });

  it('a chain of ephemerons lives and dies with its first key', async () => {
    const { results } = await runProgram('ephemerons', options, { length: 40 });
    expect(results).toEqual([[40, 0]]);
  });

  it('objects that only weak references know are made strong again while collections run', async () => {
    const program = { objects: 200, rounds: 20_000 };
    const { results } = await runProgram('revived', { ...options, verify: true, mutators: 2 }, program);
    const sound = { wrong: [], revived: true, seen: true };
    expect(results).toEqual([sound, sound]);
  });
});

it('as many as the heap was opened for, and each for what it is', async () => {
  const { results } = await runProgram('weakMisuse', { weakHandles: 3 }, { handles: 3 });
  const says = (what: string) => `MUTATOR_MISUSE: mutator 0: ${what}`;
  expect(results).toEqual([
    [
      says('a weak handle of null'),
      says('0 is no such handle, or was dropped'),
      says('all 3 weak handles are in use; drop some, or open the heap with more weakHandles'),
      says('0 is no such handle, or was dropped'),
      says('1 is no such handle, or was dropped'),
      says('1 is no such handle, or was dropped'),
      says('1.5 is no such handle, or was dropped'),
      'nothing',
    ],
  ]);
});

it('a heap without weak handles', async () => {
  await withHeap({ weakHandles: 0, nonMovingBytes: 4096 }, async (heap) => {
    const { done } = heap.spawn(fixture('programs'), { program: 'weakly', objects: 3 });
    expect((await rejection(done)).message).toContain('all 0 weak handles are in use');
  });
});
