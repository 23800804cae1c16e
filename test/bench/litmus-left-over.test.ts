/** What a program leaves behind is none of the next one's: a forked process that slept at its end has answered since. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Program } from '../../dist/bench/litmus/program.js';
import { openStage, type Stage } from '../../dist/bench/litmus/stage.js';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage('sim');
});
afterAll(() => stage.close());

const sleepsInTheChild: Program = {
  name: 'a forked process sleeps to the end',
  steps: [
    { call: 'userfaultfd', uffd: 'u', flags: ['O_NONBLOCK'] },
    { call: 'api', uffd: 'u', features: ['EVENT_FORK'] },
    { call: 'mmap', at: 0, pages: 1 },
    { call: 'register', uffd: 'u', at: 0, pages: 1, mode: ['MISSING'] },
    { call: 'fork', thread: 'T1' },
    { call: 'read', uffd: 'u', messages: 1 },
    { call: 'load', at: 0, child: true },
  ],
};
const forks: Program = {
  name: 'a forked process has its pages',
  steps: [
    { call: 'mmap', at: 0, pages: 1 },
    { call: 'store', at: 0, value: 7 },
    { call: 'fork', thread: 'T1' },
  ],
};

it('a forked process is seen as it is, whatever the program before ended in', () => {
  const alone = stage.run(forks);
  expect(alone.at(-1)?.state).toMatch(/child 0=/);
  expect(stage.run(sleepsInTheChild).at(-1)?.is).toBe('asleep');
  expect(stage.run(forks)).toEqual(alone);
});
