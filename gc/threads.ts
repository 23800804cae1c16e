/**
 * The worker threads of a heap as the main thread sees them: it starts them, hears from them, and ends the run when
 * one of them dies. It never blocks.
 */
import { Worker } from 'node:worker_threads';

/** A thread threw, or ended without being asked to. `cause` is what it threw. */
export class ThreadDiedError extends Error {
  readonly code = 'THREAD_DIED';
  readonly thread: string;
  constructor(thread: string, why: string, cause?: unknown) {
    super(`${thread} ${why}`, { cause });
    this.name = 'ThreadDiedError';
    this.thread = thread;
    if (cause instanceof Error && cause.stack !== undefined) this.stack = `${this.message}\n${cause.stack}`;
  }
}

/** What threads tell: `kind` and more. */
export interface ThreadMessage {
  readonly kind: string;
  readonly [field: string]: unknown;
}

export interface Thread {
  readonly name: string;
  /** The next message of that kind; rejects when the run fails. */
  readonly heard: (kind: string) => Promise<ThreadMessage>;
}

/** All threads of one heap. */
export interface ThreadGroup {
  start(name: string, entry: URL, data: object, onMessage?: (message: ThreadMessage) => void): Thread;
  /** Rejects with the error of the first thread that dies; never fulfils. */
  readonly failure: Promise<never>;
  /** From now on threads may end. */
  expectEnd(): void;
  /** Ends what still runs. */
  terminate(): Promise<void>;
}

export function makeThreadGroup(): ThreadGroup {
  const workers = new Set<Worker>();
  let ending = false;
  let fail: (error: Error) => void = () => {};
  const failure = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failure.catch(() => {}); // whoever waits for something of this heap hears of it

  function die(error: ThreadDiedError): void {
    if (!ending) fail(error);
  }

  function start(
    name: string,
    entry: URL,
    data: object,
    onMessage: (message: ThreadMessage) => void = () => {},
  ): Thread {
    const worker = new Worker(entry, { workerData: data, name });
    const waiting = new Map<string, (message: ThreadMessage) => void>();
    let over = false;
    workers.add(worker);
    worker.on('message', (message: ThreadMessage) => {
      over ||= message.kind === 'done' || message.kind === 'ended';
      waiting.get(message.kind)?.(message);
      onMessage(message);
    });
    worker.on('error', (error) => die(new ThreadDiedError(name, `failed: ${messageOf(error)}`, error)));
    worker.on('messageerror', (error) => die(new ThreadDiedError(name, 'sent what cannot be cloned', error)));
    worker.on('exit', (code) => {
      workers.delete(worker);
      if (!over) die(new ThreadDiedError(name, `ended before it was done (process.exit(${code})?)`));
    });
    const heard = (kind: string): Promise<ThreadMessage> => {
      const message = new Promise<ThreadMessage>((resolve) => waiting.set(kind, resolve));
      return Promise.race([message, failure]);
    };
    return { name, heard };
  }

  return {
    start,
    failure,
    expectEnd: () => {
      ending = true;
    },
    async terminate() {
      ending = true;
      await Promise.all([...workers].map((worker) => worker.terminate()));
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
