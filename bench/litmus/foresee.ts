/** What a trace says of accesses that end a process: where a kernel cannot survive them, they are not made. */
import { agree } from './difference.ts';
import type { Foreseen, Moment, Trace } from './stage.ts';

const SIGNAL = /^SIG/;

/** An access that ends a process: in which step, and by which signal. */
export interface Ending {
  readonly step: number;
  readonly signal: string;
}

/** The first one of a trace, made in that step or by a thread that wakes in it. */
export function endingOf(trace: Trace): Ending | null {
  for (const [step, { is, woke = {} }] of trace.entries()) {
    const signal = [is, ...Object.values(woke).map((answer) => answer.is)].find((each) => SIGNAL.test(each));
    if (signal !== undefined) return { step, signal };
  }
  return null;
}

export function foresee(trace: Trace): Foreseen {
  const signals = new Map<number, string>();
  let end = trace.length;
  for (const [i, { is, woke = {} }] of trace.entries()) {
    if (SIGNAL.test(is)) signals.set(i, is);
    if (Object.values(woke).some((answer) => SIGNAL.test(answer.is))) {
      end = i;
      break;
    }
  }
  return { signals, end };
}

/**
 * The same, up to where the other kernel goes another way, by a race or since it differs: what was foreseen of the rest
 * is not true of it, and an access that this says to be an error could sleep for good.
 */
export function foreseeInStep(trace: Trace): Foreseen {
  return { ...foresee(trace), isSo: (step, moment) => agree(trace[step] as Moment, moment) };
}
