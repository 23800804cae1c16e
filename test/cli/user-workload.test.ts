/** A user's own workload: one that works, from a package that is installed, and ones that do not, which are named. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Results } from '../../dist/bench/results.js';
import { workloadModules } from '../bench/workload-modules.ts';
import { minorfault } from './minorfault.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'minorfault-workload-'));
afterAll(() => rmSync(folder, { recursive: true }));

// As npm installs it: the example finds the package's entry points by their names.
mkdirSync(join(folder, 'node_modules'));
symlinkSync(root, join(folder, 'node_modules/minorfault'), 'junction');
const queue = join(folder, 'queue.mjs');
copyFileSync(join(root, 'dist/bench/examples/queue-workload.js'), queue);

const SMALL = ['--kernel', 'sim', '--heap', '2MiB', '--cycles', '2', '--quiet'];

const { moduleOf, broken } = workloadModules(folder);

async function refusal(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await minorfault(args);
  expect([code, stdout, stderr.split('\n').length]).toEqual([2, '', 2]);
  return stderr;
}

describe('the example: a queue', () => {
  it('computes the same in all modes, each run in a process of its own', async () => {
    const file = join(folder, 'out.json');
    const modes = ['--modes', 'stw,continue', '--invocations', '1', '--mutators', '2', '--verify'];
    const { code, stderr } = await minorfault(['compare', queue, ...SMALL, ...modes, '--json', file]);
    expect([code, stderr]).toEqual([0, '']);
    const { config, runs }: Results = JSON.parse(readFileSync(file, 'utf8'));
    expect(config.workload).toBe(queue);
    expect(config.parameters).toMatchObject({ words: 14, messages: expect.any(Number) });
    expect(runs.map(({ verified }) => verified)).toEqual([true, true]);
    const sums = runs.map(({ mutators }) => mutators.map(({ checksum }) => checksum));
    expect(sums[1]).toEqual(sums[0]);
    expect(sums[0]?.[0]).not.toBe(sums[0]?.[1]);
  });

  it('takes parameters, and is named by a URL as well', async () => {
    const url = pathToFileURL(queue).href;
    const args = ['run', url, ...SMALL, '--set', 'words=100', '--set', 'messages=500', '--json', '-'];
    const { config }: Results = JSON.parse((await minorfault(args)).stdout);
    expect(config.parameters).toEqual({ words: 100, messages: 500, operations: 500 });
    expect(await refusal(['run', url, ...SMALL, '--set', 'wrods=3'])).toContain(
      '--set wrods: no such parameter (did you mean words?)',
    );
    expect(await refusal(['run', queue, '--kernel', 'sim', '--heap', '64KiB', '--quiet'])).toContain(
      'queue: a heap of 64KiB is too small for 1 mutator; use --heap',
    );
  });

  it('is listed with ours', async () => {
    const { stdout } = await minorfault(['workloads', queue]);
    expect(stdout).toMatch(/^gcbench: /m);
    expect(stdout).toMatch(/^queue: a queue of messages.*\n {2}--set words/m);
    const { workloads } = JSON.parse((await minorfault(['workloads', queue, '--json'])).stdout);
    expect(workloads.at(-1)).toMatchObject({ name: 'queue', parameters: { messages: { default: null } } });
  });
});

describe('what is wrong with a module is told in one line', () => {
  it.each([
    ['throws a text of two lines', 'cannot be loaded: not today'],
    ['waits for ever', 'prepare() awaits what never comes; see Workload of minorfault/workload'],
  ])('%s', async (which, says) => {
    const path = which.startsWith('throws')
      ? moduleOf(which, "throw new Error('not\\ntoday');")
      : broken(which);
    expect(await refusal(['run', path, ...SMALL])).toBe(`minorfault: workload ${path}: ${says}\n`);
  });

  it('a mutator that is none of a workload: at its end', async () => {
    const { code, stderr } = await minorfault(['run', broken('sound'), ...SMALL]);
    expect(stderr).toBe(
      'minorfault: a mutator answered 7, without operations, seconds, base and checksum; make its program by workloadMutator()\n',
    );
    expect(code).toBe(1);
  });

  it('of one that is listed, too', async () => {
    expect(await refusal(['workloads', broken('number')])).toContain('no object as export `workload`');
  });
});

it('a command that is killed leaves no process that measures: that ends without a word', async () => {
  const { code, stderr } = await minorfault(['run', broken('runs for ever'), ...SMALL], {
    onStderr: (_, kill) => kill('SIGKILL'),
  });
  expect({ code, stderr }).toEqual({ code: null, stderr: 'running\n' });
});
