/** Runs the jobs of uffd-stress-thread.mjs, each in a thread of its own. */
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';
import type { Kernel } from '../../dist/uffd/index.js';

/** A job and how it ended: its result, or that the machine was gone. */
export function startJob(
  kernel: Kernel,
  job: string,
  options: Record<string, number>,
): Promise<number | 'gone'> {
  const worker = new Worker(new URL('./uffd-stress-thread.mjs', import.meta.url), {
    workerData: { handle: kernel.handle(), job, seed: 1, ...options },
  });
  onTestFinished(async () => {
    await worker.terminate();
  });
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error(`${job} ended without a word`)));
    worker.once('message', ({ done, gone, error }) => {
      if (error !== undefined) reject(new Error(`${job}: ${error}`));
      else resolve(gone ? 'gone' : done);
    });
  });
}

/** The promise, or an error after so long: a lost wake must end the test. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not done within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
