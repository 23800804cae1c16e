/** Collections that begin by themselves: before room gets scarce, at a target utilization, after a time. */
import { describe, expect, it } from 'vitest';
import type { CycleRecord } from '../../dist/gc/index.js';
import { fixture, MIB, MODES_HERE, recordsOf, runProgram, withHeap } from './gc-heaps.ts';

const triggersOf = (cycles: readonly CycleRecord[]) => new Set(cycles.map(({ trigger }) => trigger));

describe.each(MODES_HERE)('%s', (mode) => {
  it('a mutator that makes garbage: a collection begins before it finds no room', async () => {
    const { results, cycles } = await runProgram('garbage', { mode, heapBytes: 8 * MIB }, { mib: 64 });
    expect(results).toEqual([0]);
    expect(cycles[0]?.trigger).toBe('headroom');
  });

  it('target utilization: a collection begins long before', async () => {
    const options = { mode, heapBytes: 16 * MIB, utilization: 0.5, minFreeBytes: MIB / 2 };
    const { results, cycles } = await runProgram('garbage', options, { mib: 4 });
    expect(results).toEqual([0]);
    expect(cycles[0]?.trigger).toBe('utilization');
  });
});

it('a period: with nobody who allocates', async () => {
  await withHeap({ periodMs: 5 }, async (heap) => {
    while (heap.cycles.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(triggersOf(heap.cycles)).toEqual(new Set(['periodic']));
    const began = heap.cycles.map(({ beganMs, totalMs }) => [beganMs, beganMs + totalMs] as const);
    for (let i = 1; i < began.length; i++) {
      expect((began[i]?.[0] ?? 0) - (began[i - 1]?.[1] ?? 0)).toBeGreaterThanOrEqual(5);
    }
  });
});

it('no period, no utilization: none begins that nobody needs', async () => {
  await withHeap({}, async (heap) => {
    await heap.spawn(fixture('programs'), { program: 'garbage', mib: 0.5 }).done;
    expect(triggersOf(await recordsOf(heap))).toEqual(new Set(['explicit']));
  });
});
