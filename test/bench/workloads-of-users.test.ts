/** A module that is to be a workload: what it lacks is named, in one line. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { findWorkload } from '../../dist/bench/workloads/load.js';
import { workloadModules } from './workload-modules.ts';
import { requestOf } from './workload-runs.ts';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-workloads-'));
afterAll(() => rmSync(folder, { recursive: true }));

const { moduleOf, broken } = workloadModules(folder);

async function refusal(name: string): Promise<string> {
  const error = await findWorkload(name)
    .then((workload) => workload.prepare(requestOf()))
    .then(
      () => undefined,
      (reason) => reason,
    );
  expect(error).toMatchObject({ code: 'USAGE', name: 'UsageError' });
  return error.message;
}

it.each([
  ['no such file', null, 'cannot be loaded: Cannot find module'],
  ['throws a text', "throw 'not today';", 'cannot be loaded: not today'],
  ['cannot be parsed', '\nexport const = 1;', "cannot be loaded: Unexpected token '='"],
  ['exports nothing', 'export const work = 1;', 'its module has no object as export `workload`'],
])('%s', async (name, text, says) => {
  const path = text === null ? join(folder, 'none.mjs') : moduleOf(name, text);
  expect(await refusal(path)).toContain(`workload ${path}: ${says}`);
});

it.each([
  ['number', 'its module has no object as export `workload`'],
  ['no name', 'name is missing, and must be a text'],
  ['no URL', 'module is "./program.js", and must be the URL of a file, as new URL(import.meta.url)'],
  ['no file', 'no-such-program.mjs, and there is no such file'],
  ['no prepare', 'prepare is missing, and must be a function'],
  ['no parameters', 'parameters is missing, and must be an object'],
  ['parameter is text', 'parameters.size is "1", and must be an object'],
  ['unknown type', 'parameters.size.type is "bytes", and must be one of integer, number, size, path'],
  ['default of another type', 'parameters.size.default is "1MiB", and must be a number or a function'],
  ['min above max', 'parameters.size.min is 2 and max is 1, and must be numbers'],
  ['prepares nothing', 'prepare() answered no object'],
  ['prepares at once', 'prepare() answered no object'],
  ['no liveBytes', 'prepare() answered liveBytes that is missing, and must be a whole number'],
  ['half a page', 'prepare() answered largeBytes that is 2048, and must be bytes of whole pages'],
  ['posts a function', 'prepare() answered data that cannot be sent to a mutator'],
  [
    'parameter that is none',
    'prepare() answered parameters.size that is an object, and must be a number or a text',
  ],
])('%s', async (which, says) => {
  const path = broken(which);
  const line = await refusal(path);
  expect(line.startsWith(`workload ${path}: `)).toBe(true);
  expect(line).toContain(says);
  expect(line).toMatch(/; see Workload of minorfault\/workload$/);
});

it('a sound one is what it exports, by a path or a URL', async () => {
  const workload = await findWorkload(broken('sound'));
  expect(workload).toMatchObject({ name: 'sound', summary: 'does nothing', parameters: {} });
  expect(await workload.prepare(requestOf())).toEqual({ parameters: {}, liveBytes: 0, data: null });
});

it('what is neither one of ours nor a module', async () => {
  expect(await refusal('gcbenc')).toMatch(
    /^gcbenc: no such workload \(did you mean gcbench\?\); .* and a module of yours, as \.\/my-workload\.js$/,
  );
});
