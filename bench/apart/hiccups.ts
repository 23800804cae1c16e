/** The control of every run: how late an idle thread of another process wakes up while it goes on. */
import { Worker } from 'node:worker_threads';
import { storeRelease, wake } from '../../uffd/sync.ts';

/** Watches until what it answers is called, which tells the delays in µs. */
export function watchHiccups(): () => Promise<readonly number[]> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(new URL('./hiccup-thread.js', import.meta.url), { workerData: stop });
  const late = new Promise<readonly number[]>((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
  });
  late.catch(() => {}); // told to whoever asks
  return () => {
    storeRelease(stop, 0, 1);
    wake(stop, 0);
    return late;
  };
}
