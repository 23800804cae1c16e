/** Two ways of doing the same, measured turn about in one run, so that a busy host disturbs both alike. */
import { median } from 'simple-statistics';
import { Bench } from 'tinybench';

/** A thing to measure; `before` each run is not measured. */
export interface Contender {
  readonly name: string;
  readonly before?: () => void;
  readonly run: () => void;
}

/** Milliseconds a run of each, and how many times the first the second takes. */
export interface Comparison {
  readonly firstMs: number;
  readonly secondMs: number;
  /** The median of the rounds' ratios. */
  readonly ratio: number;
}

/** Medians over `rounds` rounds of `runs` runs of each of the two, turn about who begins, after `warmUpRuns`. */
export function compareTurnAbout(
  rounds: number,
  runs: number,
  contenders: readonly [Contender, Contender],
  warmUpRuns = 2 * runs,
): Comparison {
  measure(warmUpRuns, contenders);
  const medians = Array.from({ length: rounds }, (_, round) => {
    const [first, second] = contenders;
    if (round % 2 === 0) return measure(runs, [first, second]);
    return measure(runs, [second, first]).reverse();
  });
  return {
    firstMs: median(medians.map(([first]) => first as number)),
    secondMs: median(medians.map(([, second]) => second as number)),
    ratio: median(medians.map(([first, second]) => (second as number) / (first as number))),
  };
}

/** The median time of a run of each, in ms. */
function measure(runs: number, contenders: readonly Contender[]): number[] {
  const bench = new Bench({ iterations: runs, time: 0, warmup: false, throws: true });
  for (const { name, before, run } of contenders) {
    bench.add(name, run, before === undefined ? {} : { beforeEach: before });
  }
  return bench.runSync().map(({ result }) => {
    if (result.state !== 'completed') throw new Error(`a benchmark ended ${result.state}`);
    return result.latency.p50;
  });
}
