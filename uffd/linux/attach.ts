/** A thread's way into a machine of this process that another thread opened. */
import type { Kernel, OpenHandle } from '../kernel.ts';
import { KernelUnavailableError, type Missing } from '../unavailable.ts';
import { linuxKernel } from './kernel.ts';
import type { Libc } from './libc.ts';
import { attachMachine } from './machine.ts';
import { probeLinux } from './probe.ts';

/** @throws KernelUnavailableError if the real kernel cannot be reached */
export function attachLinux({ machine, linear }: OpenHandle): Kernel {
  const libc = requireLibc();
  return linuxKernel(libc, attachMachine(libc, machine, linear ?? null), false);
}

/** Whether there is a userfaultfd is for the caller to find out: not everything needs one. */
export function requireLibc(): Libc {
  const { libc, missing } = probeLinux();
  if (libc === undefined) throw new KernelUnavailableError(missing as Missing);
  return libc;
}
