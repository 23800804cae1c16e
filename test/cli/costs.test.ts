/** `costs` from the command line: JSON or tables, and a wrong call is told in one line. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Value from 'typebox/value';
import { afterAll, expect, it } from 'vitest';
import { OPERATIONS } from '../../dist/bench/costs/operations.js';
import { type Costs, CostsSchema } from '../../dist/bench/costs/schema.js';
import { probeLinux } from '../../dist/uffd/linux/probe.js';
import { minorfault, WITHOUT_FFI } from './minorfault.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-costs-'));
afterAll(() => rmSync(folder, { recursive: true }));
const { missing } = probeLinux();
if (missing) console.warn(`SKIPPED: minorfault costs --kernel linux: ${missing.why}`);
const SHORT = ['--rounds', '1', '--batches', '64,512'];

function parsed(stdout: string): Costs {
  const costs = JSON.parse(stdout) as Costs;
  expect([...Value.Errors(CostsSchema, costs)]).toEqual([]);
  return costs;
}

it.skipIf(missing !== undefined)(
  `--json - is JSON and nothing else; linux has sim beside it${missing ? ` (${missing.why})` : ''}`,
  async () => {
    const { code, stdout, stderr } = await minorfault([
      'costs',
      '--kernel',
      'linux',
      ...['--rounds', '1', '--batches', '512'],
      '--json',
      '-',
      '--quiet',
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const costs = parsed(stdout);
    const kernels = (rows: readonly { readonly kernel: string }[]) => [
      ...new Set(rows.map((row) => row.kernel)),
    ];
    expect(kernels(costs.rows)).toEqual(['linux', 'sim']);
    expect(kernels(costs.wholePages)).toEqual(['linux', 'sim']);
    expect(kernels(costs.roundTrips)).toEqual(['linux', 'sim']);
  },
);

it('tables, with what was simulated marked as simulated', async () => {
  const { code, stdout, stderr } = await minorfault(['costs', '--kernel', 'sim', ...SHORT]);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^sim: 1 round measured in [\d.]+ s\n$/);
  for (const heading of [
    'ns per page, by pages a call',
    'A whole page, ns, by its terms',
    'Round trip of one fault, µs',
  ]) {
    expect(stdout).toContain(`${heading}, simulated kernel: times are of the simulation\n`);
  }
  for (const { operation, variant, term } of OPERATIONS) {
    if (operation === 'UFFDIO_POISON') continue;
    const name = variant === null ? operation : `${operation}, ${variant}`;
    expect(stdout, term ?? '').toMatch(new RegExp(`^${name} +`, 'm'));
  }
  expect(stdout).toMatch(/^operation +memory +page +64 +512 +÷ memcpy, at 512 +÷ COPY, at 512$/m);
  expect(stdout).not.toContain('linux kernel');
});

it('auto says what it picked, and why; a file of the same keeps the schema', async () => {
  const file = join(folder, 'costs.json');
  const args = ['costs', ...SHORT, '--json', file];
  const { code, stderr } = await minorfault(args, { env: WITHOUT_FFI });
  expect(code).toBe(0);
  expect(stderr).toMatch(/^kernel: sim, since the FFI package koffi .*\n/);
  const costs = parsed(readFileSync(file, 'utf8'));
  expect(costs.config).toMatchObject({ kernels: ['sim'], batches: [64, 512], rounds: 1, seed: 1 });
  expect(new Set(costs.rows.map(({ kernel }) => kernel))).toEqual(new Set(['sim']));
});

it('--kernel linux where it is not to be had: exit 3', async () => {
  const { code, stdout, stderr } = await minorfault(['costs', '--kernel', 'linux'], { env: WITHOUT_FFI });
  expect(stderr).toMatch(/^minorfault: the linux kernel cannot be used: [^\n]+ use --kernel sim[^\n]*\n$/);
  expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
});

it('an interrupt ends it with one line', async () => {
  const { code, stdout, stderr } = await minorfault(['costs', '--rounds', '1000'], {
    // At the line that tells of the kernel, and once: a second one ends the process on the spot.
    onStderr: (text, kill) => {
      if (!text.includes('interrupted')) kill('SIGINT');
    },
  });
  expect(stderr).toMatch(/^kernel: [^\n]+\nminorfault: interrupted by SIGINT[^\n]+\n$/);
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
});

it.concurrent.each([
  ['--kernel lunix', /--kernel lunix: no such kernel \(did you mean linux\?\)/],
  ['--batches 3', /--batches 3: 3: must be a power of two from 1 to 512/],
  ['--batches 1,1024', /1024: must be a power of two from 1 to 512/],
  ['--batches 1,', /an empty batch/],
  ['--batches 4,4', /4 is named twice/],
  ['--batches x', /x: must be a power of two/],
  ['--rounds 0', /--rounds 0: must be a whole number from 1 to 1000/],
  ['--rounds many', /--rounds many: must be a whole number/],
  ['--seed -1', /--seed -1: must be a whole number from 0/],
  ['--json /no/such/folder/x', /--json \/no\/such\/folder\/x: the folder \/no\/such\/folder does not exist/],
  ['--mode copy', /unknown option '--mode'/],
  ['churn', /too many arguments/],
])('costs %s: exit 2', async (args, line) => {
  const { code, stdout, stderr } = await minorfault(['costs', ...args.split(' ')]);
  expect(stderr).toMatch(/^minorfault: [^\n]+\n$/);
  expect(stderr).toMatch(line);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});
