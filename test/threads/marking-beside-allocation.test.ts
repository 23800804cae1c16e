/**
 * A mutator marks its new objects of the non-moving space itself, while the collector marks those beside them: no mark
 * may be lost, though a word of the bitmap has 32 of them.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { allocateMarkPool, openMarkPool } from '../../dist/gc/mark-pool.js';
import { makeTracer } from '../../dist/gc/trace.js';
import { allocateMetadata, openTables } from '../../dist/heap/layout.js';
import { nonMovingBegin } from '../../dist/heap/non-moving.js';
import { within } from './stress.js';

const PAGES = 4096;
const geometry = { heapBytes: 4096, nonMovingBytes: PAGES * 4096, mutators: 1, rootSlots: 1, tlabPages: 1 };
const other = `
  import { parentPort, workerData } from 'node:worker_threads';
  const { markBits, first, end } = workerData;
  parentPort.on('message', () => {
    for (let object = first + 1; object < end; object += 2) Atomics.or(markBits, object >>> 5, 1 << (object & 31));
    parentPort.postMessage('marked');
  });
  parentPort.postMessage('ready');
`;

it.each([true, false])('a marker that is alone: %s', async (alone) => {
  const tables = openTables(allocateMetadata(geometry), geometry);
  const [first, end] = [nonMovingBegin(tables), nonMovingBegin(tables) + PAGES * 512];
  const entry = new URL(`data:text/javascript,${encodeURIComponent(other)}`);
  const worker = new Worker(entry, { workerData: { markBits: tables.markBits, first, end } });
  onTestFinished(async () => void (await worker.terminate()));
  await once(worker, 'message');
  const tracer = makeTracer(tables, openMarkPool(allocateMarkPool()), alone);
  for (let round = 0; round < 10; round++) {
    tables.markBits.fill(0);
    tracer.begin({ words: new Int32Array(0), readable: () => 0, writable: () => 0, updatable: () => 0 }, 512);
    const marked = once(worker, 'message');
    worker.postMessage(round);
    for (let object = first; object < end; object += 2) tracer.visit(object);
    await within(20_000, 'the other thread', marked);
    const lost = tables.markBits.subarray(first >>> 5).findIndex((word) => word !== -1);
    expect(lost).toBe(-1);
  }
});
