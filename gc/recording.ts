/**
 * What every thread did, event by event: for timelines and page maps. Kept only where a heap is opened to (`record`), since
 * a collection has thousands of events.
 */
import { EVENT_FIELDS, type Event } from './events.ts';
import { makeRows } from './rows.ts';

/** The events of one thread, in the order in which it told them. */
export interface ThreadRecording {
  /** Its name, as `mutator 0` or `fault 1`. */
  readonly thread: string;
  /** {@link EVENT_FIELDS}.length numbers an event, in that order. */
  readonly values: Float64Array;
  /** Events that came when there were MOST_EVENTS. */
  readonly dropped: number;
}

/** Events of a thread that are kept: 256 MiB of them at the most. */
export const MOST_EVENTS = 1 << 22;
const WIDTH = EVENT_FIELDS.length;

export interface Recorder {
  add(event: Event): void;
  recording(): ThreadRecording;
}

export function makeRecorder(thread: string, most = MOST_EVENTS): Recorder {
  const rows = makeRows(WIDTH);
  let [kept, dropped] = [0, 0];
  return {
    add(event) {
      if (kept === most) {
        dropped++;
        return;
      }
      kept++;
      const at = rows.add();
      const values = rows.values();
      for (let i = 0; i < WIDTH; i++) values[at + i] = event[EVENT_FIELDS[i] as keyof Event];
    },
    recording: () => ({ thread, values: rows.values(), dropped }),
  };
}

/** Each event of a thread as an object of its own. */
export function* eventsOf({ values }: Pick<ThreadRecording, 'values'>): Generator<Event> {
  for (let at = 0; at < values.length; at += WIDTH) {
    const [timeMs = NaN, kind = 0, a = 0, cycle = 0, b = 0, c = 0, d = 0] = values.subarray(at, at + WIDTH);
    yield { timeMs, kind, a, cycle, b, c, d };
  }
}
