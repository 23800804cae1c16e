/** A marker of a heap in an array: joins in each round that it is told of, until all is marked. */
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

parentPort.on('message', (roots) => {
  tracer.begin(space, poolLimit(pool));
  for (const root of roots) tracer.visit(root);
  tracer.traceTogether();
  parentPort.postMessage('marked');
});
parentPort.postMessage('ready');
