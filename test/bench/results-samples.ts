/** A stand-in for the heap, and runs made up for tests of what is computed from them. */
import type { Cycle, Run } from '../../dist/bench/results.js';

export interface CycleFigures {
  readonly number: number;
  readonly beganMs?: number;
  readonly totalMs?: number;
  readonly compactionMs?: number;
  readonly copied?: number;
}

export function sampleCycle(figures: CycleFigures): Cycle {
  const { number, totalMs = 10, compactionMs = 0.5, copied } = figures;
  const { beganMs = 100 * number } = figures;
  return {
    number,
    trigger: 'allocation',
    beganMs,
    phasesMs: { mark: totalMs / 2 },
    totalMs,
    pauses: [
      { name: 'marking', ms: totalMs / 2, timeToSafepointMs: 0.1 },
      { name: 'compaction', ms: compactionMs, timeToSafepointMs: 0.05 },
    ],
    liveBytes: 1 << 20,
    freedBytes: 1 << 20,
    deadBytes: 1 << 12,
    objects: 1000,
    pages: {
      compacted: 256,
      prefix: 100,
      slid: 3,
      publishedByCollector: 200,
      publishedByFault: 50,
      untouched: 6,
    },
    nonMoving: {
      ...{ pages: 0, liveBytes: 0, publishedByCollector: 0, publishedByFault: 0 },
      ...{ untouched: 0, calls: 0, copiedBytes: 0 },
    },
    large: { pages: 0, liveBytes: 0, rawPages: 0, rawBytes: 0 },
    releasedPages: 0,
    ioctls:
      copied === undefined
        ? { UFFDIO_CONTINUE: { calls: 16, pages: 250 } }
        : { UFFDIO_COPY: { calls: 16, pages: copied } },
    faults: { missing: copied === undefined ? 0 : 50, minor: copied === undefined ? 50 : 0 },
    refused: {},
    memory: [{ atMs: beganMs + totalMs / 2, bytes: 80 << 20 }],
  };
}

export function sampleRun(figures: Partial<Run> & Pick<Run, 'mode'>): Run {
  return {
    kernel: 'sim',
    page: 4096,
    fellBackFrom: [],
    invocation: 1,
    cycles: [sampleCycle({ number: 1 })],
    warmupCycles: 0,
    v8: { collections: 3, totalMs: 4, longestMs: 2, overlapping: 1, overlapMs: 1.5 },
    loops: 'js',
    lostEvents: 0,
    mutators: [
      {
        operations: 1000,
        seconds: 2,
        checksum: 42,
        waitsUs: { count: 2, p50: 30, p90: 46, p99: 49.6, p999: 49.96, max: 50 },
        stallsUs: { count: 3, p50: 10, p90: 18, p99: 19.8, p999: 19.98, max: 20 },
        stallHistogram: [
          [10, 2],
          [20, 1],
        ],
        longestStallsUs: { count: 1, p50: 20, p90: 20, p99: 20, p999: 20, max: 20 },
        mmu: null,
      },
    ],
    memory: { peakBytes: 80 << 20, heapBytes: 64 << 20 },
    verified: null,
    ...figures,
  };
}
