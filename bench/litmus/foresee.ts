/** What a trace says of accesses that end a process: where a kernel cannot survive them, they are not made. */
import type { Foreseen, Trace } from './stage.ts';

const SIGNAL = /^SIG/;

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
