/** Stalls as they are told of: there may be millions. */
import { makeRows } from './rows.ts';

/** A mutator held up: for how long, during which collection, and when it went on, in the heap's time (events.ts). */
export interface Stall {
  readonly micros: number;
  readonly cycle: number;
  readonly endedMs: number;
}

export interface StallList {
  add(micros: number, cycle: number, endedMs: number): void;
  all(): readonly Stall[];
}

const WIDTH = 3;

export function makeStallList(): StallList {
  const rows = makeRows(WIDTH);
  return {
    add(micros, cycle, endedMs) {
      const at = rows.add();
      const values = rows.values();
      values[at] = micros;
      values[at + 1] = cycle;
      values[at + 2] = endedMs;
    },
    all() {
      const values = rows.values();
      return Array.from({ length: values.length / WIDTH }, (_, i) => ({
        micros: values[WIDTH * i] as number,
        cycle: values[WIDTH * i + 1] as number,
        endedMs: values[WIDTH * i + 2] as number,
      }));
    },
  };
}
