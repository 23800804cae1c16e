/** Rows of numbers in plain memory, of which V8 has nothing to copy (events.ts: drain): there may be millions. */
export interface Rows {
  /** Adds a row, and answers where in `values()` it begins. */
  add(): number;
  /** All rows, one after the other; what is written there stays until the next `add`, which may move it. */
  values(): Float64Array;
}

const FIRST_ROWS = 512;

/** @param width numbers of a row */
export function makeRows(width: number): Rows {
  let values = new Float64Array(FIRST_ROWS * width);
  let used = 0;
  return {
    add() {
      if (used === values.length) {
        const more = new Float64Array(2 * used);
        more.set(values);
        values = more;
      }
      const at = used;
      used += width;
      return at;
    },
    values: () => values.subarray(0, used),
  };
}
