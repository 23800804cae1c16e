/** What a process that measures and the one that started it say to each other. */

import type { ThreadRecording } from '../../gc/index.ts';
import type { Plan } from '../measure.ts';
import type { Run } from '../results.ts';
import type { Packed } from './shared-data.ts';

/** The one thing that it is asked, and a signal that ends it. */
export type Request =
  | { readonly plan: Omit<Plan, 'module' | 'data'>; readonly module: string; readonly data: Packed }
  | { readonly abort: 'SIGINT' | 'SIGTERM' };

/** An error as it travels. */
export interface PostedError {
  readonly name: string;
  readonly message: string;
  readonly stack?: string | undefined;
  readonly code?: unknown;
  readonly cause?: PostedError;
}

/** How far it is, and then one of the others. */
export type Reply =
  | { readonly collections: number }
  | {
      readonly run: Run;
      readonly failure: PostedError | null;
      readonly recordings: readonly ThreadRecording[];
      readonly stalls: readonly Float64Array[];
    }
  | { readonly thrown: PostedError };

export function posted(error: unknown): PostedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  const { name, message, stack, cause } = error;
  return {
    ...{ name, message, stack },
    ...('code' in error ? { code: error.code } : {}),
    ...(cause instanceof Error ? { cause: posted(cause) } : {}),
  };
}

/** An error that says the same. It is of no class: what it is, its code says. */
export function unposted({ name, message, stack, code, cause }: PostedError): Error {
  const error = new Error(message, cause === undefined ? {} : { cause: unposted(cause) });
  return Object.assign(error, { name, stack }, code === undefined ? {} : { code });
}
