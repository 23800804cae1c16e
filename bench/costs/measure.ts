/** All operations × batches on one stage, in rounds, each round in an order of its own. */
import { setImmediate } from 'node:timers/promises';
import { Bench } from 'tinybench';
import { seededRandom, shuffled } from '../metrics/random.ts';
import type { Steps } from './operation.ts';
import type { Stage } from './stage.ts';

/** One operation with one batch. */
interface Task {
  readonly index: number;
  readonly batch: number;
  readonly steps: Steps;
}

export interface Rounds {
  readonly batches: readonly number[];
  readonly rounds: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onRound: (round: number, rounds: number) => void;
}

/** For each operation, by batch: ns per page of each round. */
export type SamplesByBatch = readonly ReadonlyMap<number, readonly number[]>[];

/** As many as V8 needs to compile the loops; they are not in the samples. */
const WARM_UP_ROUNDS = 1;
/** Tasks between two turns of the event loop, for signals and progress. */
const TASKS_A_TURN = 8;

export async function measureInRounds(
  stage: Stage,
  operations: readonly { readonly steps: (stage: Stage) => Steps }[],
  { batches, rounds, seed, signal, onRound }: Rounds,
): Promise<SamplesByBatch> {
  const samples = operations.map(() => new Map(batches.map((batch) => [batch, [] as number[]])));
  const tasks = operations.flatMap((operation, index): Task[] => {
    const steps = operation.steps(stage);
    return batches.map((batch) => ({ index, batch, steps }));
  });
  const random = seededRandom(seed);
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    onRound(Math.max(0, round), rounds);
    for (const [i, task] of shuffled(tasks, random).entries()) {
      if (i % TASKS_A_TURN === 0) await setImmediate();
      signal.throwIfAborted();
      const nsPerPage = (timeOnce(task) * 1e6) / stage.pages;
      if (round >= 0) samples[task.index]?.get(task.batch)?.push(nsPerPage);
    }
  }
  return samples;
}

/**
 * Milliseconds of one run, its preparation not counted. The same has just been run before, so that the kernel's lists
 * of free pages and the caches are as it leaves them: what ran before that was some other operation.
 */
function timeOnce({ batch, steps }: Task): number {
  const bench = new Bench({ iterations: 1, time: 0, warmup: false, throws: true });
  const beforeAll = () => {
    steps.prepare();
    steps.run(batch);
  };
  bench.add('run', () => steps.run(batch), { beforeAll, beforeEach: steps.prepare, async: false });
  const [task] = bench.runSync();
  if (task?.result.state !== 'completed') throw new Error(`a benchmark ended ${task?.result.state}`);
  return task.result.latency.p50;
}
