/** The processor time of a thread: clock_gettime(2) of CLOCK_THREAD_CPUTIME_ID, which counts to the ns and looks now. */
import { loadLibc } from './libc.ts';

const CLOCK_THREAD_CPUTIME_ID = 3;

/** Answers µs that the calling thread has had, and makes no object; null where there is no FFI. */
export function threadCpuClock(): (() => number) | null {
  const { libc } = loadLibc();
  if (libc === undefined) return null;
  // struct timespec, of 64-bit hosts: seconds, nanoseconds.
  const bytes = new Uint8Array(16);
  const fields = new BigInt64Array(bytes.buffer);
  return () => {
    libc.clockGettime(CLOCK_THREAD_CPUTIME_ID, bytes);
    return Number(fields[0]) * 1e6 + Number(fields[1]) / 1e3;
  };
}
