/** Opening a kernel: a new machine, or a thread's way into one that another thread opened. */
import type { Kernel, KernelHandle } from './kernel.ts';
import { simKernel } from './sim/kernel.ts';
import { attachMachine, createMachine, MAX_MEMORY_BYTES, type SimOptions } from './sim/machine.ts';

/** This host, or this build, has no such kernel. */
export class KernelUnavailableError extends Error {
  readonly code = 'KERNEL_UNAVAILABLE';
  constructor(message: string) {
    super(message);
    this.name = 'KernelUnavailableError';
  }
}

/**
 * Opens a kernel for the calling thread: `'sim'` makes a machine of its own, a handle attaches to the machine that
 * the handle came from. Synchronous. The opener disposes of the machine; an attached thread detaches.
 * @throws KernelUnavailableError for `'linux'`: this build has only the simulated kernel
 * @throws RangeError for sizes that no machine can have
 */
export function openKernel(target: 'sim' | 'linux' | KernelHandle, options: SimOptions = {}): Kernel {
  if (target === 'sim') return simKernel(createMachine(options), true);
  if (typeof target === 'object' && target.machine !== undefined) {
    return simKernel(attachMachine(target.machine), false);
  }
  if (target === 'linux' || target?.minorfault === 'linux') {
    throw new KernelUnavailableError(
      "openKernel: this build has no 'linux' kernel yet, only the simulated one; use 'sim'",
    );
  }
  throw new TypeError("openKernel takes 'sim', 'linux' or the handle() of an open kernel");
}

export { MAX_MEMORY_BYTES, type SimOptions };
