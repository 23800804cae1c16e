/**
 * A table of disjoint address ranges in shared memory, each with a number that says what it is of. Whoever calls
 * holds the machine's lock. Addresses are whole bytes below 2^53, so they are kept as doubles.
 */

const ENTRY = { start: 0, end: 1, tag: 2, viewed: 3 } as const;
const ENTRY_NUMBERS = 4;

/** How many numbers a table of `entries` ranges takes: the first is the count. */
export function intervalNumbers(entries: number): number {
  return 1 + entries * ENTRY_NUMBERS;
}

/** A range [start, end), what it is of, and whether a view of it was handed out. */
export interface Interval {
  readonly start: number;
  readonly end: number;
  readonly tag: number;
  readonly viewed: boolean;
}

export function intervals(table: Float64Array): Interval[] {
  return Array.from({ length: table[0] as number }, (_, i) => {
    const [start, end, tag, viewed] = table.subarray(at(i), at(i + 1)) as unknown as [
      number,
      number,
      number,
      number,
    ];
    return { start, end, tag, viewed: viewed === 1 };
  });
}

function at(entry: number): number {
  return 1 + entry * ENTRY_NUMBERS;
}

/** Whether there is room for two entries more, which is what a change may take. */
export function hasRoom(table: Float64Array): boolean {
  return at((table[0] as number) + 2) <= table.length;
}

function write(table: Float64Array, list: readonly Interval[]): void {
  table[0] = list.length;
  list.forEach(({ start, end, tag, viewed }, i) => {
    table[at(i) + ENTRY.start] = start;
    table[at(i) + ENTRY.end] = end;
    table[at(i) + ENTRY.tag] = tag;
    table[at(i) + ENTRY.viewed] = viewed ? 1 : 0;
  });
}

/** Puts a range in, in the place of whatever was there. */
export function put(table: Float64Array, interval: Interval): void {
  remove(table, interval.start, interval.end);
  write(table, [...intervals(table), interval]);
}

/** Takes [start, end) out; ranges that reach over are cut. Answers the parts taken out. */
export function remove(table: Float64Array, start: number, end: number): Interval[] {
  const removed: Interval[] = [];
  const kept = intervals(table).flatMap((entry) => {
    if (entry.end <= start || entry.start >= end) return [entry];
    removed.push({ ...entry, start: Math.max(entry.start, start), end: Math.min(entry.end, end) });
    const below = { ...entry, end: start };
    const above = { ...entry, start: end };
    return [below, above].filter((part) => part.start < part.end);
  });
  if (removed.length > 0) write(table, kept);
  return removed;
}

/** Takes out every range with that tag. */
export function removeTagged(table: Float64Array, tag: number): void {
  write(
    table,
    intervals(table).filter((entry) => entry.tag !== tag),
  );
}

/** Whether ranges of the table cover all of [start, end). Runs at every call that takes an address: no allocation. */
export function covers(table: Float64Array, start: number, end: number): boolean {
  const last = at(table[0] as number);
  for (let reached = start; reached < end; ) {
    let entry = at(0);
    while (entry < last && !isIn(table, entry, reached)) entry += ENTRY_NUMBERS;
    if (entry === last) return false;
    reached = table[entry + ENTRY.end] as number;
  }
  return true;
}

function isIn(table: Float64Array, entry: number, address: number): boolean {
  return (table[entry + ENTRY.start] as number) <= address && address < (table[entry + ENTRY.end] as number);
}

/** Whether some range of the table meets [start, end). */
export function meets(table: Float64Array, start: number, end: number): boolean {
  return intervals(table).some((entry) => entry.start < end && start < entry.end);
}

/** Notes that a view of [start, end) is in somebody's hands. */
export function markViewed(table: Float64Array, start: number, end: number): void {
  write(
    table,
    intervals(table).map((entry) =>
      entry.start < end && start < entry.end ? { ...entry, viewed: true } : entry,
    ),
  );
}
