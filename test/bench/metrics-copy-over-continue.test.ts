/** The headline takes every metric of COPY over that of CONTINUE, and exists only beside both. */
import { expect, it } from 'vitest';
import { copyOverContinue } from '../../dist/bench/metrics/copy-over-continue.js';
import { sampleCycle, sampleRun } from './results-samples.ts';

it('of two modes', () => {
  const slow = sampleCycle({ number: 1, totalMs: 30, compactionMs: 40, copied: 250 });
  const summary = copyOverContinue(
    [
      sampleRun({ mode: 'continue' }),
      sampleRun({
        mode: 'copy',
        cycles: [slow, slow],
        memory: { peakBytes: 160 << 20, heapBytes: 64 << 20 },
      }),
      sampleRun({ mode: 'stw' }),
    ],
    1,
  );
  const ratios = Object.fromEntries(Object.entries(summary).map(([name, { ratio }]) => [name, ratio]));
  expect(ratios).toEqual({
    totalMs: 3,
    pauseMaxMs: 8,
    nonMovingMs: null,
    compactionPauseMs: 80,
    stallP50Us: 1,
    stallP99Us: 1,
    peakBytes: 2,
    operationsPerSecond: 1,
  });
  expect(summary.totalMs).toMatchObject({ low95: null, high95: null }); // continue has a single collection
});

it('a run without stalls has no ratio of stalls', () => {
  const [mutator] = sampleRun({ mode: 'continue' }).mutators;
  const stallsUs = { count: 0, p50: null, p90: null, p99: null, p999: null, max: null };
  const calm = sampleRun({ mode: 'continue', mutators: [{ ...mutator!, stallsUs }] });
  expect(copyOverContinue([calm, sampleRun({ mode: 'copy' })], 1).stallP50Us?.ratio).toBeNull();
});

it('nothing unless both modes were run', () => {
  expect(copyOverContinue([sampleRun({ mode: 'continue' }), sampleRun({ mode: 'stw' })], 1)).toEqual({});
});
