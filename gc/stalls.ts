/** Stalls as they are told of: there may be millions. */

/** A mutator held up: for how long, and during which collection. */
export interface Stall {
  readonly micros: number;
  readonly cycle: number;
}

/** In plain memory, of which V8 has nothing to copy (events.ts: drain). */
export interface StallList {
  add(micros: number, cycle: number): void;
  all(): readonly Stall[];
}

export function makeStallList(): StallList {
  let values = new Float64Array(1024); // micros and cycle, in turn
  let used = 0;
  return {
    add(micros, cycle) {
      if (used === values.length) {
        const more = new Float64Array(2 * used);
        more.set(values);
        values = more;
      }
      values[used++] = micros;
      values[used++] = cycle;
    },
    all: () =>
      Array.from({ length: used / 2 }, (_, i) => ({
        micros: values[2 * i] as number,
        cycle: values[2 * i + 1] as number,
      })),
  };
}
