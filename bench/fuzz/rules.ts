/**
 * What the kernel can answer, as rules. A coverage has cells: a place (which call, on what memory, …) and an answer. Of each
 * place a list of rules says which answers there are, and why; the first rule that is about the place counts. So the
 * cells that can be reached are known, and a hit of another one says that a rule is wrong.
 */

/** Where a call was made: each part by its name. */
export type Place = Readonly<Record<string, string>>;

export interface Rule<P extends Place> {
  when(place: P): boolean;
  /** Every one of these can be answered there. */
  readonly answers: readonly string[];
  /** And these; and nothing else. */
  also?(place: P): readonly string[];
  readonly because: string;
}

/** A coverage: what is counted, and what can be. */
export interface Area<P extends Place> {
  readonly name: string;
  /** Names of a place's parts, in order; `call` and the one after it make a row of the table. */
  readonly parts: readonly string[];
  readonly places: readonly P[];
  readonly rulesOf: (call: string) => readonly Rule<P>[];
}

export interface Cell {
  readonly area: string;
  readonly place: Place;
  readonly answer: string;
  readonly because: string;
}

/** The cell's name, which is what travels between processes: `ioctls: copy / anonymous / M / 0 / EEXIST`. */
export function cellKey<P extends Place>(
  { name, parts }: Pick<Area<P>, 'name' | 'parts'>,
  place: P,
  answer: string,
): string {
  return `${name}: ${[...parts.map((part) => place[part]), answer].join(' / ')}`;
}

/** The cells that can be reached, by their keys, in the order of the places. */
export function reachable<P extends Place>(area: Area<P>): Map<string, Cell> {
  const cells = new Map<string, Cell>();
  for (const place of area.places) {
    const rule = ruleFor(area, place);
    for (const answer of [...rule.answers, ...(rule.also?.(place) ?? [])])
      cells.set(cellKey(area, place, answer), { area: area.name, place, answer, because: rule.because });
  }
  return cells;
}

function ruleFor<P extends Place>(area: Area<P>, place: P): Rule<P> {
  const rule = area.rulesOf(place.call as string).find(({ when }) => when(place));
  if (rule === undefined) throw new Error(`${area.name}: no rule is about ${JSON.stringify(place)}`);
  return rule;
}

/** All of the names that make a subset of `names`, joined by `by`; of none: `none`. */
export function subsets(names: readonly string[], by: string, none: string): string[] {
  const all: string[][] = [[]];
  for (const name of names) all.push(...all.map((set) => [...set, name]));
  return all.map((set) => (set.length === 0 ? none : set.join(by)));
}
