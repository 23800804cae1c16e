/**
 * Measures a run in a process of its own: fresh machine code, a fresh heap of V8, and an end that takes nobody along. What it
 * runs was prepared before, and is the same for all (shared-data.ts).
 */
import { type ChildProcess, fork } from 'node:child_process';
import { emptyRun } from '../describe-run.ts';
import { InterruptedError } from '../errors.ts';
import type { Measurement, Plan } from '../measure.ts';
import { summarize } from '../metrics/summary.ts';
import { watchHiccups } from './hiccups.ts';
import { type Reply, type Request, unposted } from './messages.ts';
import { pack } from './shared-data.ts';

/** The process ended before its run was over. */
export class ProcessDiedError extends Error {
  readonly code = 'PROCESS_DIED';
  constructor(how: string) {
    super(`the process of the run ended with ${how} before the run was over`);
    this.name = 'ProcessDiedError';
  }
}

export interface ApartSurroundings {
  readonly signal: AbortSignal;
  /** Told, once the process runs, how to ask for the number of collections finished so far. */
  readonly onOpen?: (collections: () => number) => void;
}

/** How long its threads may take to end when the command is interrupted. */
const END_MS = 5000;

/** @throws what measure() throws (measure.ts), by its code */
export async function measureApart(plan: Plan, { signal, onOpen }: ApartSurroundings): Promise<Measurement> {
  signal.throwIfAborted();
  const openedMs = performance.now();
  const child = fork(new URL('./main.js', import.meta.url), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const abort = () => endInOrder(child, signal.reason);
  signal.addEventListener('abort', abort);
  const hiccups = watchHiccups();
  try {
    let collections = 0;
    onOpen?.(() => collections);
    const outcome = await ask(child, requestOf(plan), (count) => {
      collections = count;
    });
    const hiccupsUs = summarize(await hiccups());
    signal.throwIfAborted();
    if ('died' in outcome) {
      const failure = new ProcessDiedError(outcome.died);
      return { run: emptyRun(plan), failure, openedMs, recordings: [], stalls: [] };
    }
    if ('thrown' in outcome) throw unposted(outcome.thrown);
    const { run, failure, recordings, stalls } = outcome;
    return {
      run: { ...run, hiccupsUs },
      failure: failure === null ? null : unposted(failure),
      ...{ openedMs, recordings, stalls },
    };
  } finally {
    signal.removeEventListener('abort', abort);
    void hiccups();
  }
}

function requestOf({ module, data, ...plan }: Plan): Request {
  return { plan, module: module.href, data: pack(data) };
}

type Outcome = Exclude<Reply, { collections: number }> | { readonly died: string };

/** Settles once the process has ended. */
function ask(
  child: ChildProcess,
  request: Request,
  onCollections: (count: number) => void,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let answer: Outcome | null = null;
    child.on('message', (reply: Reply) => {
      if ('collections' in reply) onCollections(reply.collections);
      else answer = reply;
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(answer ?? { died: signal ?? `exit code ${code}` }));
    child.send(request, () => {}); // if it has died before, its exit says so
  });
}

function endInOrder(child: ChildProcess, reason: unknown): void {
  const signal = reason instanceof InterruptedError ? reason.signal : 'SIGTERM';
  if (child.connected) child.send({ abort: signal } satisfies Request, () => {});
  setTimeout(() => child.kill('SIGKILL'), END_MS).unref();
}
