/** What random programs have reached, of what the rules say that the kernel can reach. */
import type { Program } from '../litmus/program.ts';
import type { Trace } from '../litmus/stage.ts';
import { ACCESS_AREA } from './access-rules.ts';
import { IOCTL_AREA } from './ioctl-rules.ts';
import { HUGE_KIND } from './memory.ts';
import { type Area, type Cell, type Place, reachable } from './rules.ts';
import { SLEEPER_AREA } from './sleeper-rules.ts';

/** All that is counted by cells. Calls that no area is about are counted by their answers alone. */
export const AREAS: readonly Area<Place>[] = [IOCTL_AREA, ACCESS_AREA, SLEEPER_AREA];

/** Every cell that can be reached, by its key (rules.ts). */
export const CELLS: ReadonlyMap<string, Cell> = new Map(AREAS.flatMap((area) => [...reachable(area)]));

/** Those that take no huge pages. */
const SMALL_CELLS: ReadonlyMap<string, Cell> = new Map(
  [...CELLS].filter(([, { place }]) => !place.memory?.startsWith(HUGE_KIND)),
);

const IN_AREAS: ReadonlySet<string> = new Set([...CELLS.values()].map(({ place }) => place.call as string));

export interface Coverage {
  /** What can be reached, with huge pages or without. */
  readonly cells: ReadonlyMap<string, Cell>;
  /** Cell → how often, whether the rules know it or not. */
  readonly hits: Map<string, number>;
  /** Of the other calls: call → answer → how often. */
  readonly calls: Map<string, Map<string, number>>;
}

export function emptyCoverage(huge: boolean): Coverage {
  return { cells: huge ? CELLS : SMALL_CELLS, hits: new Map(), calls: new Map() };
}

/** Counts the first `agreed` steps of a program: those after which both kernels said the same. */
export function addTo(
  { hits, calls }: Coverage,
  { steps }: Program,
  trace: Trace,
  cells: readonly (readonly string[])[],
  agreed: number,
): void {
  for (let i = 0; i < agreed; i++) {
    for (const key of cells[i] ?? []) count(hits, key);
    const call = steps[i]?.call as string;
    if (IN_AREAS.has(call)) continue;
    const answers = calls.get(call) ?? new Map<string, number>();
    count(answers, trace[i]?.is as string);
    calls.set(call, answers);
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Cells that can be reached and were not, and cells that were reached and cannot be: of these a rule is wrong. */
export function gapsOf({ cells, hits }: Coverage): { readonly missed: string[]; readonly wrong: string[] } {
  return {
    missed: [...cells.keys()].filter((key) => !hits.has(key)),
    wrong: [...hits.keys()].filter((key) => !cells.has(key)),
  };
}
