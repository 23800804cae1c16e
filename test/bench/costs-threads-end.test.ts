/** The threads of the round trips end, also when the measurement is called off or one of them dies. */

import { expect, it } from 'vitest';
import { measureRoundTrips, placements } from '../../dist/bench/costs/round-trips.js';
import { InterruptedError } from '../../dist/bench/errors.js';
import { seededRandom } from '../../dist/bench/metrics/random.js';
import { UFFD_FEATURE_MOVE } from '../../dist/uffd/index.js';
import { probeLinux } from '../../dist/uffd/linux/probe.js';
import { workerNamed, workersLeft } from '../threads/worker-watch.ts';

const { missing } = probeLinux();
if (missing) console.warn(`SKIPPED: threads of costs on linux: ${missing.why}`);
const KERNELS = [
  { kernel: 'sim', why: null },
  { kernel: 'linux', why: missing?.why ?? null },
] as const;

function measure(kernel: 'sim' | 'linux', signal: AbortSignal, onRound: (round: number) => void) {
  const random = seededRandom(1);
  return measureRoundTrips(kernel, {
    ...{ rounds: 1000, faults: 16, features: UFFD_FEATURE_MOVE, random, signal, onRound },
  });
}

for (const { kernel, why } of KERNELS) {
  const name = (what: string) => `${kernel}: ${what}${why === null ? '' : ` (${why})`}`;

  it.skipIf(why !== null)(name('called off'), async () => {
    const controller = new AbortController();
    const measured = measure(kernel, controller.signal, (round) => {
      if (round === 2) controller.abort(new InterruptedError('SIGINT'));
    });
    await expect(measured).rejects.toThrow(InterruptedError);
    expect(workersLeft()).toBe(0);
  });

  // A blocked read can be ended from outside on sim alone; a mutator can on both, between two ranges.
  const dying = kernel === 'sim' ? (['fault thread', 'mutator'] as const) : (['mutator'] as const);
  it.skipIf(why !== null).each(dying)(name('%s dies'), async (role) => {
    let ended: Promise<unknown> | null = null;
    const measured = measure(kernel, new AbortController().signal, (round) => {
      if (round === 2) ended = workerNamed(role).terminate();
    });
    await expect(measured).rejects.toThrow('a thread ended early');
    await ended;
    expect(workersLeft()).toBe(0);
  });
}

it.each([
  [null, ['unpinned null null']],
  [[3], ['same-core 3 3']],
  [
    [2, 5, 7],
    ['same-core 2 2', 'other-core 2 5'],
  ],
])('with processors %j threads are placed', (cpus, expected) => {
  expect(
    placements(cpus).map(({ name, mutator, faultThread }) => `${name} ${mutator} ${faultThread}`),
  ).toEqual(expected);
});
