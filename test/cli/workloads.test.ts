/** `workloads` lists what can be run; names and parameters that do not exist are told with what there is. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Value } from 'typebox/value';
import { expect, it } from 'vitest';
import { tinyHprof } from '../../dist/bench/dumps/tiny-hprof.js';
import type { WorkloadList } from '../../dist/bench/workload-list-schema.js';
import { minorfault } from './minorfault.ts';

const NAMES = ['snapshot', 'gcbench', 'churn', 'random-graph', 'graph-mutator', 'arrays', 'requests'];

it('lists every workload with a line of its own', async () => {
  const { code, stdout, stderr } = await minorfault(['workloads']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const name of NAMES) expect(stdout).toMatch(new RegExp(`^${name}: .+$`, 'm'));
});

it.each([[['--json']], [['--json', '-']]])('as JSON with %s', async (args) => {
  const { code, stdout } = await minorfault(['workloads', ...args]);
  const listed = JSON.parse(stdout);
  expect(code).toBe(0);
  expect(listed.schema).toBe('minorfault/workloads/1');
  expect(listed.workloads.map((workload: { name: string }) => workload.name).sort()).toEqual(
    [...NAMES].sort(),
  );
  expect(listed.workloads[0].parameters).toHaveProperty('file');
});

it('as JSON that the schema in the package takes, and that says all there is to know of a parameter', async () => {
  const file = new URL('../../dist/schemas/workloads.json', import.meta.url);
  const schema = JSON.parse(readFileSync(file, 'utf8'));
  const list: WorkloadList = JSON.parse((await minorfault(['workloads', '--json'])).stdout);
  expect([...Value.Errors(schema, list)]).toEqual([]);
  for (const { name, parameters } of list.workloads) {
    expect(parameters.operations, name).toMatchObject({ type: 'integer' });
    for (const [parameter, { type, default: value, derived, min, max }] of Object.entries(parameters)) {
      const of = `${name} ${parameter}`;
      if (value === null) expect(derived, of).toMatch(/./);
      else expect(typeof value, of).toBe(type === 'path' ? 'string' : 'number');
      if (type === 'path') continue;
      expect(min, of).toBeTypeOf('number');
      if (value !== null) expect(value, of).toBeGreaterThanOrEqual(min as number);
      if (value !== null && max !== undefined) expect(value, of).toBeLessThanOrEqual(max);
    }
  }
  const [first] = list.workloads;
  for (const wrong of [{ type: 'int' }, { default: undefined }, { min: '1' }, { summary: 7 }]) {
    const broken = { ...first, parameters: { x: { ...first?.parameters.file, ...wrong } } };
    expect(Value.Check(schema, { ...list, workloads: [broken] }), JSON.stringify(wrong)).toBe(false);
  }
});

it.each([
  ['run nothing', /^minorfault: nothing: no such workload; the workloads are .*snapshot.*\n$/],
  ['run gcbenc', /^minorfault: gcbenc: no such workload \(did you mean gcbench\?\).*\n$/],
  ['run snapshot --set fil=x', /^minorfault: --set fil: no such parameter \(did you mean file\?\).*\n$/],
  ['run snapshot --set file=/no/such/file', /^minorfault: .*\/no\/such\/file.*\n$/],
  [`run snapshot --set file=${import.meta.filename}`, /^minorfault: .*\n$/],
])('%s: exit 2', async (args, line) => {
  const { code, stdout, stderr } = await minorfault(args.split(' '));
  expect(stderr).toMatch(line);
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

it('a damaged .hprof: exit 2, and the byte', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'minorfault-hprof-'));
  try {
    const file = join(folder, 'x.hprof');
    writeFileSync(file, tinyHprof({ version: '1.0.2', idBytes: 8 }).subarray(0, 1000));
    const { code, stdout, stderr } = await minorfault(['run', 'snapshot', '--set', `file=${file}`]);
    expect(stderr).toMatch(/^minorfault: --set file=.*x\.hprof: truncated: it ends at byte 1000, in .*\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
