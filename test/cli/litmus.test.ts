/** `litmus`: the bundled programs show what they say on every kernel that is here, and a wrong file is told by its place. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { LitmusResult } from '../../dist/bench/litmus/command.js';
import { bundledPrograms } from '../../dist/bench/litmus/load.js';
import { chooseKernel } from '../../dist/uffd/open.js';
import { minorfault } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-litmus-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { kernel, why } = chooseKernel('auto');
const KERNELS = kernel === 'linux' ? ['sim', 'linux'] : ['sim'];

function fileOf(name: string, program: unknown): string {
  const file = join(folder, `${name}.json`);
  writeFileSync(file, typeof program === 'string' ? program : JSON.stringify(program));
  return file;
}

const RUNS = '1';

const OPEN = [
  { call: 'mmap', at: 0, pages: 1 },
  { call: 'mmap', at: 8, pages: 1 },
  { call: 'userfaultfd', uffd: 'u', flags: ['O_NONBLOCK'] },
  { call: 'api', uffd: 'u' },
  { call: 'register', uffd: 'u', at: 0, pages: 1, mode: ['MISSING'] },
];

it(`each of the bundled programs shows what it says, on ${KERNELS.join(' and ')}${kernel === 'sim' ? ` (${why})` : ''}`, async () => {
  const json = join(folder, 'results.json');
  const { code, stdout, stderr } = await minorfault(['litmus', '--runs', RUNS, '--json', json, '--quiet']);
  // What went wrong, and how: the only trace of a race that shows once in a thousand runs.
  expect({ code, stderr, stdout: code === 0 ? '' : stdout }).toEqual({ code: 0, stderr: '', stdout: '' });
  const { results }: { results: LitmusResult[] } = JSON.parse(readFileSync(json, 'utf8'));
  expect(results.length).toBe(bundledPrograms().length);
  expect(results.length).toBeGreaterThanOrEqual(60);
  const skipped = results.filter((result) => 'linux' in result.skipped);
  // Huge pages are the host's to give.
  if (skipped.length > 0)
    console.warn(`SKIPPED on linux: ${skipped.length} programs: ${skipped[0]?.skipped.linux}`);
  for (const { name, outcomes, skipped, wrong } of results) {
    expect({ name, wrong }).toEqual({ name, wrong: [] });
    expect(Object.keys(outcomes)).toEqual(KERNELS.filter((kernel) => !(kernel in skipped)));
    for (const counts of Object.values(outcomes))
      expect(Object.values(counts).reduce((a, b) => a + b)).toBeGreaterThanOrEqual(Number(RUNS));
  }
}, 180_000);

it('an answer that is not the one expected is told with its step, and fails', async () => {
  const steps = [...OPEN, { call: 'load', at: 0, expect: { is: 'ok' } }];
  const { code, stdout, stderr } = await minorfault([
    'litmus',
    fileOf('wrong', { name: 'wrong', steps }),
    '--quiet',
  ]);
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'minorfault: 1 of 1 programs went wrong: wrong\n' });
  for (const name of KERNELS)
    expect(stdout).toContain(`${name}: step 5 (load): the answer is "asleep", not "ok"`);
});

it('an outcome of a race that is forbidden fails', async () => {
  const copy = { call: 'copy', uffd: 'u', at: 0, from: 8, pages: 1 };
  const forbidden = ['T0: ok 4096', 'T0: EFAULT EFAULT'];
  const steps = [...OPEN, { call: 'store', at: 8, value: 1 }];
  const file = fileOf('forbidden', { name: 'forbidden', steps, race: { T0: [copy] }, forbidden });
  const { code, stdout } = await minorfault(['litmus', file, '--quiet', '--kernel', 'sim', '--runs', '3']);
  expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringContaining('sim: T0: ok 4096') });
});

it('the schema is printed with --schema, and allows the bundled programs', async () => {
  const { code, stdout } = await minorfault(['litmus', '--schema']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ type: 'object', required: ['name', 'steps'] });
});

describe('a call that is wrong ends with 2 and one line that says where', () => {
  it.each([
    ['no JSON', '{', /no JSON/],
    ['nothing in it', {}, /\/: must have required properties name, steps/],
    [
      'a call that is none',
      { name: 'x', steps: [{ call: 'copie' }] },
      /\/steps\/0\/call: "copie" is no call; the calls are/,
    ],
    [
      'a step without its range',
      { name: 'x', steps: [...OPEN, { call: 'wake', uffd: 'u', at: 0 }] },
      /\/steps\/5: must have required properties pages/,
    ],
    [
      'a mode that a call has not',
      { name: 'x', steps: [{ call: 'zeropage', uffd: 'u', at: 0, pages: 1, mode: ['WP'] }] },
      /\/steps\/0\/mode\/0: /,
    ],
  ])('%s', async (name, program, says) => {
    const { code, stderr } = await minorfault(['litmus', fileOf(name.replaceAll(' ', '-'), program)]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(says) });
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it.each([
    [['litmus', 'nowhere.json'], /nowhere\.json: cannot be read \(ENOENT\)/],
    [['litmus', '--kernel', 'windows'], /windows: no such kernel/],
    [['litmus', '--runs', '0'], /--runs 0: must be a whole number from 1/],
    [['fuzz', '--steps', 'many'], /--steps many: must be a whole number/],
  ])('%j', async (args, says) => {
    const { code, stderr } = await minorfault(args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(says) });
  });
});
