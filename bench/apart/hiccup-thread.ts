/** A thread that does nothing but wake up, and says how much too late it did (after jHiccup, Gil Tene). */
import { parentPort, workerData } from 'node:worker_threads';
import { loadAcquire, type SharedWords, sleepWhile } from '../../uffd/sync.ts';

/** Long enough to take no processor from who is measured: some 10 µs of each period are its own. */
const PERIOD_MS = 2;

const stop = workerData as SharedWords;
const late: number[] = [];
while (loadAcquire(stop, 0) === 0) {
  const began = performance.now();
  sleepWhile(stop, 0, 0, PERIOD_MS);
  late.push(Math.max(0, performance.now() - began - PERIOD_MS) * 1000);
}
late.pop(); // woken, not late
parentPort?.postMessage(late);
