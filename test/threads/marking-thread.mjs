/** A marker of a heap in an array: joins in each round that it is told of, until all is marked. */
import { parentPort, workerData } from 'node:worker_threads';
import { openMarkPool, poolLimit } from '../../dist/gc/mark-pool.js';
import { makeTracer } from '../../dist/gc/trace.js';
import { openTables } from '../../dist/heap/layout.js';

const { metadata, geometry, words, markPool } = workerData;
const tables = openTables(metadata, geometry);
const pool = openMarkPool(markPool);
const tracer = makeTracer(tables, pool, false);
const base = (page) => page * 1024;
const space = { words, readable: base, writable: base };

parentPort.on('message', (roots) => {
  tracer.begin(space, poolLimit(pool));
  for (const root of roots) tracer.visit(root);
  tracer.traceTogether();
  parentPort.postMessage('marked');
});
parentPort.postMessage('ready');
