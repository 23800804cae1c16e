/** How the ioctls that put pages in place take their arguments and answer: fields of a structure, one of them written. */
import { type Field, loadU64, store64 } from '../abi/layout.ts';
import { EAGAIN, ESRCH } from '../errno.ts';
import { PAGE_BYTES } from '../kernel.ts';
import { wakeRange } from './context.ts';
import type { Machine } from './machine.ts';

/** What goes into the output field: bytes done if any were, and those are woken; else the error. */
export function finish(
  m: Machine,
  context: number,
  first: number,
  end: number,
  stopped: number,
  wakes: boolean,
): number {
  if (end === first) return stopped;
  if (wakes) wakeRange(m, context, first, end);
  return (end - first) * PAGE_BYTES;
}

/** A field of the argument. */
export function take(arg: Uint8Array, { at }: Field): number {
  return loadU64(arg, at);
}

/** Writes the output field, and tells what the call answers by it. Not where the process is gone that the pages were for. */
export function answer(arg: Uint8Array, { at }: Field, out: number, length: number): number {
  if (out === -ESRCH) return out;
  store64(arg, at, out);
  if (out < 0) return out;
  return out === length ? 0 : -EAGAIN;
}
