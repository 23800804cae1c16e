/** Events of one collection as its record needs them: those of which there are thousands are counted, the others kept. */
import { EVENT, type Event } from './events.ts';

/**
 * What becomes of events that are not kept one by one, by their kind: a table, since there are tens of thousands in a
 * collection. 'a' or 'b': that value says of what it is, events of each are counted, and the other value is summed.
 * 'untold': a record says nothing of it; it is for who looks at one thread after another (recording.ts).
 */
const COUNTED: readonly ('a' | 'b' | 'untold' | undefined)[] = Object.assign(
  Array(1 + Math.max(...Object.values(EVENT))).fill(undefined),
  {
    ...{ [EVENT.ioctl]: 'a', [EVENT.fault]: 'a', [EVENT.refused]: 'a' },
    ...{ [EVENT.filled]: 'b', [EVENT.published]: 'b' },
    ...{ [EVENT.updated]: 'b', [EVENT.publishedNonMoving]: 'b' },
    ...{ [EVENT.claimed]: 'untold', [EVENT.helpBegin]: 'untold', [EVENT.helpEnd]: 'untold' },
  },
);

/** How many events of one kind there were, of one value, and the sum of their other value. */
export interface Count {
  count: number;
  sum: number;
}

/** What is known of one collection. */
export interface Tally {
  /** Those that are not counted. */
  readonly events: Event[];
  /** By kind, and then by value. */
  readonly counts: readonly Map<number, Count>[];
}

const openCount = (): Count => ({ count: 0, sum: 0 });

export function openTally(): Tally {
  return { events: [], counts: COUNTED.map(() => new Map()) };
}

/** Counts an event, or keeps a copy of it. */
export function addTo({ events, counts }: Tally, event: Event): void {
  const by = COUNTED[event.kind];
  const ofKind = counts[event.kind];
  if (by === 'untold') return;
  if (by === undefined || ofKind === undefined) {
    events.push({ ...event });
    return;
  }
  const isByA = by === 'a';
  // As an integer: in a map of V8's a double takes longer to find.
  const count = getOrAdd(ofKind, (isByA ? event.a : event.b) | 0, openCount);
  count.count++;
  count.sum += isByA ? event.b : event.a;
}

export function getOrAdd<T>(map: Map<number, T>, key: number, make: () => T): T {
  const known = map.get(key);
  if (known !== undefined) return known;
  const value = make();
  map.set(key, value);
  return value;
}
