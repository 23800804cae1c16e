/** How a command can fail, and the exit code of each: the contract's 1, 2, 3 and 130. */

/** The call is wrong: an unknown or bad value, a missing or malformed file. One line says what to do. */
export class UsageError extends Error {
  readonly code = 'USAGE';
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** The call is right, and this host or build cannot do it. The message names what is missing and the remedy. */
export class HostError extends Error {
  readonly code = 'HOST';
  constructor(message: string) {
    super(message);
    this.name = 'HostError';
  }
}

/** Something that was checked does not hold. */
export class CheckError extends Error {
  readonly code = 'CHECK';
  constructor(message: string) {
    super(message);
    this.name = 'CheckError';
  }
}

/** A signal asked the command to end. */
export class InterruptedError extends Error {
  readonly code = 'INTERRUPTED';
  readonly signal: 'SIGINT' | 'SIGTERM';
  /** @param left what becomes of the work */
  constructor(signal: 'SIGINT' | 'SIGTERM', left = 'no result was written') {
    super(`interrupted by ${signal}: all threads have ended, ${left}`);
    this.name = 'InterruptedError';
    this.signal = signal;
  }
}

export const EXIT = { done: 0, failed: 1, usage: 2, host: 3, interrupted: 130, terminated: 143 } as const;

/** Codes by which this host is not able to: ours, and that of a kernel which cannot be opened (uffd/open.ts). */
const HOST_CODES: ReadonlySet<unknown> = new Set(['HOST', 'KERNEL_UNAVAILABLE']);

/** Codes of errors whose message is the whole story: one line, no stack. */
const TOLD_IN_ONE_LINE: ReadonlySet<unknown> = new Set([
  ...HOST_CODES,
  'CHECK',
  'INTERRUPTED',
  'HEAP_OUT_OF_MEMORY',
  'INVARIANT_VIOLATED',
  'MODE_BROKEN',
  'KERNEL_REFUSED',
]);

export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Whether the error has one of the codes, or what it was caused by: a thread's death names what it died of. */
export function hasCode(error: Error, codes: ReadonlySet<unknown>): boolean {
  return codes.has(codeOf(error)) || codes.has(codeOf(error.cause));
}

/** An error that says the call was wrong, whoever made it: openHeap answers a heap it cannot map this way too. */
export function isUsage(error: unknown): boolean {
  const code = codeOf(error);
  return (
    code === 'USAGE' || code === 'HEAP_OPTIONS' || code === 'HEAP_TOO_LARGE' || code === 'MODE_NOT_LOADED'
  );
}

export function exitCodeOf(error: unknown): number {
  if (isUsage(error)) return EXIT.usage;
  if (HOST_CODES.has(codeOf(error))) return EXIT.host;
  if (error instanceof InterruptedError)
    return error.signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
  return EXIT.failed;
}

/** What standard error is told: one line where that says all; the stack of whatever died otherwise. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isUsage(error) || hasCode(error, TOLD_IN_ONE_LINE)) return error.message.replaceAll(/\s*\n\s*/g, ' ');
  const cause = error.cause instanceof Error ? `\ncaused by: ${error.cause.stack}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
