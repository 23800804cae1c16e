/** What random programs have reached: of each call, the answers there were and how often. */
import Table from 'cli-table3';
import type { Program } from '../litmus/program.ts';
import type { Trace } from '../litmus/stage.ts';

/** Call → answer → how often. */
export type Coverage = Map<string, Map<string, number>>;

export function addTo(coverage: Coverage, { steps }: Program, trace: Trace): void {
  for (const [i, { is }] of trace.entries()) {
    const call = steps[i]?.call as string;
    const answers = coverage.get(call) ?? new Map<string, number>();
    answers.set(is, (answers.get(is) ?? 0) + 1);
    coverage.set(call, answers);
  }
}

/** A row a call, a column an answer. */
export function renderCoverage(coverage: Coverage): string {
  const answers = [...new Set([...coverage.values()].flatMap((each) => [...each.keys()]))].sort();
  const table = new Table({
    head: ['', ...answers],
    colAligns: ['left', ...answers.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
    chars: PLAIN,
  });
  for (const [call, counts] of [...coverage].sort())
    table.push([call, ...answers.map((answer) => String(counts.get(answer) ?? '.'))]);
  return table.toString();
}

const PLAIN = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) => [
    [side, ''],
    [`${side}-mid`, ''],
    [`${side}-left`, ''],
    [`${side}-right`, ''],
    ['left-mid', ''],
    ['mid-mid', ''],
    ['right-mid', ''],
    ['middle', '  '],
  ]),
);
