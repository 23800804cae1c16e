/** The rows of a workload whose operations are requests. */
import { maxOf, medianOf } from './metrics/summary.ts';
import type { RequestLatency, Run, StallSummary } from './results.ts';
import { present, type Row, row } from './rows.ts';

/** Latencies of requests, of the mutator that fared worst: nothing where operations are none. */
export function requestRows(runs: readonly Run[]): readonly Row[] {
  const all = runs.flatMap(({ mutators }) => mutators.flatMap(({ requests }) => requests ?? []));
  if (all.length === 0) return [];
  const rows = (label: string, of: (requests: RequestLatency) => StallSummary | null | undefined) =>
    (['p50', 'p99', 'p999', 'max'] as const).map((at, i) =>
      row(i === 0 ? `${label}, p50, µs` : `  ${REQUEST_PERCENTILES[at]}`, (shown) => {
        const worst = ({ mutators }: Run) =>
          maxOf(present(mutators.map(({ requests }) => (requests && of(requests)?.[at]) ?? null)));
        return medianOf(present(shown.map(worst)));
      }),
    );
  const isOpen = all.some(({ responseUs }) => responseUs !== null);
  const simple = rows('request latency, simple', ({ simpleUs }) => simpleUs);
  if (isOpen)
    return [...rows('response from when a request was due', ({ responseUs }) => responseUs), ...simple];
  return [
    ...simple,
    ...rows('request latency, metered (100 ms)', ({ meteredUs }) => meteredUs[0]?.us),
    ...rows('request latency, metered (whole run)', ({ meteredUs }) => meteredUs.at(-1)?.us),
  ];
}

const REQUEST_PERCENTILES = { p50: 'p50', p99: 'p99', p999: 'p99.9', max: 'longest' } as const;
