/** Whether a work fits into a heap: it is run there, more than once, since where threads meet a heap may do once and not again. */
import { measureApart } from '../apart/apart.ts';
import { type Program, plansOf } from '../compare.ts';
import { hasCode, isUsage } from '../errors.ts';
import { inHeap } from '../in-heap.ts';
import type { Plan } from '../measure.ts';
import type { Config } from '../options.ts';
import type { Outcome, Trial } from './search.ts';

/** A heap in which it takes so many times as long as in the first one is too small, though it does not run out. */
const PATIENCE = 10;
const LEAST_PATIENCE_S = 20;
const OUT_OF_MEMORY = new Set(['HEAP_OUT_OF_MEMORY']);

/** It takes too long. */
class TooSlowError extends Error {
  readonly code = 'TOO_SLOW';
}

/** Tries one mode in a heap, as often as there are invocations; answers as soon as one fails. */
export function makeAttempt(
  config: Config,
  program: Program,
  signal: AbortSignal,
): (bytes: number) => Promise<Trial> {
  let longestS = Number.POSITIVE_INFINITY; // until it has fitted once
  return async (bytes) => {
    const sized = inHeap({ config, program }, bytes);
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    for (const plan of plansOf(sized.config, sized.program)) {
      const outcome = await outcomeOf(plan, signal, longestS);
      if (outcome !== 'fits') return { bytes, outcome, seconds: seconds() };
    }
    longestS = Math.min(longestS, Math.max(LEAST_PATIENCE_S, PATIENCE * seconds()));
    return { bytes, outcome: 'fits', seconds: seconds() };
  };
}

/** @throws what is neither too little memory nor too little time: a crash */
async function outcomeOf(plan: Plan, signal: AbortSignal, longestS: number): Promise<Outcome> {
  const patience = new AbortController();
  const abort = () => patience.abort(signal.reason);
  signal.addEventListener('abort', abort);
  const timer = Number.isFinite(longestS)
    ? setTimeout(() => patience.abort(new TooSlowError()), 1000 * longestS)
    : undefined;
  try {
    const { failure } = await measureApart(plan, { signal: patience.signal });
    if (failure === null) return 'fits';
    if (hasCode(failure, OUT_OF_MEMORY)) return 'out of memory';
    throw failure;
  } catch (error) {
    if (error instanceof TooSlowError) return 'too slow';
    if (isUsage(error)) return 'refused';
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}
