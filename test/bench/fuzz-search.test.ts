/** Random programs run until one tells the kernels apart, until none is wanted, or until a signal, which loses nothing. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { InterruptedError } from '../../dist/bench/errors.js';
import type { Coverage } from '../../dist/bench/fuzz/coverage.js';
import { Difference, firstDifference, type Search } from '../../dist/bench/fuzz/search.js';
import type { Program } from '../../dist/bench/litmus/program.js';

const folder = mkdtempSync(join(tmpdir(), 'minorfault-search-'));
afterAll(() => rmSync(folder, { recursive: true }));
const json = join(folder, 'coverage.json');

const program: Program = { name: 'found', steps: [] };
const progress = { note() {}, watch() {}, end() {} } as unknown as Search['progress'];

/** A search of at most 100 programs, `each` being what becomes of the nth of them, from 1; and how many there were. */
async function search(
  options: { gapsOnly?: boolean },
  each: (n: number, coverage: Coverage, abort: AbortController, hang: () => void) => void,
) {
  const call = {
    ...{ programs: 100, steps: 40, seed: 1, huge: 0, forks: 0, gapsOnly: false, jobs: 1 },
    ...{ save: 'found.json', json, quiet: true, ...options },
  };
  const cell = { area: 'a', place: {}, answer: 'ok', because: 'it is' };
  const coverage: Coverage = { cells: new Map([['a: ok', cell]]), hits: new Map(), calls: new Map() };
  const ran = { began: performance.now(), programs: 0, onLinux: 0 };
  const abort = new AbortController();
  let failure: unknown = null;
  let still = Promise.resolve();
  const hang = () => {
    still = new Promise(() => {});
  };
  const lanes = {
    async run() {
      if (failure !== null) throw failure;
      try {
        each(++ran.programs, coverage, abort, hang);
      } catch (error) {
        failure = error;
      }
      await new Promise(setImmediate);
    },
    async idle() {
      await still;
      if (failure !== null) throw failure;
    },
    failure: () => failure,
  } as unknown as Parameters<typeof firstDifference>[2];
  const generated = fc.constant(program);
  const found = firstDifference({ call, progress, ran, coverage }, generated, lanes, abort.signal);
  const [{ value, reason }] = (await Promise.allSettled([found])) as [{ value?: unknown; reason?: unknown }];
  return { found: value, thrown: reason, programs: () => ran.programs };
}

it('--gaps-only ends when no cell is empty; all programs run without it', async () => {
  const fills = (n: number, { hits }: Coverage) => {
    if (n === 7) hits.set('a: ok', 1);
  };
  const some = await search({ gapsOnly: true }, fills);
  expect({ found: some.found, programs: some.programs() }).toEqual({ found: null, programs: 7 });
  const all = await search({}, fills);
  expect({ found: all.found, programs: all.programs() }).toEqual({ found: null, programs: 100 });
});

it('a difference ends it, and is what comes of it', async () => {
  const difference = new Difference(program, 4, { text: 'they differ', died: false, hung: false });
  const { found, programs } = await search({}, (n) => {
    if (n === 5) throw difference;
  });
  expect(found).toBe(difference);
  expect(programs()).toBe(5);
});

it('a signal that comes while another program is waited for loses no difference', async () => {
  const difference = new Difference(program, 4, { text: 'they differ', died: false, hung: false });
  const { found } = await search({}, (n, _, abort, hang) => {
    if (n < 5) return;
    hang();
    setTimeout(() => abort.abort(new InterruptedError('SIGINT')), 20);
    throw difference;
  });
  expect(found).toBe(difference);
});

it('a signal ends it, and what has run by then is told', async () => {
  const { thrown, programs } = await search({}, (n, _, abort) => {
    if (n === 30) abort.abort(new InterruptedError('SIGINT'));
  });
  expect(thrown).toBeInstanceOf(InterruptedError);
  expect((thrown as Error).message).toMatch(
    /^interrupted by SIGINT: .*the programs that had run by then are told of$/,
  );
  expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject({ programs: 30, hit: 0, reachable: 1 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(programs()).toBe(30);
});
