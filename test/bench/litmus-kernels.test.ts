/** The process that programs run in: requests take turns, each with its own answer, and none after it was closed. */
import { afterAll, expect, it } from 'vitest';
import { openKernels } from '../../dist/bench/litmus/kernels.js';
import type { Program } from '../../dist/bench/litmus/program.js';

const kernels = openKernels();
afterAll(() => kernels.close());

const mapping = (pages: number): Program => ({
  name: 'mapping',
  steps: Array.from({ length: pages }, () => ({ call: 'mmap', at: 8, pages: 1 })),
});

it('answers of requests that were made at once are those to each', async () => {
  const answers = await Promise.all([3, 1, 2].map((pages) => kernels.foresee(mapping(pages))));
  expect(answers.map((answer) => ('cells' in answer ? answer.cells.length : answer.died))).toEqual([3, 1, 2]);
});

it('what is asked of closed ones starts no process', async () => {
  const closed = openKernels();
  const before = closed.foresee(mapping(1));
  const waiting = closed.foresee(mapping(1));
  closed.close();
  for (const answer of [before, waiting, closed.foresee(mapping(1))])
    expect(await answer).toEqual({ died: 'closed', signal: null, hung: false });
});
