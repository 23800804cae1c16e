/**
 * A table of disjoint address ranges in shared memory, each with a number that says what it is of. Whoever calls
 * holds the machine's lock. Addresses are whole bytes below 2^53, so they are kept as doubles.
 */

const ENTRY = { start: 0, end: 1, tag: 2, viewed: 3 } as const;
const ENTRY_NUMBERS = 4;

/** Of the table as a whole, before its entries. */
const TABLE = { count: 0, changes: 1 } as const;
const TABLE_NUMBERS = 2;

/** How many numbers a table of `entries` ranges takes. */
export function intervalNumbers(entries: number): number {
  return TABLE_NUMBERS + entries * ENTRY_NUMBERS;
}

/** Differs from before if the table has been changed since. */
export function changesOf(table: Float64Array): number {
  return table[TABLE.changes] as number;
}

/** Addresses [start, end). */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/** A range [start, end), what it is of, and whether a view of it was handed out. */
export interface Interval extends Extent {
  readonly tag: number;
  readonly viewed: boolean;
}

export function intervals(table: Float64Array): Interval[] {
  return partsIn(table, 0, Number.POSITIVE_INFINITY);
}

function at(entry: number): number {
  return TABLE_NUMBERS + entry * ENTRY_NUMBERS;
}

/** Whether there is room for two entries more, which is what a change may take. */
export function hasRoom(table: Float64Array): boolean {
  return at((table[TABLE.count] as number) + 2) <= table.length;
}

function set(
  table: Float64Array,
  entry: number,
  start: number,
  end: number,
  tag: number,
  viewed: number,
): void {
  table[entry + ENTRY.start] = start;
  table[entry + ENTRY.end] = end;
  table[entry + ENTRY.tag] = tag;
  table[entry + ENTRY.viewed] = viewed;
}

/** Puts a range in, in the place of whatever was there. The table has room (hasRoom). */
export function put(table: Float64Array, { start, end, tag, viewed }: Interval): void {
  remove(table, start, end);
  append(table, start, end, tag, viewed ? 1 : 0);
}

/** The same; but what a view was handed out of stays so. In the pause of a collection, too. */
export function assign(table: Float64Array, start: number, end: number, tag: number): void {
  const viewed = remove(table, start, end);
  append(table, start, end, tag, viewed ? 1 : 0);
}

/** Puts in what is not there: joined to neighbours of the same kind, or the table would grow with every cut. */
function append(table: Float64Array, start: number, end: number, tag: number, viewed: number): void {
  let [from, to] = [start, end];
  for (let i = (table[TABLE.count] as number) - 1; i >= 0; i--) {
    const entry = at(i);
    if (table[entry + ENTRY.tag] !== tag || table[entry + ENTRY.viewed] !== viewed) continue;
    if (table[entry + ENTRY.end] === from) from = table[entry + ENTRY.start] as number;
    else if (table[entry + ENTRY.start] === to) to = table[entry + ENTRY.end] as number;
    else continue;
    drop(table, i);
  }
  const count = table[TABLE.count] as number;
  set(table, at(count), from, to, tag, viewed);
  table[TABLE.count] = count + 1;
  table[TABLE.changes] = changesOf(table) + 1;
}

/** Takes entry `i` out; the last one takes its place. */
function drop(table: Float64Array, i: number): void {
  const last = (table[TABLE.count] as number) - 1;
  table.copyWithin(at(i), at(last), at(last + 1));
  table[TABLE.count] = last;
  table[TABLE.changes] = changesOf(table) + 1;
}

/**
 * Takes [start, end) out; ranges that reach over are cut. Whether a view of any of it was handed out. It runs in
 * the pause of a collection: in place, without allocating.
 */
export function remove(table: Float64Array, start: number, end: number): boolean {
  let anyViewed = false;
  for (let i = (table[TABLE.count] as number) - 1; i >= 0; i--) {
    const entry = at(i);
    const from = table[entry + ENTRY.start] as number;
    const to = table[entry + ENTRY.end] as number;
    if (to <= start || from >= end) continue;
    const tag = table[entry + ENTRY.tag] as number;
    const viewed = table[entry + ENTRY.viewed] as number;
    anyViewed ||= viewed === 1;
    drop(table, i);
    if (from < start) append(table, from, start, tag, viewed);
    if (end < to) append(table, end, to, tag, viewed);
  }
  return anyViewed;
}

/** The parts of [start, end) that are in the table. In the pause of a collection, too: it looks at entries where they lie. */
export function partsIn(table: Float64Array, start: number, end: number): Interval[] {
  const parts: Interval[] = [];
  for (let entry = at(0); entry < at(table[TABLE.count] as number); entry += ENTRY_NUMBERS) {
    const from = table[entry + ENTRY.start] as number;
    const to = table[entry + ENTRY.end] as number;
    if (from >= end || start >= to) continue;
    const tag = table[entry + ENTRY.tag] as number;
    const viewed = table[entry + ENTRY.viewed] === 1;
    parts.push({ start: Math.max(from, start), end: Math.min(to, end), tag, viewed });
  }
  return parts;
}

/** Takes out all. */
export function clear(table: Float64Array): void {
  table[TABLE.count] = 0;
  table[TABLE.changes] = changesOf(table) + 1;
}

/** Takes out every range with that tag. */
export function removeTagged(table: Float64Array, tag: number): void {
  for (let i = (table[TABLE.count] as number) - 1; i >= 0; i--)
    if (table[at(i) + ENTRY.tag] === tag) drop(table, i);
}

/** Whether ranges of the table cover all of [start, end). */
export function covers(table: Float64Array, start: number, end: number): boolean {
  return reach(table, start, end) >= end;
}

/** How far up from `start` ranges of the table cover all; at `end` it may stop. At every call that takes an address: no allocation. */
export function reach(table: Float64Array, start: number, end: number): number {
  const last = at(table[TABLE.count] as number);
  let reached = start;
  while (reached < end) {
    let entry = at(0);
    while (entry < last && !isIn(table, entry, reached)) entry += ENTRY_NUMBERS;
    if (entry === last) break;
    reached = table[entry + ENTRY.end] as number;
  }
  return reached;
}

function isIn(table: Float64Array, entry: number, address: number): boolean {
  return (table[entry + ENTRY.start] as number) <= address && address < (table[entry + ENTRY.end] as number);
}

/** What all of [start, end) is of, if it lies in one range of the table; null if not. */
export function tagOfAll(table: Float64Array, start: number, end: number): number | null {
  for (let entry = at(0); entry < at(table[TABLE.count] as number); entry += ENTRY_NUMBERS) {
    if (isIn(table, entry, start) && end <= (table[entry + ENTRY.end] as number))
      return table[entry + ENTRY.tag] as number;
  }
  return null;
}

/** What the range at that address is of; −1 if there is none. */
export function tagAt(table: Float64Array, address: number): number {
  for (let entry = at(0); entry < at(table[TABLE.count] as number); entry += ENTRY_NUMBERS) {
    if (isIn(table, entry, address)) return table[entry + ENTRY.tag] as number;
  }
  return -1;
}

/** Whether some range of the table meets [start, end). */
export function meets(table: Float64Array, start: number, end: number): boolean {
  return partsIn(table, start, end).length > 0;
}

/** Notes that a view of [start, end) is in somebody's hands. */
export function markViewed(table: Float64Array, start: number, end: number): void {
  for (let i = 0; i < (table[TABLE.count] as number); i++) {
    const entry = at(i);
    const apart =
      (table[entry + ENTRY.end] as number) <= start || (table[entry + ENTRY.start] as number) >= end;
    if (!apart) table[entry + ENTRY.viewed] = 1;
  }
}
