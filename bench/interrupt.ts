/** Ctrl-C as an AbortSignal: the command ends its threads itself before the process does. */
import { InterruptedError } from './errors.ts';

/**
 * A signal that SIGINT and SIGTERM abort, with an InterruptedError as the reason. Each is heard once: a second one
 * finds Node's own answer, which ends the process at once.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new InterruptedError(name)));
  }
  return controller.signal;
}

/** What the work comes to, or the reason of the abort if that is first. The work itself is not stopped. */
export async function unlessInterrupted<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  work.catch(() => {}); // nobody waits for it once this is aborted
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
