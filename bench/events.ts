/**
 * What events cost: collections of `random-graph`, one after the other with a mutator at work, told in detail and not, turn
 * about within each of several heaps; and one event.
 *
 *     node dist/bench/events.js [--kernel sim|linux] [--json FILE] [heap MiB = 256] [heaps = 6] [rounds of each = 10]
 *
 * A round is the workload's own; some seven collections of 256 MiB come to one. Collections of one heap differ by a tenth, so
 * that it takes some two thousand to tell a hundredth. `--json` keeps the figures of each.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { mean } from 'simple-statistics';
import { createRing, EVENT, openReader, openWriter, tellsDetails } from '../gc/events.ts';
import { openHeap } from '../gc/index.ts';
import { measure, type Plan } from './measure.ts';
import { medianOfMedians, pairedRatio } from './metrics/bootstrap.ts';
import { resolveOptions } from './options.ts';
import { placeV8Threads } from './placement.ts';
import type { Run } from './results.ts';
import { workloads } from './workloads/index.ts';
import type { Workload } from './workloads/workload.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { kernel: { type: 'string', default: 'sim' }, json: { type: 'string' } },
});
const [heapMib = 256, heaps = 6, rounds = 10] = positionals.map(Number);
const { config } = resolveOptions('run', 'random-graph', {
  ...{ kernel: values.kernel, heap: `${heapMib}MiB`, cycles: `${rounds}`, period: '1' },
});
const workload = workloads.get(config.workload) as Workload;
placeV8Threads(config.v8Threads);

async function collectionsOf(invocation: number): Promise<Run['cycles']> {
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
  return run.cycles;
}

const isTold = ({ number }: { readonly number: number }) => tellsDetails('half', number);

/**
 * Collections in blocks of four: untold, told, told, untold. Whatever slows a machine down for longer than that concerns both
 * sides of a block alike.
 */
function blocksOf(cycles: Run['cycles']): readonly Run['cycles'][] {
  const first = cycles.findIndex((cycle, i) => !isTold(cycle) && cycles.slice(i + 1, i + 3).every(isTold));
  const starts = cycles.slice(0, -3).flatMap((_, i) => (i >= first && (i - first) % 4 === 0 ? [i] : []));
  return starts.map((start) => cycles.slice(start, start + 4));
}

const heapsOfCycles: Run['cycles'][] = [];
for (let invocation = 1; invocation <= heaps; invocation++) {
  heapsOfCycles.push(await collectionsOf(invocation));
  if (values.json === undefined) continue;
  const figures = heapsOfCycles.map((cycles) =>
    cycles.map((cycle) => ({
      ...{ told: isTold(cycle), totalMs: cycle.totalMs },
      ...{ phasesMs: cycle.phasesMs, phasesCpuMs: cycle.phasesCpuMs },
    })),
  );
  writeFileSync(values.json, JSON.stringify(figures));
}
const blocks = heapsOfCycles.flatMap(blocksOf);
const shown = (value: number | null | undefined, digits: number) => value?.toFixed(digits) ?? '–';
const side = (told: boolean, msOf: (cycle: Run['cycles'][number]) => number) =>
  blocks.map((block) => [mean(block.filter((cycle) => isTold(cycle) === told).map(msOf))]);
console.log(
  `${config.kernel}, random-graph, ${heapMib} MiB, ${blocks.length} times 4 collections, of ${heaps} heaps:`,
);
for (const [what, msOf] of [
  ['a collection', ({ totalMs }) => totalMs],
  ['compacting', ({ phasesMs }) => phasesMs.compact ?? 0],
] satisfies [string, (cycle: Run['cycles'][number]) => number][]) {
  const [on, off] = [side(true, msOf), side(false, msOf)];
  const { ratio, low95, high95 } = pairedRatio(on, off, config.seed);
  console.log(
    `  ${what}: ${shown(medianOfMedians(off), 1)} ms without events of pages, calls and stalls; ` +
      `with them ${shown(ratio, 4)} times that (95 %: ${shown(low95, 4)} to ${shown(high95, 4)})`,
  );
}

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
