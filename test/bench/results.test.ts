/** The schema of the result file: what the contract names must be there, and more may be. */
import { readFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import { expect, it } from 'vitest';
import { describeHost } from '../../dist/bench/host.js';
import { resolveOptions } from '../../dist/bench/options.js';
import { renderReport } from '../../dist/bench/report/html.js';
import { type Results, ResultsSchema } from '../../dist/bench/results.js';
import { sampleRun } from './results-samples.ts';

const { config } = resolveOptions('compare', undefined, {});
const results: Results = {
  schema: 'minorfault/results/1',
  host: describeHost(),
  config: { ...config, parameters: { depth: 16 }, liveBytes: 1 << 20 },
  runs: [sampleRun({ mode: 'continue' })],
  summary: { copyOverContinue: { totalMs: { ratio: 2, low95: 1.5, high95: null } }, pageOverPage: {} },
};

/** The field names of the contract, by path; `*` is any element. */
const CONTRACT = [
  ...['kernel', 'cpu', 'cores', 'node', 'minorfault'].map((name) => `host.${name}`),
  ...['seed', 'workload', 'parameters'].map((name) => `config.${name}`),
  ...['kernel', 'mode', 'invocation', 'cycles', 'mutators', 'memory', 'verified'].map(
    (name) => `runs.*.${name}`,
  ),
  ...[
    'trigger',
    'phasesMs',
    'totalMs',
    'pauses',
    'liveBytes',
    'freedBytes',
    'objects',
    'pages',
    'ioctls',
    'faults',
  ].map((name) => `runs.*.cycles.*.${name}`),
  ...['name', 'ms', 'timeToSafepointMs'].map((name) => `runs.*.cycles.*.pauses.*.${name}`),
  ...['compacted', 'slid', 'publishedByCollector', 'publishedByFault', 'untouched'].map(
    (name) => `runs.*.cycles.*.pages.${name}`,
  ),
  ...['missing', 'minor'].map((name) => `runs.*.cycles.*.faults.${name}`),
  ...['calls', 'pages'].map((name) => `runs.*.cycles.*.ioctls.UFFDIO_CONTINUE.${name}`),
  ...['operations', 'seconds', 'checksum', 'stallsUs', 'waitsUs', 'mmu'].map(
    (name) => `runs.*.mutators.*.${name}`,
  ),
  ...['count', 'p50', 'p90', 'p99', 'p999', 'max'].map((name) => `runs.*.mutators.*.stallsUs.${name}`),
  ...['peakBytes', 'heapBytes'].map((name) => `runs.*.memory.${name}`),
  ...['ratio', 'low95', 'high95'].map((name) => `summary.copyOverContinue.totalMs.${name}`),
];

function errorsOf(value: unknown): readonly string[] {
  return [...Value.Errors(ResultsSchema, value)].map((error) => `${error.instancePath} ${error.message}`);
}

/** A copy of the value without the field at the path. */
function without(path: string): unknown {
  const copy = structuredClone(results) as unknown as Record<string, unknown>;
  const steps = path.split('.');
  const last = steps.pop() as string;
  let parent = copy;
  for (const step of steps) parent = parent[step === '*' ? '0' : step] as Record<string, unknown>;
  expect(parent, path).toHaveProperty(last);
  delete parent[last];
  return copy;
}

it('takes what we write', () => {
  expect(errorsOf(results)).toEqual([]);
  expect(errorsOf(JSON.parse(JSON.stringify(results)))).toEqual([]);
});

it('takes fields beyond the contract, anywhere', () => {
  expect(errorsOf({ ...results, extra: 1, host: { ...results.host, extra: 1 } })).toEqual([]);
});

it.each(CONTRACT)('misses %s', (path) => {
  expect(errorsOf(without(path))).not.toEqual([]);
});

it('a file of an earlier version told less, and is read all the same', () => {
  const { kernel, cpu, cores, node, minorfault, platform, memoryBytes, pageBytes, loadAverage } =
    results.host;
  const told = { kernel, cpu, cores, node, minorfault, platform, memoryBytes, pageBytes, loadAverage };
  const earlier = { ...results, host: told };
  expect(errorsOf(earlier)).toEqual([]);
  expect(renderReport(earlier)).toContain('<dt>loadAverage</dt>');
});

it('the report tells of the host fact by fact', () => {
  const host: Results['host'] = {
    ...results.host,
    transparentHugePages: { enabled: 'madvise', defrag: null, shmem: 'never' },
    bootParameters: ['mitigations=off'],
  };
  const report = renderReport({ ...results, host });
  expect(report).toContain('<dt>transparentHugePages.enabled</dt><dd>madvise</dd>');
  expect(report).toContain('<dt>transparentHugePages.defrag</dt><dd>null</dd>');
  expect(report).toContain('<dt>bootParameters</dt><dd>[&quot;mitigations=off&quot;]</dd>');
});

it('refuses another schema', () => {
  expect(errorsOf({ ...results, schema: 'minorfault/results/2' })).not.toEqual([]);
});

it('the schema in the package is the same, for whoever validates with it', () => {
  const schema = JSON.parse(
    readFileSync(new URL('../../dist/schemas/results.json', import.meta.url), 'utf8'),
  );
  expect(Value.Check(schema, results)).toBe(true);
  const [run] = results.runs;
  expect(Value.Check(schema, { ...results, runs: [{ ...run, kernel: 'plan9' }] })).toBe(false);
});
