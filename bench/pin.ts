/** Where a benchmark's thread runs: by taskset(1), since Node itself has no call for it. */
import { execFileSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';

/**
 * Ties the calling thread to one processor. Two threads that wake each other cost several times as much on two
 * processors as on one, and the scheduler places them as it likes: a comparison of wakes must say where they were.
 * @throws Error if this is not Linux, or has no taskset
 */
export function pinThread(cpu: number): void {
  const tid = readlinkSync('/proc/thread-self').split('/').pop() as string;
  execFileSync('taskset', ['-cp', String(cpu), tid], { stdio: 'ignore' });
}

/** Whether {@link pinThread} works here. */
export function canPin(): boolean {
  try {
    execFileSync('taskset', ['-V'], { stdio: 'ignore' });
    return process.platform === 'linux';
  } catch {
    return false;
  }
}
