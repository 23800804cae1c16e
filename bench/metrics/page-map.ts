/** What became of each page in one collection: when it was taken to be made, made, and published, and by which thread. */
import { EVENT, type Event } from '../../gc/events.ts';
import { eventsOf, type ThreadRecording } from '../../gc/recording.ts';
import type { PageMap } from '../results.ts';

/** States of a page, each once the one before it is over; 0: it is not made yet. */
export const MAP_STATE = { waiting: 0, making: 1, made: 2, published: 3 } as const;

/** A change that concerns pages [first, first + pages). A page that is further already stays as it is. */
export interface MapMove {
  /** Since the flip. */
  readonly us: number;
  readonly first: number;
  readonly pages: number;
  readonly state: number;
  /** Place of the thread in {@link PageMap}'s list. */
  readonly thread: number;
}

/** What an event says of pages: from which one on, how many, and in which state they are now. */
function changeOf({ kind, a, b, c, d }: Event): Omit<MapMove, 'us' | 'thread'> | null {
  switch (kind) {
    case EVENT.claimed:
      return { first: c, pages: a, state: MAP_STATE.making };
    case EVENT.fault:
      return { first: b, pages: 1, state: MAP_STATE.making };
    case EVENT.filled:
    case EVENT.updated:
      return { first: c, pages: d, state: MAP_STATE.made };
    case EVENT.published:
    case EVENT.publishedNonMoving:
      return { first: c, pages: a, state: MAP_STATE.published };
    default:
      return null;
  }
}

/**
 * The map of a collection.
 * @param movingEnd first page of the spaces that do not move
 * @returns null if nothing of it was recorded
 */
export function pageMapOf(
  threads: readonly ThreadRecording[],
  cycle: number,
  movingEnd: number,
): PageMap | null {
  const events = threads
    .flatMap((recording, thread) => [...eventsOf(recording)].map((event) => ({ event, thread })))
    .filter(({ event }) => event.cycle === cycle)
    .sort((a, b) => a.event.timeMs - b.event.timeMs);
  const planned = events.find(({ event }) => event.kind === EVENT.planned);
  const ended = events.find(({ event }) => event.kind === EVENT.cycleEnd);
  if (planned === undefined || ended === undefined) return null;
  const moving = planned.event.a + planned.event.b;
  const micros = (ms: number) => Math.max(0, Math.round((ms - planned.event.timeMs) * 1000));
  let nonMovingEnd = movingEnd;
  const rows: string[] = [];
  for (const { event, thread } of events) {
    const change = changeOf(event);
    if (change === null) continue;
    const { state } = change;
    let { first, pages } = change;
    if (first >= movingEnd) {
      nonMovingEnd = Math.max(nonMovingEnd, first + pages);
      first += moving - movingEnd; // they follow those that move
    } else pages = Math.min(pages, moving - first);
    if (pages > 0) rows.push([micros(event.timeMs), first, pages, state, thread].join(','));
  }
  return {
    cycle,
    ...{ moving, nonMoving: nonMovingEnd - movingEnd, endUs: micros(ended.event.timeMs) },
    threads: threads.map(({ thread }) => thread),
    moves: rows.join(';'),
  };
}

/** The moves of a map, in the order of time. */
export function movesOf({ moves }: Pick<PageMap, 'moves'>): readonly MapMove[] {
  if (moves === '') return [];
  return moves.split(';').map((row) => {
    const [us = 0, first = 0, pages = 0, state = 0, thread = 0] = row.split(',').map(Number);
    return { us, first, pages, state, thread };
  });
}
