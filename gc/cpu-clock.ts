/** How much of the processors a thread of a heap has had. */

/** Where a thread cannot ask. */
export const UNKNOWN_CPU = -1;

/** What Node has from 23.9 on: getrusage(2) of the calling thread, in µs, as exact as the system's tick. */
type ThreadCpuUsage = () => { readonly user: number; readonly system: number };

/**
 * Answers µs that the calling thread has had so far, or {@link UNKNOWN_CPU}. With the real kernel there is an FFI to ask by,
 * which is more exact; elsewhere Node is asked, if it can say.
 */
export async function openCpuClock(kernel: 'sim' | 'linux'): Promise<() => number> {
  const exact = kernel === 'linux' ? (await import('../uffd/linux/cpu-clock.ts')).threadCpuClock() : null;
  if (exact !== null) return exact;
  const { threadCpuUsage } = process as { readonly threadCpuUsage?: ThreadCpuUsage };
  if (threadCpuUsage === undefined) return () => UNKNOWN_CPU;
  return () => {
    const { user, system } = threadCpuUsage.call(process);
    return user + system;
  };
}
