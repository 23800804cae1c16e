/** Which processors the calling thread may run on: sched_setaffinity(2). */
import { errnoName } from '../errno.ts';
import { loadLibc } from './libc.ts';

const MASK_BYTES = 128; // 1024 processors

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
