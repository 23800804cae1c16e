/**
 * What events cost: collections of `random-graph` with a mutator at work, told in detail and not, turn about within each of
 * several heaps; and one event.
 *
 *     node dist/bench/events.js [--kernel sim|linux] [heap MiB = 256] [heaps = 6] [collections of each = 40]
 */
import { parseArgs } from 'node:util';
import { createRing, EVENT, openReader, openWriter, tellsDetails } from '../gc/events.ts';
import { openHeap } from '../gc/index.ts';
import { measure, type Plan } from './measure.ts';
import { medianOfMedians, pairedRatio } from './metrics/bootstrap.ts';
import { resolveOptions } from './options.ts';
import { placeV8Threads } from './placement.ts';
import { workloads } from './workloads/index.ts';
import type { Workload } from './workloads/workload.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kernel: { type: 'string', default: 'sim' } },
});
const [heapMib = 256, heaps = 6, collections = 40] = positionals.map(Number);
const { config } = resolveOptions('run', 'random-graph', {
  ...{ kernel: values.kernel, heap: `${heapMib}MiB`, cycles: `${collections}` },
});
const workload = workloads.get(config.workload) as Workload;
placeV8Threads(config.v8Threads);

/** Totals of the collections of a heap, in ms: of those told in detail, and of the others. */
async function totalsOf(invocation: number): Promise<readonly [on: number[], off: number[]]> {
  const { heap: heapBytes, mutators, live, seed, cycles } = config;
  const request = { heapBytes, mutators, live, seed, cycles, settings: new Map<string, string>() };
  const { data } = await workload.prepare(request);
  const plan: Plan = {
    ...{ config, mode: 'continue', page: config.page, invocation, module: workload.module, data },
    ...{ nonMovingBytes: 0, largeBytes: 0, record: false },
  };
  const { run, failure } = await measure(plan, {
    openHeap: (options) => openHeap({ ...options, detailedEvents: 'half' }),
    signal: new AbortController().signal,
  });
  if (failure !== null) throw failure;
  const totals = (told: boolean) =>
    run.cycles.filter(({ number }) => tellsDetails('half', number) === told).map(({ totalMs }) => totalMs);
  return [totals(true), totals(false)];
}

const [on, off]: [number[][], number[][]] = [[], []];
for (let invocation = 1; invocation <= heaps; invocation++) {
  const [told, untold] = await totalsOf(invocation);
  on.push(told);
  off.push(untold);
}
const { ratio, low95, high95 } = pairedRatio(on, off, config.seed);
const shown = (value: number | null | undefined, digits: number) => value?.toFixed(digits) ?? '–';
console.log(
  `${config.kernel}, random-graph, ${heapMib} MiB, ${heaps} heaps of ${collections} collections: total ` +
    `${shown(medianOfMedians(off), 1)} ms without events of pages, calls and stalls, ${shown(medianOfMedians(on), 1)} ms with them: ` +
    `${shown(ratio, 4)} (95 %: ${shown(low95, 4)} to ${shown(high95, 4)})`,
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
