/** Where threads may run, and whom they make wait: sched_setaffinity(2), sched_setscheduler(2), sched(7). */
import { readdirSync } from 'node:fs';
import { ESRCH, errnoName } from '../errno.ts';
import { loadLibc } from './libc.ts';

const MASK_BYTES = 128; // 1024 processors
const SCHED_OTHER = 0;
const SCHED_BATCH = 3;
/** struct sched_param: the priority, which these policies do not have. */
const NO_PRIORITY = new Uint8Array(4);

/**
 * Ties the calling thread to one processor.
 * @throws Error if there is no FFI, or no such processor
 */
export function pinThread(cpu: number): void {
  const { libc, why } = loadLibc();
  if (libc === undefined) throw new Error(`a thread cannot be pinned: ${why}`);
  const mask = new Uint8Array(MASK_BYTES);
  mask[cpu >>> 3] = 1 << (cpu & 7);
  const answer = libc.setAffinity(mask);
  if (answer < 0) throw new Error(`a thread cannot be pinned to CPU ${cpu}: ${errnoName(answer)}`);
}

/** The processors that the calling thread may run on; null where they cannot be asked for. */
export function allowedCpus(): number[] | null {
  if (process.platform !== 'linux') return null;
  const { libc } = loadLibc();
  const mask = new Uint8Array(MASK_BYTES);
  if (libc === undefined || libc.getAffinity(mask) < 0) return null;
  return Array.from({ length: 8 * MASK_BYTES }, (_, cpu) => cpu).filter(
    (cpu) => ((mask[cpu >>> 3] as number) & (1 << (cpu & 7))) !== 0,
  );
}

/**
 * Whether policies can be set: this is Linux with an FFI, nothing forbids the call, and whoever started the process
 * has left it the usual policy.
 */
export function canBatch(): boolean {
  if (process.platform !== 'linux') return false;
  const { libc } = loadLibc();
  return (
    libc !== undefined &&
    libc.getScheduler(0) === SCHED_OTHER &&
    libc.setScheduler(0, SCHED_OTHER, NO_PRIORITY) === 0
  );
}

/**
 * Makes all threads of the process but its main thread SCHED_BATCH: when such a thread wakes, it does not take the
 * processor from one that runs. To be called by the main thread, before it has started any worker: then these are the
 * threads of Node and V8, and workers do not inherit it.
 * @throws Error where it is refused; `canBatch` tells before
 */
export function batchRuntimeThreads(): void {
  const { libc, why } = loadLibc();
  if (libc === undefined) throw new Error(`policies cannot be set: ${why}`);
  const others = readdirSync('/proc/self/task').map(Number);
  for (const tid of others.filter((tid) => tid !== process.pid)) {
    const answer = libc.setScheduler(tid, SCHED_BATCH, NO_PRIORITY);
    if (answer < 0 && answer !== -ESRCH) throw new Error(`thread ${tid}: ${errnoName(answer)}`);
  }
}
