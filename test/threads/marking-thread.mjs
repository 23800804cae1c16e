/** A marker of a heap in an array: does what it is told, step by step. */
import { parentPort, workerData } from 'node:worker_threads';
import { openCompiled } from '../../dist/gc/compiled.js';
import { openMarkPool, poolLimit } from '../../dist/gc/mark-pool.js';
import { makeTracer } from '../../dist/gc/trace.js';
import { openTables } from '../../dist/heap/layout.js';

const { metadata, geometry, words, markPool, linear } = workerData;
const tables = openTables(metadata, geometry);
const pool = openMarkPool(markPool);
// In linear memory each marker has a room of its own for its stack.
const compiled = linear && openCompiled({ memory: linear.memory, allocate: () => linear.room }, tables);
const tracer = makeTracer(tables, pool, false, compiled);
const base = (page) => page * 1024;
const space = { words, readable: base, writable: base, ...(linear && { linear: words.byteOffset }) };

const steps = {
  // The first marker's, before the others trace and after they have.
  begin({ limit, markers }) {
    tracer.begin(space, limit);
    tracer.beginTogether(markers);
  },
  trace({ roots, isFirst }) {
    if (!isFirst) {
      tracer.begin(space, poolLimit(pool));
      tracer.joinTogether();
    }
    for (const root of roots) tracer.visit(root);
    tracer.traceTogether();
  },
  end: () => tracer.endTogether(),
};

parentPort.on('message', (message) => {
  steps[message.step](message);
  parentPort.postMessage('done');
});
parentPort.postMessage('ready');
