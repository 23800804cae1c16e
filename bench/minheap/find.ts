/** The smallest heap of each mode of a call, on its first size of pages. */
import { formatBytes } from '../../heap/errors.ts';
import { CheckError } from '../errors.ts';
import type { CallSurroundings, PreparedCall } from '../measure-call.ts';
import { MAX_HEAP_BYTES } from '../options.ts';
import { makeAttempt } from './attempt.ts';
import { findSmallestHeap, type SmallestHeap } from './search.ts';

export interface ModesHeap extends SmallestHeap {
  readonly mode: string;
}

/** Heaps are tried in steps of 16 pages, or of one that is huge. */
const STEP_BYTES = 64 * 1024;
/** Runs of each heap that is tried: where one fits once, it may not the next time. */
const TRIES = 2;

/** @throws CheckError where something else goes wrong than that the heap is too small, InterruptedError */
export async function findSmallestHeaps(
  { config, program }: Pick<PreparedCall, 'config' | 'program'>,
  { signal, progress }: CallSurroundings,
): Promise<readonly ModesHeap[]> {
  const found: ModesHeap[] = [];
  for (const mode of config.modes) {
    const alone = { ...config, modes: [mode], pages: [config.page], invocations: TRIES };
    const attempt = makeAttempt(alone, program, signal);
    const shown = async (bytes: number) => {
      progress.watch(() => `smallest heap of ${mode}: trying ${formatBytes(bytes)}`);
      return attempt(bytes);
    };
    const bounds = {
      firstBytes: config.heap,
      mostBytes: MAX_HEAP_BYTES,
      unitBytes: Math.max(STEP_BYTES, config.page),
    };
    const smallest = await findSmallestHeap(shown, bounds).catch((error: unknown) => {
      signal.throwIfAborted();
      throw new CheckError(`smallest heap of ${mode}: ${(error as Error).message}`);
    });
    progress.finished(
      `smallest heap of ${mode}: ${formatBytes(smallest.bytes)}, ${smallest.trials.length} tried`,
    );
    found.push({ mode, ...smallest });
  }
  return found;
}
