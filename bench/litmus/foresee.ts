/** What a trace says of accesses that end a process: where a kernel cannot survive them, they are not made. */
import type { Foreseen, Trace } from './stage.ts';

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
