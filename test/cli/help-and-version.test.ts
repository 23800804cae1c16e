/** Help and version go to standard output, and tell every option of the contract. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { minorfault } from './minorfault.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

it.each([
  ['--version'],
  ['compare --version'],
  ['run --version'],
  ['workloads --version'],
  ['doctor --version'],
])('%s', async (args) => {
  expect(await minorfault(args.split(' '))).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
});

it('--help names the commands', async () => {
  const { code, stdout, stderr } = await minorfault(['--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  for (const command of ['compare', 'run', 'workloads', 'doctor']) expect(stdout).toContain(`  ${command} `);
});

it.each([['compare'], ['run']])('%s --help names every option', async (command) => {
  const { code, stdout } = await minorfault([command, '--help']);
  const options =
    'kernel mode modes heap live mutators gc-threads fault-threads cycles invocations batch page pin v8-threads seed set json verify quiet help version';
  expect(code).toBe(0);
  for (const option of options.split(' ')) expect(stdout).toMatch(new RegExp(`--${option}\\b`));
});
