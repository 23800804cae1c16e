/** What tells cells from each other, as their names. */
import { formatBytes } from '../../heap/errors.ts';
import type { Results, ResultsConfig } from '../results.ts';

/** What a cell is named by. */
interface Named {
  readonly config: ResultsConfig;
  readonly cell: Results['cell'];
}

/** Follow from others, or are the same cell's. */
const UNSAID = ['parameters', 'command', 'seed', 'invocations', 'liveBytes', 'page', 'fellBack', 'minHeaps'];
/** Of no effect without --utilization. */
const BOUNDS = ['minFree', 'maxFree'];
const SIZES = new Set(['heap', 'sizedFor', 'minFree', 'maxFree']);

/** Cells of one sweep have their own names; others are named by the options that are not the same in all of them. */
export function namesOf(cells: readonly Named[]): readonly string[] {
  const sweeps = new Set(cells.map(({ cell }) => cell?.sweep));
  const own = cells.map(({ cell }) => cell?.name ?? '');
  if (sweeps.size === 1 && !sweeps.has(undefined) && new Set(own).size === own.length) return own;
  const facts = cells.map(factsOf);
  const [first] = facts;
  const told = [...new Set(facts.flatMap((of) => [...of.keys()]))].filter((name) =>
    facts.some((of) => of.get(name) !== first?.get(name)),
  );
  const options = told.filter((name) => !name.startsWith('set.'));
  const shown = options.length > 0 && isTold(facts, options) ? options : told;
  return facts.map((of, i) => {
    const parts = shown.map((name) => `${name}=${of.get(name) ?? 'none'}`);
    return parts.length === 0 ? (cells[i]?.config.workload ?? '') : parts.join(',');
  });
}

/** Whether no two cells have the same values of all of these. */
function isTold(facts: readonly ReadonlyMap<string, string>[], names: readonly string[]): boolean {
  return new Set(facts.map((of) => names.map((name) => of.get(name)).join())).size === facts.length;
}

/** Every option and parameter as a text, by its name in a sweep. */
function factsOf({ config }: Named): ReadonlyMap<string, string> {
  const unsaid = config.utilization === null ? [...UNSAID, ...BOUNDS] : UNSAID;
  const options = Object.entries(config).filter(([name, value]) => !unsaid.includes(name) && value !== null);
  const parameters = Object.entries(config.parameters).map(
    ([name, value]) => [`set.${name}`, `${value}`] as const,
  );
  return new Map([...options.map(([name, value]) => [name, textOf(name, value)] as const), ...parameters]);
}

function textOf(name: string, value: unknown): string {
  if (SIZES.has(name)) return formatBytes(value as number);
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
