/**
 * What events cost: collections of `random-graph` with a mutator at work, told in detail and not, turn about; and one event.
 *
 *     node dist/bench/events.js [--kernel sim|linux] [heap MiB = 256] [turns = 6]
 */
import { parseArgs } from 'node:util';
import { createRing, EVENT, openReader, openWriter } from '../gc/events.ts';
import { openHeap } from '../gc/index.ts';
import { measure, type Plan } from './measure.ts';
import { medianOfMedians, ratioOfMedians } from './metrics/bootstrap.ts';
import { resolveOptions } from './options.ts';
import { placeV8Threads } from './placement.ts';
import { workloads } from './workloads/index.ts';
import type { Workload } from './workloads/workload.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kernel: { type: 'string', default: 'sim' } },
});
const [heapMib = 256, turns = 6] = positionals.map(Number);
const { config } = resolveOptions('run', 'random-graph', {
  ...{ kernel: values.kernel, heap: `${heapMib}MiB`, cycles: '4' },
});
const workload = workloads.get(config.workload) as Workload;
placeV8Threads(config.v8Threads);

async function totalsOf(detailedEvents: boolean, invocation: number): Promise<readonly number[]> {
  const { heap: heapBytes, mutators, live, seed, cycles } = config;
  const request = { heapBytes, mutators, live, seed, cycles, settings: new Map<string, string>() };
  const { data } = await workload.prepare(request);
  const plan: Plan = {
    ...{ config, mode: 'continue', page: config.page, invocation, module: workload.module, data },
    ...{ nonMovingBytes: 0, largeBytes: 0, record: false },
  };
  const { run, failure } = await measure(plan, {
    openHeap: (options) => openHeap({ ...options, detailedEvents }),
    signal: new AbortController().signal,
  });
  if (failure !== null) throw failure;
  return run.cycles.map(({ totalMs }) => totalMs);
}

const [on, off]: [(readonly number[])[], (readonly number[])[]] = [[], []];
for (let turn = 1; turn <= turns; turn++) {
  const order = turn % 2 === 1 ? [true, false] : [false, true];
  for (const detailed of order) (detailed ? on : off).push(await totalsOf(detailed, turn));
}
const { ratio, low95, high95 } = ratioOfMedians(on, off, config.seed);
const shown = (value: number | null) => value?.toFixed(3) ?? '–';
console.log(
  `${config.kernel}, random-graph, ${heapMib} MiB, ${turns} turns of 4 collections: total ` +
    `${medianOfMedians(off)?.toFixed(1)} ms without events of pages, calls and stalls, ${medianOfMedians(on)?.toFixed(1)} ms with them: ` +
    `${shown(ratio)} (95 %: ${shown(low95)} to ${shown(high95)})`,
);

const ring = createRing(process.hrtime.bigint());
const [writer, reader] = [openWriter(ring), openReader(ring)];
const ROUNDS = 200;
const EVENTS = 20_000;
const micros: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const began = performance.now();
  for (let i = 0; i < EVENTS; i++) writer.emit(EVENT.filled, i, 1, 0, i, 64);
  micros.push(((performance.now() - began) * 1000) / EVENTS);
  reader.drain(() => {});
}
console.log(`one event: ${(1000 * (medianOfMedians([micros]) ?? 0)).toFixed(0)} ns, its clock included`);
