/**
 * Ranges of a machine in linear memory: room for them is found in the machine's book, where all of that memory stands
 * from the beginning. It stays V8's own: what is unmapped there is backed with nothing, and free again.
 */
import { type KernelLinear, PAGE_BYTES } from '../kernel.ts';
import * as table from './intervals.ts';
import { keepingBook, type LinuxMachine, TAG } from './machine.ts';

export function kernelLinear(m: LinuxMachine): KernelLinear | null {
  const { linear } = m;
  if (linear === null) return null;
  const { memory } = linear;
  return {
    memory,
    place: (length, alignment = PAGE_BYTES) => hold(m, length, alignment),
    allocate(bytes) {
      const start = hold(m, bytes, PAGE_BYTES);
      return start === 0 ? null : new Int32Array(memory.buffer, start - linear.start, Math.ceil(bytes / 4));
    },
  };
}

/** Takes room where there is some first; 0 if there is none. */
function hold(m: LinuxMachine, length: number, alignment: number): number {
  const whole = Math.ceil(length / PAGE_BYTES) * PAGE_BYTES;
  return keepingBook(m, () => {
    if (!table.hasRoom(m.ranges)) return 0;
    const starts = table
      .intervals(m.ranges)
      .filter(({ tag }) => tag === TAG.free)
      .map(({ start, end }) => ({ start: Math.ceil(start / alignment) * alignment, end }))
      .filter(({ start, end }) => start + whole <= end)
      .map(({ start }) => start);
    if (starts.length === 0) return 0;
    const start = Math.min(...starts);
    table.put(m.ranges, { start, end: start + whole, tag: TAG.held, viewed: true });
    return start;
  });
}
