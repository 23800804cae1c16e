/**
 * A thread's way into a machine that another thread opened, with the code of that kernel alone: a thread of a heap needs
 * no other, and to load both (open.ts) takes as long again as to start the thread.
 */
import type { Kernel, KernelHandle, OpenHandle } from './kernel.ts';

/** Loads what attaches a thread to machines of that kind. */
export async function loadAttach({ minorfault }: KernelHandle): Promise<(handle: OpenHandle) => Kernel> {
  if (minorfault === 'linux') return (await import('./linux/attach.ts')).attachLinux;
  return (await import('./sim/kernel.ts')).attachSim;
}
