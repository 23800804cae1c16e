/** Sees every worker thread that is started after its import, by the name it was given: to end one from outside. */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Worker, WorkerOptions } from 'node:worker_threads';

const threads = createRequire(import.meta.url)('node:worker_threads') as { Worker: typeof Worker };
const started: { readonly name: string; readonly worker: Worker }[] = [];

threads.Worker = class extends threads.Worker {
  constructor(entry: string | URL, options: WorkerOptions = {}) {
    super(entry, options);
    started.push({ name: options.name ?? '', worker: this });
  }
};
syncBuiltinESMExports();

/** The newest worker of that name. */
export function workerNamed(name: string): Worker {
  const found = started.findLast((one) => one.name === name);
  if (found === undefined) throw new RangeError(`no worker ${name}`);
  return found.worker;
}

/** How many of the workers started since the last call have not ended. */
export function workersLeft(): number {
  return started.splice(0).filter(({ worker }) => worker.threadId !== -1).length;
}
