/** Bytes behind the heap over the collections of the first invocation. */
import * as Plot from '@observablehq/plot';
import type { Results } from '../../results.ts';
import { colourScale, type Figure, shownOf } from './plot.ts';

const MIB = 2 ** 20;

export function plotMemory(results: Results): Figure {
  const shown = shownOf(results);
  const points = shown.flatMap(({ name, runs: [first] }) => {
    const began = first?.cycles[0]?.beganMs ?? 0;
    const samples = first?.cycles.flatMap(({ memory }) => memory) ?? [];
    return samples.map(({ atMs, bytes }) => ({ mode: name, ms: atMs - began, mib: bytes / MIB }));
  });
  if (points.length === 0) return 'Nothing was collected.';
  return {
    x: { label: 'ms since the first measured collection began →' },
    y: { label: '↑ MiB behind the heap', grid: true, zero: true },
    color: colourScale(shown.map(({ name }) => name)),
    marks: [
      Plot.ruleY([0]),
      Plot.line(points, { x: 'ms', y: 'mib', stroke: 'mode', curve: 'step-after', strokeWidth: 1.5 }),
      Plot.dot(points, { x: 'ms', y: 'mib', fill: 'mode', r: 2 }),
    ],
  };
}
