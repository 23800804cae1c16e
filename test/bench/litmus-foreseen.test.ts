/** A program of which another kernel has told: it ends where it goes another way, before it sleeps in what cannot end. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { foreseeInStep } from '../../dist/bench/litmus/foresee.js';
import type { Program, Step } from '../../dist/bench/litmus/program.js';
import { openStage, type Stage, type Trace } from '../../dist/bench/litmus/stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage('sim');
});
afterAll(() => stage.close());

const steps: Step[] = [
  { call: 'userfaultfd', uffd: 'u' },
  { call: 'api', uffd: 'u' },
  { call: 'mmap', at: 0, pages: 1 },
  { call: 'register', uffd: 'u', at: 0, pages: 1, mode: ['MISSING'] },
  { call: 'load', at: 0 },
];
const program: Program = { name: 'a fault', steps };

it('all of it, where it goes the same way', () => {
  const trace = stage.run(program);
  expect(trace.map(({ is }) => is)).toEqual(['ok', 'ok', 'ok', 'ok', 'asleep']);
  expect(stage.run(program, foreseeInStep(trace))).toEqual(trace);
});

it('up to the step that came to something else: an access said to be an error, which would sleep, is not made', () => {
  const trace = stage.run(program);
  const [before, register] = [trace.slice(0, 3), { is: 'EINVAL', state: '' }];
  const other: Trace = [...before, register, { is: 'SIGSEGV', state: '' }];
  expect(stage.run(program, foreseeInStep(other))).toEqual(trace.slice(0, 4));
});
