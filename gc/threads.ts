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

/** The heap was closed before that. */
export class HeapClosedError extends Error {
  readonly code = 'HEAP_CLOSED';
  constructor() {
    super('the heap was closed');
    this.name = 'HeapClosedError';
  }
}

/** What threads tell: `kind` and more. */
export interface ThreadMessage {
  readonly kind: string;
  readonly [field: string]: unknown;
}

export interface Thread {
  readonly name: string;
  /** The next message of that kind; rejects when the run fails, and when all threads have been ended. */
  readonly heard: (kind: string) => Promise<ThreadMessage>;
}

/** All threads of one heap. */
export interface ThreadGroup {
  start(name: string, entry: URL, data: object, onMessage?: (message: ThreadMessage) => void): Thread;
  /** Rejects with the error of the first thread that dies, or that was given to `fail`; never fulfils. */
  readonly failure: Promise<never>;
  /** Ends the run with an error that the main thread found. */
  fail(error: Error): void;
  /** Rejects with HeapClosedError once all threads have been ended; never fulfils. */
  readonly end: Promise<never>;
  /**
   * Asks threads to end whose names begin so, and does not wait: one that is asleep in a fault runs no further than to
   * its next call or loop once it is woken, and tells nobody anything. (One that is not attached yet is left alone.)
   */
  halt(prefix: string): void;
  /** Ends what still runs. */
  terminate(): Promise<void>;
}

export function makeThreadGroup(): ThreadGroup {
  /** Each worker, and when it may be ended: the FFI aborts the process if that happens while it loads, or makes a view. */
  const workers = new Map<Worker, Promise<void>>();
  /** Those that may be ended at once. */
  const attached = new Set<{ readonly name: string; readonly worker: Worker }>();
  let ending = false;
  let reject: (error: Error) => void = () => {};
  const failure = new Promise<never>((_resolve, rejectIt) => {
    reject = rejectIt;
  });
  let close: (error: Error) => void = () => {};
  const end = new Promise<never>((_resolve, reject) => {
    close = reject;
  });
  // Whoever waits for something of this heap hears of these.
  failure.catch(() => {});
  end.catch(() => {});

  function fail(error: Error): void {
    if (!ending) reject(error);
  }

  function start(
    name: string,
    entry: URL,
    data: object,
    onMessage: (message: ThreadMessage) => void = () => {},
  ): Thread {
    const worker = new Worker(entry, { workerData: data, name });
    const self = { name, worker };
    const waiting = new Map<string, (message: ThreadMessage) => void>();
    let over = false;
    let arrive = (): void => {};
    workers.set(worker, new Promise<void>((resolve) => (arrive = resolve)));
    worker.on('message', (message: ThreadMessage) => {
      if (message.kind === 'attached') {
        arrive();
        attached.add(self);
      }
      over ||= message.kind === 'done' || message.kind === 'ended';
      waiting.get(message.kind)?.(message);
      onMessage(message);
    });
    worker.on('error', (error) => fail(new ThreadDiedError(name, `failed: ${messageOf(error)}`, error)));
    worker.on('messageerror', (error) =>
      fail(new ThreadDiedError(name, 'sent what cannot be cloned', error)),
    );
    worker.on('exit', (code) => {
      arrive();
      workers.delete(worker);
      attached.delete(self);
      if (!over) fail(new ThreadDiedError(name, `ended before it was done (process.exit(${code})?)`));
    });
    const heard = (kind: string): Promise<ThreadMessage> => {
      const message = new Promise<ThreadMessage>((resolve) => waiting.set(kind, resolve));
      return Promise.race([message, failure, end]);
    };
    return { name, heard };
  }

  return {
    start,
    failure,
    fail,
    end,
    halt(prefix) {
      ending = true;
      for (const { name, worker } of attached) if (name.startsWith(prefix)) void worker.terminate();
    },
    async terminate() {
      ending = true;
      await Promise.all([...workers].map(([worker, attached]) => attached.then(() => worker.terminate())));
      close(new HeapClosedError());
    },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
