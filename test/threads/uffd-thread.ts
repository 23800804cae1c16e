/** Starts threads of a simulated machine (uffd-thread.mjs) and sends them kernel calls. */
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import type { Kernel } from '../../dist/uffd/index.js';

/** A call: the name of a Kernel method (or of one of the worker's own) and its arguments. */
export type Call = readonly [name: string, ...args: unknown[]];

export interface Thread {
  readonly tid: number;
  /** Does the calls in order; resolves to the last one's result. An error becomes `NAME CODE` as a string. */
  run(...calls: Call[]): Promise<unknown>;
  /** Ends the thread wherever it is, without a word to the machine. */
  kill(): Promise<unknown>;
}

interface Reply {
  readonly id: number;
  readonly results?: unknown[];
  readonly error?: { name: string; message: string; code?: string; address?: number };
}

export async function startThread(kernel: Kernel): Promise<Thread> {
  const worker = new Worker(new URL('./uffd-thread.mjs', import.meta.url), { workerData: kernel.handle() });
  const waiting = new Map<number, (reply: Reply) => void>();
  worker.on('message', (reply: Reply) => waiting.get(reply.id)?.(reply));
  worker.on('error', (error) => {
    for (const settle of waiting.values()) settle({ id: -1, error });
  });
  onTestFinished(async () => {
    await worker.terminate();
  });
  let last = 0;
  const reply = (id: number) => new Promise<Reply>((settle) => waiting.set(id, settle));
  const hello = await reply(0);
  return {
    tid: hello.results?.[0] as number,
    async run(...calls) {
      const id = ++last;
      const answered = reply(id);
      worker.postMessage({ id, calls });
      const { results, error } = await answered;
      waiting.delete(id);
      if (error !== undefined) return `${error.name} ${error.code ?? error.message}`;
      return results?.at(-1);
    },
    kill: () => worker.terminate(),
  };
}

export async function startThreads(kernel: Kernel, count: number): Promise<Thread[]> {
  return Promise.all(Array.from({ length: count }, () => startThread(kernel)));
}
